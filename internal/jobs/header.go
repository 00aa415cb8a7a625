package jobs

import "github.com/nats-io/nats.go"

// The headers that the contract names on messages other than results.
const (
	HeaderTraceParent    = "traceparent"
	HeaderWakeUp         = "Refund-Nudge"  // on refunds.due and the waits made from it: made from the ledger, without customer
	HeaderRecord         = "Refund-Record" // on results: the ledger's record
	HeaderDeadReason     = "Refund-Dead-Reason"
	HeaderDeadSubject    = "Refund-Dead-Subject"
	HeaderDeadSequence   = "Refund-Dead-Sequence"
	HeaderDeadTruncated  = "Refund-Dead-Truncated" // the body's length before it was cut
	HeaderDeadStream     = "Refund-Dead-Stream"    // with the next two: on dead letters that wait for room, see [DeadLetter.DeferredHeader]
	HeaderDeadStored     = "Refund-Dead-Stored"
	HeaderDeadRefundID   = "Refund-Dead-Refund-Id"
	maxTraceParentLength = 256
)

// TraceParent returns the traceparent that a message carries, to be carried
// through to its result, or "". One that is longer than 256 bytes or not
// printable ASCII counts as none: it would travel in every record.
func TraceParent(h nats.Header) string {
	value := h.Get(HeaderTraceParent)
	if len(value) > maxTraceParentLength || !within(value, ' ', '~') {
		return ""
	}
	return value
}

// within reports whether every byte of s lies in first … last.
func within(s string, first, last byte) bool {
	for i := range len(s) {
		if s[i] < first || s[i] > last {
			return false
		}
	}
	return true
}
