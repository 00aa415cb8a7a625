package doku

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/secret"
)

const (
	maxSaid     = 500 // bytes kept of each of DOKU's texts: they land in records and headers
	minScrubbed = 6   // shorter values would be found inside innocent words
)

// scrubbed returns s without any of the secrets, should DOKU quote one, and
// with no text longer than a record should carry.
func (s Said) scrubbed(secrets ...secret.Text) Said {
	for _, field := range []*string{
		&s.Code, &s.Message, &s.ErrorMessage, &s.Type, &s.RefundType, &s.ApprovalCode,
		&s.RefundNo, &s.ReferenceNo, &s.RefundTime, &s.PartnerRefundNo,
	} {
		*field = cut(scrub(*field, secrets), maxSaid)
	}
	return s
}

func scrub(text string, secrets []secret.Text) string {
	for _, hidden := range secrets {
		if value := hidden.Reveal(); len(value) >= minScrubbed {
			text = strings.ReplaceAll(text, value, hidden.String())
		}
	}
	return text
}

// cut shortens text to at most limit bytes, between two characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// printable replaces what could steer a terminal or break a line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
