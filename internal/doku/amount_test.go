package doku

import (
	"math/big"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestAmountsAreReadInEveryDocumentedForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		json string
		is   bool // exactly 90000
		ok   bool // an amount at all, or none
	}{
		{`90000`, true, true},
		{`"90000"`, true, true},
		{`90000.00`, true, true},
		{`"90000.00"`, true, true},
		{`"90000.000000000000000000000000"`, true, true},
		{`90000.5`, false, true},
		{`90000.000000000000000000000001`, false, true},
		{`"90001"`, false, true},
		{`99999999999999999999990000`, false, true},
		{`null`, false, true},
		{`-90000`, false, false},
		{`9e4`, false, false},
		{`"9e4"`, false, false},
		{`"90,000"`, false, false},
		{`"90000."`, false, false},
		{`".00"`, false, false},
		{`" 90000"`, false, false},
		{`"+90000"`, false, false},
		{`"0x15f90"`, false, false},
		{`""`, false, false},
		{`true`, false, false},
		{`[90000]`, false, false},
		{`{"value":90000}`, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.json, func(t *testing.T) {
			t.Parallel()
			var r rupiah
			err := json.Unmarshal([]byte(tt.json), &r)
			if (err == nil) != tt.ok || r.is(90000) != tt.is {
				t.Errorf("%s is %+v, %v", tt.json, r, err)
			}
			if tt.ok && r.differs(90000) == (tt.is || tt.json == "null") {
				t.Errorf("%s differs: %v", tt.json, r.differs(90000))
			}
		})
	}
}

func TestAmountBeyondAnyFloatIsExact(t *testing.T) {
	t.Parallel()
	r, err := parseRupiah("9999999999999999.00")
	if err != nil || !r.is(9999999999999999) || r.is(10000000000000000) {
		t.Errorf("got %+v, %v", r, err)
	}
	if got := formatRupiah(9999999999999999); got != "9999999999999999.00" {
		t.Errorf("got %s", got)
	}
}

// What is read as an amount is that amount in exact arithmetic too.
func FuzzAmount(f *testing.F) {
	for _, seed := range []string{"90000", "90000.00", "0.5", "9999999999999999.00", "", ".", "1e5", "-1", "007.0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 100 {
			return
		}
		r, err := parseRupiah(text)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || strings.ContainsAny(text, "eE+-_xX/ ") {
			t.Fatalf("%q passed for a decimal number", text)
		}
		if same := exact.Cmp(new(big.Rat).SetInt64(r.value)) == 0; same != r.is(r.value) {
			t.Fatalf("%q was read as %+v", text, r)
		}
	})
}
