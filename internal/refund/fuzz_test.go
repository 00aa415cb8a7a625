package refund

import (
	"encoding"
	"reflect"
	"testing"
)

// textual is what each of the record's textual types can do.
type textual[T any] interface {
	*T
	encoding.TextUnmarshaler
}

// roundTrip reads input as a T and, where that succeeds, demands that writing
// and reading it again gives the same value.
func roundTrip[T interface {
	comparable
	encoding.TextMarshaler
}, P textual[T]](t *testing.T, input []byte) {
	t.Helper()
	var first, second T
	if P(&first).UnmarshalText(input) != nil {
		return
	}
	written, err := first.MarshalText()
	if err != nil {
		t.Fatalf("%q is read as %v and cannot be written: %v", input, first, err)
	}
	if err := P(&second).UnmarshalText(written); err != nil || first != second {
		t.Fatalf("%q is read as %v, written as %q and read as %v, %v", input, first, written, second, err)
	}
}

func FuzzTexts(f *testing.F) {
	for _, name := range append(stateNames[:], codeNames[:]...) {
		f.Add([]byte(name))
	}
	f.Add([]byte("00000000000000ff"))
	f.Add([]byte("ffffffffffffffff"))
	f.Fuzz(func(t *testing.T, input []byte) {
		roundTrip[State](t, input)
		roundTrip[Code](t, input)
		roundTrip[Nonce](t, input)
	})
}

func FuzzTime(f *testing.F) {
	f.Add([]byte(`null`))
	f.Add([]byte(`"2026-11-21T16:00:00.000000001+07:00"`))
	f.Add([]byte(`"0001-01-01T00:00:00Z"`))
	f.Add([]byte(`"2199-12-31T23:59:59.999999999Z"`))
	f.Fuzz(func(t *testing.T, input []byte) {
		var first, second Time
		if first.UnmarshalJSON(input) != nil {
			return
		}
		written, err := first.MarshalJSON()
		if err != nil {
			t.Fatalf("%s is read as %d and cannot be written: %v", input, first, err)
		}
		if err := second.UnmarshalJSON(written); err != nil || first != second {
			t.Fatalf("%s is read as %d, written as %s and read as %d, %v", input, first, written, second, err)
		}
	})
}

// What is read as a record is the same record after it has been written.
func FuzzRecord(f *testing.F) {
	for _, r := range []Record{fullRecord(), {}} {
		f.Add(r.AppendJSON(nil))
	}
	f.Add([]byte(`{"v":1,"said":{},"job":null,"state":null,"unknown":[{}],"v":2,"job":{"metadata":{}}}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		var first, second Record
		if first.UnmarshalJSON(input) != nil {
			return
		}
		written := first.AppendJSON(nil)
		if err := second.UnmarshalJSON(written); err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("%s is read as\n%+v\nwritten as %s and read as\n%+v, %v", input, first, written, second, err)
		}
	})
}
