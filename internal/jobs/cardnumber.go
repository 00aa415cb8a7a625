package jobs

import (
	"slices"

	"refundworker.example/refundworker/internal/charset"
)

// Shortest and longest card number, in digits.
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// issuerRange is one range of first digits that a card network gives out, and
// how long its numbers are.
type issuerRange struct {
	low, high int // first six digits, both ends included
	lengths   []int
}

var (
	onlySixteen     = []int{16}
	sixteenToMost   = []int{16, 17, 18, 19}
	fourteenToMost  = []int{14, 15, 16, 17, 18, 19}
	visaLengths     = []int{13, 16, 19}
	nationalLengths = []int{16, 18, 19}
)

// issuers are the networks whose numbers the contract names. First digits and
// lengths are those that the networks publish for acquirers, as the public
// tables of issuer identification numbers repeat them; where they differ, the
// wider one stands here. JCB's numbers of 15 digits (1800, 2131) are no longer
// issued, and 1800… is how epoch times of 2027 begin.
var issuers = []issuerRange{
	{400000, 499999, visaLengths},    // Visa
	{510000, 559999, onlySixteen},    // Mastercard
	{222100, 272099, onlySixteen},    // Mastercard, since 2017
	{340000, 349999, []int{15}},      // American Express
	{370000, 379999, []int{15}},      // American Express
	{352800, 358999, sixteenToMost},  // JCB
	{620000, 629999, sixteenToMost},  // UnionPay
	{810000, 817199, sixteenToMost},  // UnionPay, newer
	{601100, 601199, sixteenToMost},  // Discover
	{644000, 659999, sixteenToMost},  // Discover
	{300000, 305999, fourteenToMost}, // Diners Club
	{309500, 309599, fourteenToMost}, // Diners Club
	{360000, 369999, fourteenToMost}, // Diners Club
	{380000, 399999, fourteenToMost}, // Diners Club
	// GPN, Indonesia's national scheme: it has no range of its own but those of
	// the debit cards that its banks issue.
	{194600, 194699, nationalLengths},
	{500000, 509999, nationalLengths},
	{560000, 569999, nationalLengths},
	{580000, 589999, nationalLengths},
	{600000, 639999, nationalLengths},
}

// HoldsCardNumber reports whether text, or its folded form, holds what the
// contract takes for a card number. It is for texts of any origin that are kept
// forever.
func HoldsCardNumber(text string) bool {
	return holdsCardNumber(text) || hidesCardNumber(text)
}

// hidesCardNumber reports whether the folded form of text holds a card number
// that text itself does not: one in full-width digits, say. Both the whole form
// and what is sent of it are searched, for a cut could leave a card number of a
// longer run.
func hidesCardNumber(text string) bool {
	whole, sent := charset.Fold(text), charset.Reason(text)
	return whole != text && holdsCardNumber(whole) || len(sent) < len(whole) && holdsCardNumber(sent)
}

// holdsCardNumber reports whether text holds a maximal run of digits that has
// the first digits and the length of an issuer and passes the Luhn check; one
// space or one dash between two digits does not end a run. Such text would be
// kept forever in results.
func holdsCardNumber(text string) bool {
	var run digitRun
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			run.add(c - '0')
		case c != ' ' && c != '-' || run.separated:
			if run.isCardNumber() {
				return true
			}
			run = digitRun{}
		default:
			run.separated = true
		}
	}
	return run.isCardNumber()
}

// digitRun holds the digits of the run so far, and how many there were beyond
// those it has room for: a longer run is not a card number.
type digitRun struct {
	digits    [maxCardDigits]byte
	length    int
	separated bool // the last byte was a single space or dash
}

func (r *digitRun) add(digit byte) {
	if r.length < maxCardDigits {
		r.digits[r.length] = digit
	}
	r.length++
	r.separated = false
}

func (r *digitRun) isCardNumber() bool {
	if r.length < minCardDigits || r.length > maxCardDigits {
		return false
	}
	return r.issued() && luhn(r.digits[:r.length])
}

// issued reports whether an issuer has the run's first digits and length.
func (r *digitRun) issued() bool {
	first := 0
	for _, digit := range r.digits[:6] {
		first = 10*first + int(digit)
	}
	return slices.ContainsFunc(issuers, func(i issuerRange) bool {
		return i.low <= first && first <= i.high && slices.Contains(i.lengths, r.length)
	})
}

// luhn doubles every second digit from the right; the sum of all digits then
// ends in zero.
func luhn(digits []byte) bool {
	sum := 0
	for i, digit := range digits {
		d := int(digit)
		if (len(digits)-i)%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}
