package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// StoredSchedule is a wait as it stands in the stream. Seq 0: there is none.
type StoredSchedule struct {
	ScheduledMessage
	Seq uint64
}

// ScheduledOf returns the refund's wait. It costs one round trip.
func (l *Ledger) ScheduledOf(ctx context.Context, ch channel.Channel, refundID string) (StoredSchedule, error) {
	m, err := l.get(ctx, stream.Waits, msgRequest{LastFor: jobs.RetrySubject(ch, refundID)})
	if err != nil || m.Seq == 0 {
		return StoredSchedule{}, err
	}
	w, err := scheduledMessage(m)
	if err != nil {
		return StoredSchedule{}, fmt.Errorf("read wait of %s: %w", refundID, err)
	}
	return StoredSchedule{ScheduledMessage: w, Seq: m.Seq}, nil
}

// Reschedule stores s anew, with its body and headers, to fire at s.At.
// [ErrScheduleMoved] is returned, and nothing stored, where the wait has fired or
// another has taken its place: that one may hold newer customer values.
func (l *Ledger) Reschedule(ctx context.Context, s StoredSchedule) error {
	if s.At.Before(firstInstant) || s.At.After(lastInstant) {
		return fmt.Errorf("reschedule %s: time %s is out of range", s.RefundID, s.At)
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	err := l.publishScheduled(ctx, s.ScheduledMessage, s.Seq)
	if apiCode(err) == codeWrongLastSequence {
		return fmt.Errorf("reschedule %s: %w", s.RefundID, ErrScheduleMoved)
	}
	return err
}

// WakeUp publishes a message for the refund of r to refunds.due, where workers
// look at it again. It is made from the record, and so without customer values.
func (l *Ledger) WakeUp(ctx context.Context, r *refund.Record) error {
	msg := nats.NewMsg(jobs.DueSubject(r.Job.Channel))
	msg.Data = jobs.FromRecord(r.Job).Encode()
	msg.Header.Set(jobs.HeaderWakeUp, "1")
	if r.Traceparent != "" {
		msg.Header.Set(jobs.HeaderTraceParent, r.Traceparent)
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	if _, err := l.cfg.JS.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0)); err != nil {
		return fmt.Errorf("wake up %s: %w", r.Job.RefundID, err)
	}
	return nil
}

// Queued returns the ids of all refunds that have a message in a queue: a job
// not acknowledged yet, or a wait that has fired. It costs a round trip for
// each such message.
func (l *Ledger) Queued(ctx context.Context, ch channel.Channel) (map[string]bool, error) {
	ids := map[string]bool{}
	for stream, filter := range map[string]string{
		stream.Jobs: "refunds.jobs." + token(string(ch)), stream.Waits: "refunds.due." + token(string(ch)),
	} {
		if err := l.walk(ctx, stream, filter, func(m rawMessage) {
			// Neither channel nor rules matter: only whose message it is.
			if d := jobs.DecodeWakeUp(channel.CreditCard, m.Data); d.Outcome != jobs.Unreadable {
				ids[d.Job.RefundID] = true
			}
		}); err != nil {
			return nil, fmt.Errorf("walk %s: %w", filter, err)
		}
	}
	return ids, nil
}

// walk calls each with every message that matches, oldest first.
func (l *Ledger) walk(ctx context.Context, stream, filter string, each func(rawMessage)) error {
	for next := uint64(1); ; next++ {
		m, err := l.get(ctx, stream, msgRequest{Seq: next, NextFor: filter})
		if err != nil || m.Seq == 0 {
			return err
		}
		each(m)
		next = m.Seq
	}
}

// At returns the record at a sequence; Seq is 0 where none is left.
func (l *Ledger) At(ctx context.Context, seq uint64) (Entry, error) {
	m, err := l.get(ctx, stream.Refunds, msgRequest{Seq: seq})
	if err != nil {
		return Entry{}, fmt.Errorf("read record %d: %w", seq, err)
	}
	return l.entry(m)
}

// Bounds returns the first and the last sequence that the ledger holds.
func (l *Ledger) Bounds(ctx context.Context) (first, last uint64, err error) {
	info, err := l.info(ctx, stream.Refunds, "", 0)
	return info.State.FirstSeq, info.State.LastSeq, err
}

// Owner returns whose ledger it is, by its last record. Both are empty while
// there is none.
func (l *Ledger) Owner(ctx context.Context) (clientID, environment string, err error) {
	info, err := l.info(ctx, stream.Refunds, "", 0)
	if err != nil || info.State.Messages == 0 {
		return "", "", err
	}
	m, err := l.get(ctx, stream.Refunds, msgRequest{Seq: info.State.LastSeq})
	if err != nil {
		return "", "", fmt.Errorf("read the ledger's last record: %w", err)
	}
	if m.Seq == 0 {
		return "", "", errors.New("read the ledger's last record: it is gone")
	}
	r, err := decode(m)
	return r.ClientID, r.Environment, err
}

// Decode reads a record out of a message of the stream REFUNDS that was read
// by other means, and refuses one of another merchant or environment.
func (l *Ledger) Decode(subject string, header nats.Header, data []byte) (refund.Record, error) {
	r, err := DecodeRecord(subject, header, data)
	if err != nil {
		return refund.Record{}, err
	}
	return r, l.owns(r)
}
