package doku

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Codes of error.code. They are compared without regard to case.
var (
	credentialCodes = []string{
		"invalid_signature", "invalid_token", "merchant_not_active",
		// Seen at the live sandbox, each with HTTP 400. DOKU checks headers, time,
		// client and signature in this order, and all of them before the body.
		"invalid_header_request", "request_time_out_of_range", "invalid_client_id",
	}

	// idempotencyCodes say that the Request-Id was used before. What the first
	// request came to, they do not say.
	idempotencyCodes = []string{"idempotent_request", "idempotency_id_conflict"}

	throttleCodes    = []string{"too_many_requests"}
	maintenanceCodes = []string{"maintenance_mode"}

	// definiteCodes are those of DOKU's published errors that are a no.
	definiteCodes = []string{
		"invalid_parameter", "validation_error", "transaction_not_found", "data_not_found", "payment_failed",
	}

	// notFoundCodes answer an inquiry about a request that DOKU does not have.
	notFoundCodes = []string{"transaction_not_found", "data_not_found", "not_found"}
)

func listed(codes []string, code string) bool {
	return slices.ContainsFunc(codes, func(c string) bool { return strings.EqualFold(c, code) })
}

// statuses are those of a row; nil: any.
type statuses func(status int) bool

func exactly(list ...int) statuses {
	return func(status int) bool { return slices.Contains(list, status) }
}

func refusals(status int) bool { return status >= 400 && status < 500 }

// cardRow is one row of the table of refusals; the first that fits decides.
type cardRow struct {
	statuses statuses // nil: any
	codes    []string // nil: any, and none as well
	class    Class
	cause    Cause
	why      string
}

// cardRows says what answers without a refund object prove. What stands nowhere
// here is unknown: a list of what is a definite no, and not a list of what is
// none, is what keeps a refund that was paid from being called failed.
var cardRows = []cardRow{
	{statuses: refusals, codes: credentialCodes, class: NotExecuted, cause: Credentials, why: "credentials refused"},
	{statuses: exactly(http.StatusUnauthorized), class: NotExecuted, cause: Credentials, why: "credentials refused"},
	{statuses: exactly(http.StatusTooManyRequests), class: NotExecuted, cause: Throttled, why: "too many requests"},
	{codes: throttleCodes, class: NotExecuted, cause: Throttled, why: "too many requests"},
	{
		statuses: exactly(http.StatusServiceUnavailable), codes: maintenanceCodes,
		class: NotExecuted, cause: Unavailable, why: "maintenance",
	},
	{statuses: definite, codes: definiteCodes, class: Failed, why: "refused"},
}

// definite are the statuses at which a definite code is a definite no.
var definite = exactly(http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity)

func (r cardRow) fits(status int, code string) bool {
	return (r.statuses == nil || r.statuses(status)) && (r.codes == nil || listed(r.codes, code))
}

// byCode looks the refusal up. further are definite codes of the merchant's
// settings.
func byCode(status int, code string, further ...string) RefundOutcome {
	for _, row := range cardRows {
		if row.fits(status, code) {
			return RefundOutcome{Class: row.class, Cause: row.cause, Problem: row.why}
		}
	}
	switch {
	case definite(status) && code != "" && listed(further, code):
		return RefundOutcome{Class: Failed, Problem: "refused, by a code of the settings"}
	case code == "":
		return RefundOutcome{Cause: Failing, Problem: "no answer of DOKU's: neither a refund nor an error code"}
	case inCardTable(code) || listed(further, code):
		return RefundOutcome{Problem: "the error code proves nothing with this http status"}
	default:
		return RefundOutcome{Cause: Failing, Unlisted: true, Problem: "no table lists the error code"}
	}
}

// byStatus looks up what a status alone decides.
func byStatus(status int) RefundOutcome {
	v := byCode(status, "")
	if v.Class == Unknown {
		v.Problem = "the http status proves nothing"
	}
	return v
}

// otherRows are the codes that decide something else than a definite no.
var otherRows = [][]string{credentialCodes, idempotencyCodes, throttleCodes, maintenanceCodes}

func inCardTable(code string) bool {
	return listed(definiteCodes, code) || listed(notFoundCodes, code) ||
		slices.ContainsFunc(otherRows, func(codes []string) bool { return listed(codes, code) })
}

// undecided are the words, without their separators, of codes that say no
// definite no: the refund may still run, or run already.
var undecided = []string{"timeout", "timedout", "pending", "inprogress", "inprocess", "processing", "duplicat", "already", "idempot"}

const maxCode = 64

// CheckDefiniteCode reports why code cannot be one of [Config].DefiniteCodes. A
// refund that ran and is called failed would be refunded once more by hand.
func CheckDefiniteCode(code string) error {
	words := strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(code))
	switch {
	case !isCode(code):
		return fmt.Errorf("%.*q is no error code", maxCode, code)
	case slices.ContainsFunc(otherRows, func(codes []string) bool { return listed(codes, code) }):
		return fmt.Errorf("%s has a meaning of its own already", code)
	case slices.ContainsFunc(undecided, func(word string) bool { return strings.Contains(words, word) }):
		return fmt.Errorf("%s names a timeout, something pending, a duplicate or idempotency, which is no definite no", code)
	}
	return nil
}

// isCode reports whether code has the form of error.code.
func isCode(code string) bool {
	if code == "" || len(code) > maxCode {
		return false
	}
	return strings.Trim(strings.ToLower(code), "abcdefghijklmnopqrstuvwxyz0123456789_-.") == ""
}
