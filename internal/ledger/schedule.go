package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// Headers of a wait. nats.go's option for schedules cuts to whole seconds and
// so fires early: the header is set here.
const (
	headerSchedule       = "Nats-Schedule"
	headerScheduleTarget = "Nats-Schedule-Target"
)

// ScheduledMessage is one refund's wait for a time.
type ScheduledMessage struct {
	Channel     channel.Channel
	RefundID    string
	At          time.Time
	Body        []byte // the job, byte for byte
	Traceparent string
	WakeUp      bool
}

// Bounds of a schedule: the server never fires a zero time, and fires one from
// 2263 on at once.
var (
	firstInstant = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	lastInstant  = time.Date(2250, 1, 1, 0, 0, 0, 0, time.UTC)
)

var errRange = errors.New("time is out of range")

// Schedule stores w. A later wait of the same refund takes the place of an
// earlier one. Errors are those of the publish, and [ErrDuplicate].
func (l *Ledger) Schedule(ctx context.Context, w ScheduledMessage) error {
	if w.At.Before(firstInstant) || w.At.After(lastInstant) {
		return fmt.Errorf("schedule %s: %w: %s", w.RefundID, errRange, w.At)
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	return l.publishScheduled(ctx, w, 0)
}

// publishScheduled is the only function that publishes to a retry subject: a message
// without Nats-Schedule there would take the place of the refund's wait and
// never fire. No header of a received message is copied: a Nats-Msg-Id would
// make the server drop the wait as a duplicate, without an error. follows, if
// not 0, is the sequence that must still be the subject's last.
func (l *Ledger) publishScheduled(ctx context.Context, w ScheduledMessage, follows uint64) error {
	msg := nats.NewMsg(jobs.RetrySubject(w.Channel, w.RefundID))
	msg.Data = w.Body
	msg.Header.Set(headerSchedule, "@at "+w.At.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(headerScheduleTarget, jobs.DueSubject(w.Channel))
	if w.Traceparent != "" {
		msg.Header.Set(jobs.HeaderTraceParent, w.Traceparent)
	}
	if w.WakeUp {
		msg.Header.Set(jobs.HeaderWakeUp, "1")
	}
	if follows != 0 {
		msg.Header.Set(headerExpectSeq, strconv.FormatUint(follows, 10))
	}
	ack, err := l.cfg.JS.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("schedule %s: %w", w.RefundID, err)
	}
	l.requests.schedule.received()
	if ack.Duplicate {
		return fmt.Errorf("schedule %s: %w", w.RefundID, ErrDuplicate)
	}
	return nil
}
