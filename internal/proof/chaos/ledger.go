//go:build unix

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

var errOrder = errors.New("ledger read out of order")

// readLedger reads the stream from its first to its last message.
func (a *Audit) readLedger(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, stream.Refunds)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	state := stream.CachedInfo().State
	return a.read(ctx, stream, state.FirstSeq, state.LastSeq)
}

// read takes the messages from first to last.
func (a *Audit) read(ctx context.Context, stream jetstream.Stream, first, last uint64) error {
	if last == 0 || last < first {
		return nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: first,
	})
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	defer messages.Stop()
	for next := first; next <= last; next++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read ledger at %d: %w", next, err)
		}
		if err := a.take(m, next); err != nil {
			return err
		}
	}
	return nil
}

// take files one message of the ledger under its refund.
func (a *Audit) take(m jetstream.Msg, want uint64) error {
	meta, err := m.Metadata()
	if err != nil || meta.Sequence.Stream != want {
		return fmt.Errorf("%w: at %d", errOrder, want)
	}
	if m.Headers().Get("Nats-Batch-Id") != "" {
		a.Batched++
	}
	a.search(m.Subject(), m.Data())
	a.search(m.Subject(), []byte(m.Headers().Get(jobs.HeaderRecord)))
	if _, status, id, err := jobs.ParseResultSubject(m.Subject()); err == nil {
		a.of(id).Stored = meta.Timestamp
		return a.takeResult(m, id, status)
	}
	_, state, id, err := jobs.ParseLedgerSubject(m.Subject())
	if err != nil {
		return err
	}
	e := Entry{Seq: want}
	if err := a.takeRecord(&e.Record, m.Data(), id, state.String()); err != nil {
		return fmt.Errorf("read record %d: %w", want, err)
	}
	a.of(id).Records = append(a.of(id).Records, e)
	return nil
}

// takeResult files a result event, and the record that it is at the same time.
func (a *Audit) takeResult(m jetstream.Msg, id string, status refund.State) error {
	var r refund.Record
	if err := a.takeRecord(&r, []byte(m.Headers().Get(jobs.HeaderRecord)), id, status.String()); err != nil {
		return fmt.Errorf("read record of %s: %w", m.Subject(), err)
	}
	result, err := jobs.DecodeResult(m.Data())
	if err != nil {
		a.complain("%s: %s", m.Subject(), err)
	}
	a.of(id).Results = append(a.of(id).Results, result)
	return nil
}

// takeRecord notes the state of a record, which its subject has to name, too.
func (a *Audit) takeRecord(r *refund.Record, text []byte, id, subject string) error {
	if err := json.Unmarshal(text, r); err != nil {
		return err
	}
	if r.State.String() != subject {
		a.complain("%s: a record says %s under %s", id, r.State, subject)
	}
	a.of(id).States = append(a.of(id).States, r.State)
	return nil
}

// of is the refund with that id. One that nobody published is a finding, not a
// reason to stop.
func (a *Audit) of(id string) *Refund {
	if r := a.Refunds[id]; r != nil {
		return r
	}
	a.complain("%s: nobody published such a job", id)
	a.Refunds[id] = &Refund{Job: jobs.Job{RefundID: id}}
	return a.Refunds[id]
}
