package doku

import (
	"math/big"
	"strconv"
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
		{`9e4`, true, true},
		{`"9e4"`, true, true},
		{`9.0E4`, true, true},
		{`"9.0E4"`, true, true},
		{`9.0E+4`, true, true},
		{`900000e-1`, true, true},
		{`0.9e5`, true, true},
		{`90000.0`, true, true},
		{`"090000.0"`, true, true},
		{`9.00001E4`, false, true},
		{`9e5`, false, true},
		{`9e-999999999999999999999`, false, true},
		{`9e999999999999999999999`, false, true},
		{`0e999999999999999999999`, false, true},
		{`"9.E4"`, false, false},
		{`"E4"`, false, false},
		{`"9e"`, false, false},
		{`"9e+"`, false, false},
		{`"9e4.0"`, false, false},
		{`"9e4e1"`, false, false},
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

// A Java double prints amounts from 10,000,000 up with an exponent.
func TestAmountOfAJavaDoubleIsExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1.0E7": 10_000_000, "1.2345678E7": 12_345_678, "1.00000001E8": 100_000_001,
		"9.007199254740991E15": 9_007_199_254_740_991, "1.0E15": 1_000_000_000_000_000, "9999999.0": 9_999_999,
		"0": 0, "0.0": 0, "0E0": 0,
	} {
		if r, err := parseRupiah(text); err != nil || !r.is(want) || r.is(want+1) {
			t.Errorf("%s is %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{"9223372036854775808", "1e19", "1.5e0"} {
		if r, err := parseRupiah(text); err != nil || !r.odd || r.is(0) {
			t.Errorf("%s is %+v, %v", text, r, err)
		}
	}
}

// What is read as an amount is that amount in exact arithmetic too.
func FuzzAmount(f *testing.F) {
	for _, seed := range []string{"90000", "90000.00", "0.5", "9999999999999999.00", "", ".", "1e5", "-1", "007.0", "1.0E7", "1E-2", "0e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 100 || strings.ContainsAny(text, "eE") && len(text) > 12 {
			return // big.Rat would write out an exponent
		}
		r, err := parseRupiah(text)
		if err != nil {
			return
		}
		mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
		if n, _ := strconv.Atoi(exponent); n > 1000 || n < -1000 {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || strings.ContainsAny(mantissa, "+-_xX/ ") || strings.ContainsAny(exponent, ".e_ ") {
			t.Fatalf("%q passed for a decimal number", text)
		}
		if same := exact.Cmp(new(big.Rat).SetInt64(r.value)) == 0; same != r.is(r.value) {
			t.Fatalf("%q was read as %+v", text, r)
		}
		if exact.IsInt() && exact.Num().IsInt64() == r.odd {
			t.Fatalf("%q was read as %+v", text, r)
		}
	})
}
