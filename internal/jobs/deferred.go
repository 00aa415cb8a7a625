package jobs

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// deferredMark begins the last token of the subject on which a dead letter
// waits. No refund_id may hold it, so a letter never takes the place of a
// refund's own wait.
const deferredMark = "="

// IsDeferredSubject reports whether a dead letter waits on subject, and not a
// refund.
func IsDeferredSubject(subject string) bool {
	return strings.HasPrefix(subject[strings.LastIndexByte(subject, '.')+1:], deferredMark)
}

// DeferredSubject is where a dead letter waits that REFUND_DEAD refuses.
func (d DeadLetter) DeferredSubject() string {
	return RetrySubject(d.Channel, deferredMark+d.Stream+deferredMark+strconv.FormatUint(d.Sequence, 10))
}

// Deferred returns the headers with which it waits: all that [DeferredLetter]
// needs besides the body.
func (d DeadLetter) Deferred() nats.Header {
	h := nats.Header{}
	h.Set(HeaderDeadReason, string(d.Reason))
	h.Set(HeaderDeadSubject, d.Subject)
	h.Set(HeaderDeadSequence, strconv.FormatUint(d.Sequence, 10))
	h.Set(HeaderDeadStream, d.Stream)
	h.Set(HeaderDeadStored, d.StoredAt.UTC().Format(time.RFC3339Nano))
	if d.RefundID != "" {
		h.Set(HeaderDeadRefundID, d.RefundID)
	}
	return h
}

// DeferredLetter reads a dead letter back whose wait has fired. The headers
// count on the due subjects alone: producers can set any header on a job, but
// cannot publish there.
func DeferredLetter(d *Delivery) (DeadLetter, bool) {
	if d.Source != Due || d.Header.Get(HeaderDeadStream) == "" {
		return DeadLetter{}, false
	}
	sequence, err := strconv.ParseUint(d.Header.Get(HeaderDeadSequence), 10, 64)
	if err != nil {
		return DeadLetter{}, false
	}
	stored, err := time.Parse(time.RFC3339Nano, d.Header.Get(HeaderDeadStored))
	if err != nil {
		stored = d.Stored
	}
	return DeadLetter{
		Reason: DeadReason(d.Header.Get(HeaderDeadReason)), Channel: d.Channel, Stream: d.Header.Get(HeaderDeadStream), Sequence: sequence,
		Subject: d.Header.Get(HeaderDeadSubject), StoredAt: stored, RefundID: d.Header.Get(HeaderDeadRefundID), Body: d.Data,
	}, true
}
