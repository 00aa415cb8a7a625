package doku

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// rupiah is an amount in an answer: a JSON number or string, with or without
// decimals, and with an exponent where a Java double was printed (10,000,000 is
// its 1.0E7). The zero value means that there was none.
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

// parseRupiah reads a decimal number without a sign; never a float.
func parseRupiah(text string) (rupiah, error) {
	d, ok := parseDecimal(text)
	if !ok {
		return rupiah{}, errAmount
	}
	value, whole := d.whole()
	return rupiah{value: value, known: true, odd: !whole}, nil
}

// decimal is an exact number, digits·10^exponent. The digits neither begin nor
// end with a zero; zero itself has none.
type decimal struct {
	digits   string
	exponent int
}

// maxExponent is more than any number of digits in an answer: beyond it, it does
// not matter how far.
const maxExponent = 10 * maxBody

// parseDecimal reads digits, perhaps a point and more digits, perhaps an
// exponent.
func parseDecimal(text string) (decimal, bool) {
	var exponent int
	mantissa, power, powered := cutExponent(text)
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	if !allDigits(whole) || pointed && !allDigits(fraction) {
		return decimal{}, false
	}
	if powered {
		var ok bool
		if exponent, ok = parseExponent(power); !ok {
			return decimal{}, false
		}
	}
	all := strings.TrimLeft(whole+fraction, "0")
	digits := strings.TrimRight(all, "0")
	if digits == "" {
		return decimal{}, true
	}
	return decimal{digits: digits, exponent: exponent - len(fraction) + len(all) - len(digits)}, true
}

func cutExponent(text string) (mantissa, power string, found bool) {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+1:], true
}

func parseExponent(text string) (int, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(digits, "+")
	}
	if !allDigits(digits) {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > maxExponent {
		n = maxExponent
	}
	if negative {
		return -n, true
	}
	return n, true
}

// whole returns the number where it is a whole one that fits.
func (d decimal) whole() (int64, bool) {
	const longest = 19 // digits of the largest int64
	if d.exponent < 0 || len(d.digits)+d.exponent > longest {
		return 0, false
	}
	if d.digits == "" {
		return 0, true
	}
	value, err := strconv.ParseInt(d.digits+strings.Repeat("0", d.exponent), 10, 64)
	return value, err == nil
}

// floor drops the fraction.
func (d decimal) floor() decimal {
	if d.exponent >= 0 {
		return d
	}
	return decimal{digits: d.digits[:max(0, len(d.digits)+d.exponent)]}
}

// formatRupiah is the form that SNAP wants: "10000.00" (DOKU's direct debit document).
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
