package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an error as RFC 9457 has it. Type is what programs read; it never changes.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Errors []fieldError `json:"errors,omitempty"`

	retryAfter int // seconds; 0: no hint
}

// fieldError is one broken rule: which member, which rule, and never its value.
type fieldError struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
}

const problemType = "urn:refundworker:problem:"

var (
	badQuery        = problem{Type: problemType + "bad-query", Title: "A parameter of the request breaks a rule.", Status: http.StatusBadRequest}
	conflict        = problem{Type: problemType + "refund-id-conflict", Title: "The refund_id belongs to a refund of other content.", Status: http.StatusConflict}
	invalidJob      = problem{Type: problemType + "invalid-job", Title: "The job breaks a rule.", Status: http.StatusUnprocessableEntity}
	notAllowed      = problem{Type: problemType + "method-not-allowed", Title: "This path knows other methods.", Status: http.StatusMethodNotAllowed}
	notFound        = problem{Type: problemType + "not-found", Title: "There is no such path.", Status: http.StatusNotFound}
	rateLimited     = problem{Type: problemType + "rate-limited", Title: "Too many requests with this token.", Status: http.StatusTooManyRequests, retryAfter: 1}
	stopping        = problem{Type: problemType + "unavailable", Title: "This gateway is stopping. Repeat the same request.", Status: http.StatusServiceUnavailable, retryAfter: 1}
	tooLarge        = problem{Type: problemType + "too-large", Title: "The body is larger than 16384 bytes.", Status: http.StatusRequestEntityTooLarge}
	unacknowledged  = problem{Type: problemType + "unacknowledged", Title: "Nobody knows whether the job is stored. Repeat the same request: that makes no second refund.", Status: http.StatusServiceUnavailable, retryAfter: 2}
	unauthorized    = problem{Type: problemType + "unauthorized", Title: "A valid bearer token is needed.", Status: http.StatusUnauthorized}
	unavailable     = problem{Type: problemType + "unavailable", Title: "NATS does not answer. Repeat the same request.", Status: http.StatusServiceUnavailable, retryAfter: 2}
	notStored       = problem{Type: problemType + "not-stored", Title: "The job was not stored. Repeat the same request later.", Status: http.StatusServiceUnavailable, retryAfter: 5}
	unknownRefund   = problem{Type: problemType + "unknown-refund", Title: "There is no record of this refund: it was not published, or no worker has taken it yet.", Status: http.StatusNotFound}
	unreadableJob   = problem{Type: problemType + "unreadable-job", Title: "The body is no job.", Status: http.StatusBadRequest}
	unreadableEntry = problem{Type: problemType + "newer-version", Title: "This is of a newer version of the contract than this gateway.", Status: http.StatusInternalServerError}
	wrongType       = problem{Type: problemType + "wrong-content-type", Title: "The body must be application/json.", Status: http.StatusUnsupportedMediaType}
)

// Error implements error.
func (p *problem) Error() string { return p.Title + " " + p.Detail }

// because returns the problem with a detail.
func (p problem) because(detail string) *problem {
	p.Detail = detail
	return &p
}

// of returns the problem with one broken rule.
func (p problem) of(field, rule string) *problem {
	p.Errors = []fieldError{{field, rule}}
	return &p
}

func (p problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="refunds"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a caller that has gone needs no answer
}

// answer writes a document.
func answer(w http.ResponseWriter, status int, document any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a caller that has gone needs no answer
	return nil
}
