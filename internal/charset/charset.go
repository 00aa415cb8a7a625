// Package charset turns free text into the characters that DOKU takes in the
// reason of a refund: `[a-zA-Z0-9.\-/+,=_:'@% ]`, the set of its Java client. A
// character outside it would have the refund refused, and an emoji in a reason
// must not cost a customer the money.
//
// Unicode's tables grow. What a refund was sent with is therefore recorded, and
// a repeat sends the record's text: this package is only asked before the first
// send.
package charset

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxReason is the longest reason that DOKU takes, in characters.
const maxReason = 255

// Reason returns text as it is sent as a refund's reason: folded, cut to 255
// characters, without spaces at either end. It is empty where nothing remains.
func Reason(text string) string {
	folded := Fold(text)
	return strings.Trim(folded[:min(len(folded), maxReason)], " ")
}

// Fold decomposes text (NFKD), drops marks (Unicode category M) and makes every
// other character outside the set a space. The result is ASCII; it may be longer
// than text, for one character can decompose into eighteen.
func Fold(text string) string {
	if clean(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case holds(r):
			return r
		case unicode.Is(unicode.M, r):
			return -1
		}
		return ' '
	}, norm.NFKD.String(text))
}

// clean reports whether text is folded already, as most reasons are.
func clean(text string) bool {
	for _, r := range text {
		if !holds(r) {
			return false
		}
	}
	return true
}

// holds reports whether DOKU takes the character.
func holds(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	}
	return strings.ContainsRune(".-/+,=_:'@% ", r)
}
