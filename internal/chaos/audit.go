//go:build unix

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker/internal/dokusim"
	"refundworker/internal/jobs"
	"refundworker/internal/refund"
)

// Audit is what both witnesses say about a set of jobs.
type Audit struct {
	Refunds  map[string]*Refund // by refund id
	Total    dokusim.Sum        // of all money moved
	Problems []string           // every promise that is broken; none: all are kept
}

// Refund is one job with all that became of it.
type Refund struct {
	Job       jobs.Job
	Records   []Entry // without results, oldest first
	Results   []jobs.Result
	Stored    time.Time // of the last result, by the server's clock
	Movements []dokusim.Movement
}

// Entry is a record with its place in the stream.
type Entry struct {
	refund.Record

	Seq uint64
}

// Audit reads the whole ledger and the whole book and holds them against the
// jobs that were published. Every job must have an invoice of its own.
func (s *Stack) Audit(ctx context.Context, published []jobs.Job) (*Audit, error) {
	a := &Audit{Refunds: make(map[string]*Refund, len(published))}
	invoices := make(map[string]*Refund, len(published))
	for _, j := range published {
		a.Refunds[j.RefundID] = &Refund{Job: j}
		invoices[string(j.Channel)+" "+j.InvoiceNumber] = a.Refunds[j.RefundID]
	}
	if err := a.readLedger(ctx, s.JS); err != nil {
		return nil, err
	}
	book, err := s.DOKU.Book(ctx)
	if err != nil {
		return nil, err
	}
	a.Total = book.Total
	for _, m := range book.Movements {
		r := invoices[m.Channel+" "+m.Invoice]
		if r == nil {
			a.complain("money moved for %s %s, which no job asked for", m.Channel, m.Invoice)
			continue
		}
		r.Movements = append(r.Movements, m)
	}
	a.judge()
	return a, a.judgeDead(ctx, s.JS, s.cfg.Dead)
}

func (a *Audit) complain(format string, args ...any) {
	a.Problems = append(a.Problems, fmt.Sprintf(format, args...))
}

// judge is the one check: for every refund at most one movement of money and
// exactly one final result or `unresolved`; the sum of `succeeded` equals the
// money moved, but for what is unresolved, to the rupiah.
func (a *Audit) judge() {
	var succeeded, open int64
	for id, r := range a.Refunds {
		for _, problem := range r.problems() {
			a.complain("%s: %s", id, problem)
		}
		switch r.Status() {
		case jobs.StatusSucceeded:
			succeeded += r.Job.Amount
		case jobs.StatusUnresolved:
			open += r.moved()
		default: // no money may have moved, which problems says
		}
	}
	if succeeded+open != a.Total.Amount {
		a.complain("%d rupiah succeeded and %d are unresolved, %d moved", succeeded, open, a.Total.Amount)
	}
}

// Status is that of the last result, empty without one.
func (r *Refund) Status() jobs.Status {
	if len(r.Results) == 0 {
		return ""
	}
	return r.Results[len(r.Results)-1].Status
}

func (r *Refund) moved() int64 {
	var sum int64
	for _, m := range r.Movements {
		sum += m.Amount
	}
	return sum
}

func (r *Refund) problems() []string {
	var found []string
	if len(r.Movements) > 1 {
		found = append(found, fmt.Sprintf("money moved %d times", len(r.Movements)))
	}
	ended := len(r.Results) == 1 ||
		len(r.Results) == 2 && r.Results[0].Status == jobs.StatusUnresolved && r.Results[1].Status != jobs.StatusUnresolved
	if !ended {
		found = append(found, fmt.Sprintf("it has %d results", len(r.Results)))
	}
	moved, status := r.moved(), r.Status()
	if status == jobs.StatusSucceeded && moved != r.Job.Amount {
		found = append(found, fmt.Sprintf("it succeeded with %d rupiah, %d moved", r.Job.Amount, moved))
	}
	if (status == jobs.StatusFailed || status == jobs.StatusRejected) && moved != 0 {
		found = append(found, fmt.Sprintf("it is %s, yet %d rupiah moved", status, moved))
	}
	return found
}

// judgeDead: what is buried are the messages that the test meant to be, each
// once.
func (a *Audit) judgeDead(ctx context.Context, js jetstream.JetStream, want uint64) error {
	dead, err := js.Stream(ctx, jobs.StreamDead)
	if err != nil {
		return fmt.Errorf("look at dead letters: %w", err)
	}
	if n := dead.CachedInfo().State.Msgs; n != want {
		a.complain("there are %d dead letters, want %d", n, want)
	}
	return nil
}

var errOrder = errors.New("ledger read out of order")

// readLedger reads the stream from its first to its last message.
func (a *Audit) readLedger(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, jobs.StreamRefunds)
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
	if _, _, id, err := jobs.ParseResultSubject(m.Subject()); err == nil {
		result, err := jobs.DecodeResult(m.Data())
		if err != nil {
			a.complain("%s: %s", m.Subject(), err)
		}
		a.of(id).Results, a.of(id).Stored = append(a.of(id).Results, result), meta.Timestamp
		return nil
	}
	_, _, id, err := jobs.ParseLedgerSubject(m.Subject())
	if err != nil {
		return err
	}
	e := Entry{Seq: want}
	if err := json.Unmarshal(m.Data(), &e.Record); err != nil {
		return fmt.Errorf("read record %d: %w", want, err)
	}
	a.of(id).Records = append(a.of(id).Records, e)
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

// Ended counts the refunds that have a result, by asking the server for the
// subjects of the results.
func (s *Stack) Ended(ctx context.Context) (int, error) {
	stream, err := s.JS.Stream(ctx, jobs.StreamRefunds)
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("refunds.results.>"))
	if err != nil {
		return 0, err
	}
	ids := make(map[string]struct{}, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		if _, _, id, err := jobs.ParseResultSubject(subject); err == nil {
			ids[id] = struct{}{}
		}
	}
	return len(ids), nil
}

var errOpen = errors.New("refunds have no result yet")

// WaitEnded waits until so many refunds have a result.
func (s *Stack) WaitEnded(ctx context.Context, want int) error {
	return until(ctx, func() error {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		n, err := s.Ended(once)
		if err == nil && n < want {
			err = fmt.Errorf("%w: %d of %d", errOpen, want-n, want)
		}
		return err
	})
}
