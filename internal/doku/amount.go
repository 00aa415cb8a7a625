package doku

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// rupiah is an amount in an answer: a JSON number or string, with or without
// decimals (doku-api.md §1). The zero value means that there was none.
type rupiah struct {
	value int64
	known bool // there was an amount
	odd   bool // not a whole number of rupiah, or larger than any of ours: nobody's amount but DOKU's
}

// is reports whether the answer holds exactly this amount.
func (r rupiah) is(amount int64) bool { return r.known && !r.odd && r.value == amount }

// differs reports whether the answer holds an amount, and another one.
func (r rupiah) differs(amount int64) bool { return r.known && !r.is(amount) }

var errAmount = errors.New("amount is no decimal number")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (r *rupiah) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n':
		*r = rupiah{}
		return nil
	case '"', '0':
		*r, err = parseRupiah(token.String())
		return err
	default:
		return errAmount
	}
}

// parseRupiah reads digits, perhaps a point and more digits; never a float, a
// sign or an exponent.
func parseRupiah(text string) (rupiah, error) {
	whole, fraction, pointed := strings.Cut(text, ".")
	if !allDigits(whole) || pointed && !allDigits(fraction) {
		return rupiah{}, errAmount
	}
	value, ok := parseWhole(whole)
	return rupiah{value: value, known: true, odd: !ok || strings.Trim(fraction, "0") != ""}, nil
}

func parseWhole(digits string) (int64, bool) {
	value, err := strconv.ParseInt(digits, 10, 64)
	return value, err == nil
}

// formatRupiah is the form that SNAP wants: "10000.00" (seed 2).
func formatRupiah(amount int64) string { return strconv.FormatInt(amount, 10) + ".00" }

// allDigits reports whether s is one or more ASCII digits.
func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
