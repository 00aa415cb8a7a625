package operator

import (
	"context"
	"errors"
	"fmt"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// execution is one action on one refund, from the record that it was begun on to the
// one that it led to.
type execution struct {
	Operator
	action  string // continues "refused to …"
	because string
	begun   refund.Record       // where there is no record yet
	inquiry doku.InquiryOutcome // what DOKU said, where it was asked
	entry   ledger.Entry
	machine refund.Machine
}

// decide lets the table decide on e and appends what it says. A record that has
// moved meanwhile is decided from anew. It returns after the append, with
// d.steps at the effect that comes next.
func (d *execution) decide(ctx context.Context, e refund.Event) error {
	d.machine = refund.Start(d.entry.Record.Core, e)
	for {
		now := refund.At(d.cfg.Now())
		d.machine = d.machine.Decide(now, d.cfg.Policy)
		switch effect, _ := d.machine.Effect(); effect {
		case refund.Append:
		case refund.Refuse:
			return &RefusedError{Entry: d.entry, Action: d.action, Advice: advice(d.entry.Record, e.Kind)}
		default:
			return fmt.Errorf("%s: row %q asks for %s, which no operator does", d.action, d.machine.Row(), effect)
		}
		record := d.next(now)
		seq, err := d.cfg.Ledger.Append(ctx, &record)
		var moved *ledger.MovedError
		if errors.As(err, &moved) {
			d.entry = moved.Last
			d.machine = refund.Start(moved.Last.Record.Core, e)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.action, err)
		}
		d.entry = ledger.Entry{Record: record, Seq: seq, Stored: d.cfg.Now()}
		d.machine = d.machine.Advance()
		return nil
	}
}

// next builds the record to append.
func (d *execution) next(now refund.Time) refund.Record {
	last := d.entry.Record
	if d.entry.Seq == 0 {
		last = d.begun
	}
	return d.machine.Record(last, refund.Details{
		At: now, By: d.stamp(), Prev: d.entry.Seq, Response: d.inquiry.Response, Note: d.inquiry.Problem,
		Operator: d.cfg.Name, Because: d.because,
	})
}

// advice says what can be done where the table refuses.
func advice(r refund.Record, kind refund.Kind) string {
	ended := r.State.Final()
	switch {
	case ended:
		return "it has ended, and nothing can follow"
	case kind == refund.Cancelled && r.State != refund.None:
		return "it may have been sent, and what was sent cannot be taken back"
	case kind == refund.OperatorVerdict && r.State == refund.Unresolved:
		return "DOKU may still be working on it: `failed` is believed from " + stamp(r.AskFrom.Add(r.Quiet)) + " on"
	case kind == refund.OperatorVerdict:
		return "only what is unresolved is settled by hand; the worker is still at it"
	case kind == refund.BroughtForward && r.State == refund.Unknown:
		return "an unknown refund is asked about at its time: `inquire` asks now"
	case kind == refund.BroughtForward && r.State == refund.Sending:
		return "a call is under way, or its worker died: it is looked at again at " + stamp(r.AskFrom)
	}
	return ""
}

func stamp(t refund.Time) string { return t.Time().Format("2006-01-02 15:04:05Z") }
