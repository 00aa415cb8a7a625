package doku

import (
	"strings"

	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

const (
	// longestKept is how much of a text of DOKU's is kept, in bytes: records travel
	// in a header, and a header has its limits.
	longestKept = 512
	minScrubbed = 6 // shorter secrets would be found inside innocent words
)

// cleaned returns r as a record may keep it: without any of the secrets, should
// DOKU quote one, without control characters, and with no text that is too long.
func cleaned(r refund.Response, secrets []secret.Text) refund.Response {
	for _, field := range []*string{
		&r.Code, &r.Message, &r.ErrorMessage, &r.Type, &r.RefundType, &r.ApprovalCode,
		&r.RefundNo, &r.ReferenceNo, &r.RefundTime,
	} {
		*field = kept(scrub(*field, secrets))
	}
	return r
}

func kept(text string) string { return printable.Kept(text, longestKept) }

func scrub(text string, secrets []secret.Text) string {
	for _, hidden := range secrets {
		if value := hidden.Reveal(); len(value) >= minScrubbed {
			text = strings.ReplaceAll(text, value, hidden.String())
		}
	}
	return text
}
