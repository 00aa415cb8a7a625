package spreadsheet

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// Errors of [Rupiah]; their texts say what to write instead.
var (
	// ErrAmount is returned for what is not a whole number of rupiah, and for what
	// could be two different ones.
	ErrAmount = errors.New("is no whole number of rupiah, or can be read in two ways; write plain digits, such as 1500000 or 1500000.00")

	// ErrExponent is returned for a number with an exponent: its digits are lost.
	ErrExponent = errors.New("is a number with an exponent: a spreadsheet has shortened it; format the column as a number without decimals")
)

// The forms of a number. Three digits behind the only point or comma are
// thousands: rupiah have no thousandths.
var (
	plainNumber = regexp.MustCompile(`^([0-9]+)(?:[.,]0{1,2})?$`)
	pointGroups = regexp.MustCompile(`^([1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,0{1,2})?$`)
	commaGroups = regexp.MustCompile(`^([1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.0{1,2})?$`)
	spaceGroups = regexp.MustCompile(`^([1-9][0-9]{0,2}(?:[ \x{00A0}\x{202F}'][0-9]{3})+)(?:[.,]0{1,2})?$`)
	currency    = regexp.MustCompile(`^(?i:(?:rp|idr)\.?)[ \x{00A0}]*|[ \x{00A0}]*(?i:idr)$|,-$`)
	separators  = strings.NewReplacer(".", "", ",", "", " ", "", "\u00a0", "", "\u202f", "", "'", "")
)

// Rupiah reads an amount as reports and spreadsheets write it: 1500000,
// 1.500.000, 1,500,000.00, 1.500.000,00, Rp 1.500.000, and a minus sign or
// parentheses for what is negative.
func Rupiah(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if exponent(text) {
		return 0, ErrExponent
	}
	text, negative := sign(text)
	text = currency.ReplaceAllString(text, "")
	if rest, minus := strings.CutPrefix(text, "-"); minus && !negative {
		text, negative = rest, true
	}
	for _, form := range []*regexp.Regexp{plainNumber, pointGroups, commaGroups, spaceGroups} {
		m := form.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		amount, err := strconv.ParseInt(separators.Replace(m[1]), 10, 64)
		if err != nil {
			return 0, ErrAmount
		}
		if negative {
			amount = -amount
		}
		return amount, nil
	}
	return 0, ErrAmount
}

func sign(text string) (rest string, negative bool) {
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		return strings.TrimSpace(text[1 : len(text)-1]), true
	}
	for _, minus := range []string{"-", "−"} {
		if rest, found := strings.CutPrefix(text, minus); found {
			return strings.TrimSpace(rest), true
		}
	}
	return strings.TrimPrefix(text, "+"), false
}

// PlainRupiah returns the digits of an amount without separators: 90000,
// 90000.0 or 90000.00. ok is false for every other form, also for those that
// [Rupiah] reads: where money is moved by it, a misreading is not risked.
func PlainRupiah(text string) (digits string, ok bool) {
	m := plainAmount.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return m[1], true
}

var plainAmount = regexp.MustCompile(`^([1-9][0-9]*|0)(?:\.0{1,2})?$`)
