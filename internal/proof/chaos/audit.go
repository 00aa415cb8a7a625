//go:build unix

package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// Audit is what both witnesses say about a set of jobs. The rules that it holds
// them to are those of package check.
type Audit struct {
	Refunds  map[string]*Refund // by refund id
	Total    dokusim.Sum        // of all money moved
	Problems []string           // every promise that is broken; none: all are kept
	Batched  int                // records that were stored in batches

	secrets []string // that must stand nowhere
}

// Refund is one job with all that became of it.
type Refund struct {
	Job       jobs.Job
	Records   []Entry        // without results, oldest first
	States    []refund.State // of all its records, those of results as well
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
	a := newAudit(published, s.DOKU.Settings["DOKU_SECRET_KEY"])
	if err := a.readLedger(ctx, s.JS); err != nil {
		return nil, err
	}
	book, err := s.DOKU.Book(ctx)
	if err != nil {
		return nil, err
	}
	a.judge(book)
	for _, w := range s.workers {
		log, err := s.Log(w)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("the log of process %d", w.PID())
		a.search(name, log)
		a.searchCrash(name, log)
	}
	return a, a.judgeDead(ctx, s.JS, s.cfg.Dead)
}

// newAudit knows the jobs and the secrets, and nothing of what became of them.
func newAudit(published []jobs.Job, secrets ...string) *Audit {
	a := &Audit{Refunds: make(map[string]*Refund, len(published)), secrets: secrets}
	for _, j := range published {
		a.Refunds[j.RefundID] = &Refund{Job: j}
		token := j.Customer.AccessToken.Reveal()
		if token != "" && !slices.Contains(a.secrets, token) {
			a.secrets = append(a.secrets, token)
		}
	}
	return a
}

func (a *Audit) complain(format string, args ...any) {
	a.Problems = append(a.Problems, fmt.Sprintf(format, args...))
}

// search complains of secrets in an output.
func (a *Audit) search(output string, content []byte) {
	a.add(check.Secrets(output, content, a.secrets...))
}

// crashes are how Go begins to tell that a program has ended by itself, or has
// raced. A handler's panic is caught, and is a line of JSON like any other.
var crashes = []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"}

// searchCrash complains of a worker that crashed, whatever restarted it.
func (a *Audit) searchCrash(output string, content []byte) {
	for line := range strings.Lines(string(content)) {
		for _, crash := range crashes {
			if strings.HasPrefix(line, crash) {
				a.complain("%s: %s", output, strings.TrimSpace(line))
			}
		}
	}
}

// Log is what the worker wrote to its standard error: to memory, or to a file
// that all workers share; what went into a pipe is gone.
func (s *Stack) Log(w *Process) ([]byte, error) {
	if s.cfg.LogFile == nil {
		return []byte(w.Stderr()), nil
	}
	info, err := s.cfg.LogFile.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	return os.ReadFile(s.cfg.LogFile.Name())
}

func (a *Audit) add(found []check.Violation) {
	for _, v := range found {
		a.Problems = append(a.Problems, v.String())
	}
}

// judge holds the book against the ledger.
func (a *Audit) judge(book dokusim.Snapshot) {
	a.assign(book)
	all := make([]check.Refund, 0, len(a.Refunds))
	for id, r := range a.Refunds {
		all = append(all, r.checked(id))
	}
	slices.SortFunc(all, func(x, y check.Refund) int { return cmp.Compare(x.ID, y.ID) })
	a.add(check.All(all))
}

// assign gives every movement of money to the refund that it is of. One that no
// job asked for becomes a refund that only the book knows.
func (a *Audit) assign(book dokusim.Snapshot) {
	invoices := make(map[string]string, len(a.Refunds))
	for id, r := range a.Refunds {
		invoices[string(r.Job.Channel)+" "+r.Job.InvoiceNumber] = id
	}
	var sum dokusim.Sum
	for _, m := range book.Movements {
		invoice := m.Channel + " " + m.Invoice
		r := a.of(cmp.Or(invoices[invoice], invoice))
		r.Movements = append(r.Movements, m)
		sum.Movements, sum.Amount = sum.Movements+1, sum.Amount+m.Amount
	}
	if a.Total = book.Total; sum != book.Total {
		a.complain("the book shows %+v one by one, and %+v in all", sum, book.Total)
	}
}

// checked is the refund as the checker takes it.
func (r *Refund) checked(id string) check.Refund {
	c := check.Refund{
		ID: id, Amount: r.Job.Amount, Movements: len(r.Movements), States: r.States,
		Results: make([]refund.State, len(r.Results)),
	}
	for _, m := range r.Movements {
		c.Moved += m.Amount
	}
	for i, result := range r.Results {
		c.Results[i] = result.Status
	}
	return c
}

// Status is that of the last result, [refund.None] without one.
func (r *Refund) Status() refund.State {
	if len(r.Results) == 0 {
		return refund.None
	}
	return r.Results[len(r.Results)-1].Status
}

// judgeDead: the dead letters are the messages that the test meant to be, each
// once. What an operator did about one is written beside it.
func (a *Audit) judgeDead(ctx context.Context, js jetstream.JetStream, want uint64) error {
	dead, err := js.Stream(ctx, stream.Dead)
	if err != nil {
		return fmt.Errorf("look at dead letters: %w", err)
	}
	state, n := dead.CachedInfo().State, uint64(0)
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		m, err := dead.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at dead letter %d: %w", seq, err)
		}
		if _, err := jobs.ParseDeadSubject(m.Subject); err == nil && m.Header.Get(operator.HeaderDeadAction) == "" {
			n++ // no notice, and no word about another
		}
	}
	if n != want {
		a.complain("there are %d dead letters, want %d", n, want)
	}
	return nil
}
