package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// Defer stores a dead letter that REFUND_DEAD refuses as a wait that fires at
// at. Left unacknowledged, or requeued with a delay, its message would hold
// one of its consumer's MaxAckPending: 512 of them would stop the channel.
func (l *Ledger) Defer(ctx context.Context, letter stream.DeadLetter, at time.Time) error {
	msg := nats.NewMsg(letter.DeferredSubject())
	msg.Header = letter.DeferredHeader()
	msg.Header.Set(headerSchedule, "@at "+at.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(headerScheduleTarget, jobs.DueSubject(letter.Channel))
	msg.Data = letter.Body
	if err := l.publishDeferred(ctx, msg); err != nil {
		return fmt.Errorf("defer dead letter of %s %d: %w", letter.Stream, letter.Sequence, err)
	}
	return nil
}

func (l *Ledger) publishDeferred(ctx context.Context, msg *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	ack, err := l.cfg.JS.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err == nil && ack.Duplicate {
		err = ErrDuplicate
	}
	return err
}

// republishDeferred stores a deferred dead letter once more.
func (l *Ledger) republishDeferred(ctx context.Context, m rawMessage) error {
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header{}, Data: m.Data}
	for name, values := range m.header {
		msg.Header[name] = values
	}
	msg.Header.Set(headerExpectSeq, strconv.FormatUint(m.Seq, 10))
	return l.publishDeferred(ctx, msg)
}
