package operator

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// View is one refund as a person sees it in a list. Times are in UTC; a zero
// one is left out.
type View struct {
	RefundID      string          `json:"refund_id"`
	Channel       channel.Channel `json:"channel"`
	State         string          `json:"state"`
	Why           string          `json:"why,omitempty"`  // reason of a wait, or the worker's error code
	Code          string          `json:"code,omitempty"` // DOKU's last one
	Attempts      int32           `json:"attempts"`
	Amount        int64           `json:"amount"` // rupiah
	InvoiceNumber string          `json:"invoice_number,omitempty"`
	EnqueuedAt    time.Time       `json:"enqueued_at,omitzero"`
	Since         time.Time       `json:"since"` // when the last record was written
	Next          string          `json:"next"`  // what happens next
	NextAt        time.Time       `json:"next_at,omitzero"`
	Deadline      time.Time       `json:"deadline,omitzero"`
	Environment   string          `json:"environment"`
}

// ViewOf shows a record.
func ViewOf(r refund.Record) View {
	v := View{
		RefundID: r.Job.RefundID, Channel: r.Job.Channel, State: r.State.String(), Why: r.Code.String(),
		Attempts: r.Sends, Amount: r.Job.Amount, InvoiceNumber: r.Job.InvoiceNumber, EnqueuedAt: r.EnqueuedAt.Time(),
		Since: r.At.Time(), Deadline: r.Deadline.Time(), Environment: r.Environment,
	}
	if r.Response != nil {
		v.Code = r.Response.Code
	}
	v.Next, v.NextAt = next(r)
	return v
}

// next says what happens next to a refund, and when.
func next(r refund.Record) (what string, at time.Time) {
	switch r.State {
	case refund.Waiting:
		if r.Sends == 0 {
			return "is sent for the first time", r.Due.Time()
		}
		return "is sent again", r.Due.Time()
	case refund.Unknown:
		return "DOKU is asked what became of it", r.Due.Time()
	case refund.Sending:
		return "the answer is recorded; without one, DOKU is asked", r.AskFrom.Time()
	case refund.Unresolved:
		return "a person must settle it", time.Time{}
	case refund.None, refund.Succeeded, refund.Failed, refund.Rejected:
	}
	return "nothing: it has ended", time.Time{}
}

// Step is one record of a refund's history.
type Step struct {
	Sequence uint64           `json:"sequence"`
	At       time.Time        `json:"at"`
	State    string           `json:"state"`
	Why      string           `json:"why,omitempty"`
	Attempt  int32            `json:"attempt"`
	Due      time.Time        `json:"due,omitzero"`
	By       string           `json:"by"` // the writing process
	Operator string           `json:"operator,omitempty"`
	Because  string           `json:"because,omitempty"`
	Evidence string           `json:"evidence,omitempty"`
	Response *refund.Response `json:"doku_said,omitempty"` // where this very step brought an answer
	Note     string           `json:"note,omitempty"`
}

// StepOf shows one record, with what DOKU said last.
func StepOf(r Recorded) Step { return step(r.Record, r.Sequence) }

func step(r refund.Record, sequence uint64) Step {
	s := Step{
		Sequence: sequence, At: r.At.Time(), State: r.State.String(), Why: r.Code.String(), Attempt: r.Sends,
		Due: r.Due.Time(), By: r.By, Evidence: string(r.Evidence), Note: r.Note, Response: r.Response,
	}
	if ByOperator(r) {
		s.Operator, s.Because = r.Operator, r.Because
	}
	return s
}

// machine shows a history. A record repeats what DOKU said last: only the step
// that brought it shows it.
func steps(path []ledger.Entry) []Step {
	var list []Step
	var before *refund.Response
	for _, e := range path {
		s := step(e.Record, e.Seq)
		if before != nil && s.Response != nil && *before == *s.Response {
			s.Response = nil
		}
		before = e.Record.Response
		list = append(list, s)
	}
	return list
}
