package stream

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
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
	return jobs.RetrySubject(d.Channel, deferredMark+d.Stream+deferredMark+strconv.FormatUint(d.Sequence, 10))
}

// DeferredHeader returns the headers with which it waits: all that [DeferredLetter]
// needs besides the body.
func (d DeadLetter) DeferredHeader() nats.Header {
	h := nats.Header{}
	h.Set(jobs.HeaderDeadReason, string(d.Reason))
	h.Set(jobs.HeaderDeadSubject, d.Subject)
	h.Set(jobs.HeaderDeadSequence, strconv.FormatUint(d.Sequence, 10))
	h.Set(jobs.HeaderDeadStream, d.Stream)
	h.Set(jobs.HeaderDeadStored, d.StoredAt.UTC().Format(time.RFC3339Nano))
	if d.RefundID != "" {
		h.Set(jobs.HeaderDeadRefundID, d.RefundID)
	}
	return h
}

// DeferredLetter reads a dead letter back whose scheduled message was delivered:
// header and body of the message, and when it was stored. The result is false
// for a message of a refund. Only messages on the due subjects may be passed:
// producers can set any header on a job, but cannot publish there.
func DeferredLetter(ch channel.Channel, h nats.Header, body []byte, delivered time.Time) (DeadLetter, bool) {
	if h.Get(jobs.HeaderDeadStream) == "" {
		return DeadLetter{}, false
	}
	sequence, err := strconv.ParseUint(h.Get(jobs.HeaderDeadSequence), 10, 64)
	if err != nil {
		return DeadLetter{}, false
	}
	stored, err := time.Parse(time.RFC3339Nano, h.Get(jobs.HeaderDeadStored))
	if err != nil {
		stored = delivered
	}
	return DeadLetter{
		Reason: DeadReason(h.Get(jobs.HeaderDeadReason)), Channel: ch, Stream: h.Get(jobs.HeaderDeadStream), Sequence: sequence,
		Subject: h.Get(jobs.HeaderDeadSubject), StoredAt: stored, RefundID: h.Get(jobs.HeaderDeadRefundID), Body: body,
	}, true
}
