package operator

import (
	"context"
	"errors"
	"fmt"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// Cancel gives up a refund that was never sent: the result is `rejected`,
// `cancelled`. One without a record needs its channel; a job of that id that
// comes later, or is queued already, finds the result and is never sent.
// Errors: [*RefusedError], [ErrChannelNeeded], [ErrOtherChannel], [ErrNoOwner].
func (o Operator) Cancel(ctx context.Context, refundID string, ch channel.Channel, because string) (ActionResult, error) {
	d, done, err := o.begin(ctx, "cancel "+refundID, refundID, because, false)
	if err != nil {
		return done, err
	}
	switch {
	case d.entry.Seq != 0 && ch != "" && ch != d.entry.Record.Job.Channel:
		return done, fmt.Errorf("%w: %s", ErrOtherChannel, d.entry.Record.Job.Channel)
	case d.entry.Seq == 0 && ch == "":
		return done, ErrChannelNeeded
	case d.entry.Seq == 0 && (o.cfg.ClientID == "" || o.cfg.Environment == ""):
		return done, ErrNoOwner
	}
	// Without a fingerprint: any job of this id is the one that was cancelled.
	d.begun = refund.Record{
		V: refund.RecordVersion, ClientID: o.cfg.ClientID, Environment: o.cfg.Environment,
		Job: refund.Job{RefundID: refundID, Channel: ch, Currency: "IDR"},
	}
	err = d.decide(ctx, refund.Event{Kind: refund.Cancelled, Nonce: refund.Nonce(o.cfg.Nonce())})
	done.After = d.entry
	return done, err
}

// Resolve settles an unresolved refund by the operator's word: succeeded or
// failed. Errors: [*RefusedError], [ErrNoRecord], [ErrBecause].
func (o Operator) Resolve(ctx context.Context, refundID string, word refund.State, because string) (ActionResult, error) {
	d, done, err := o.begin(ctx, "resolve "+refundID, refundID, because, true)
	if err != nil {
		return done, err
	}
	if d.entry.Seq == 0 {
		return done, ErrNoRecord
	}
	err = d.decide(ctx, refund.Event{Kind: refund.OperatorVerdict, Verdict: word})
	done.After = d.entry
	return done, err
}

// MayResolve reports, by its error, whether [Operator.Resolve] would be refused now. It
// changes nothing.
func (o Operator) MayResolve(ctx context.Context, refundID string, word refund.State, because string) (ledger.Entry, error) {
	d, done, err := o.begin(ctx, "resolve "+refundID, refundID, because, true)
	if err != nil {
		return done.Before, err
	}
	if d.entry.Seq == 0 {
		return done.Before, ErrNoRecord
	}
	verdict := refund.Event{Kind: refund.OperatorVerdict, Verdict: word}
	m := refund.Start(d.entry.Record.Core, verdict).Decide(refund.At(o.cfg.Now()), o.cfg.Policy)
	if effect, _ := m.Effect(); effect != refund.Append {
		return d.entry, &RefusedError{Entry: d.entry, Action: d.action, Advice: advice(d.entry.Record, verdict.Kind)}
	}
	return d.entry, nil
}

// InquiryResult is what an inquiry by hand found, and led to.
type InquiryResult struct {
	ActionResult
	Inquiry doku.InquiryOutcome
	Settled bool
}

// Inquire asks DOKU about a refund that was sent. A proof settles an unknown or
// unresolved one; anything else is only shown. Errors: [ErrNoRecord], and
// [*RefusedError] where there is nothing to ask about.
func (o Operator) Inquire(ctx context.Context, refundID, because string) (InquiryResult, error) {
	d, done, err := o.begin(ctx, "inquire about "+refundID, refundID, because, false)
	asked := InquiryResult{ActionResult: done}
	if err != nil {
		return asked, err
	}
	r := d.entry.Record
	switch {
	case d.entry.Seq == 0:
		return asked, ErrNoRecord
	case r.Sends == 0:
		return asked, &RefusedError{Entry: d.entry, Action: d.action, Advice: "it was never sent, so DOKU cannot know it"}
	}
	at := refund.At(o.cfg.Now())
	asked.Inquiry = o.cfg.Inquirer.Inquire(ctx, doku.NewOrder(&r, doku.Customer{}))
	d.inquiry = asked.Inquiry
	err = d.decide(ctx, refund.Event{Kind: refund.OperatorInquired, Finding: asked.Inquiry.Finding, AskedAt: at})
	asked.After, asked.Settled = d.entry, err == nil
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		return asked, nil // shown only
	}
	return asked, err
}

// RetryResult is what bringing a refund forward led to.
type RetryResult struct {
	ActionResult
	WokenUp bool // no wait was stored: a wake-up was made from the ledger
}

// Retry brings a waiting refund forward to now, or to its not_before. Its wait
// keeps body and headers. Errors: [*RefusedError], [ErrNoRecord], [ErrNoCopy].
func (o Operator) Retry(ctx context.Context, refundID, because string) (RetryResult, error) {
	d, done, err := o.begin(ctx, "retry "+refundID, refundID, because, false)
	f := RetryResult{ActionResult: done}
	if err != nil {
		return f, err
	}
	if d.entry.Seq == 0 {
		return f, ErrNoRecord
	}
	lost, err := o.lost(ctx, d.entry.Record)
	if err != nil {
		return f, err
	}
	if lost && d.entry.Record.State == refund.Waiting && needsCustomer(d.entry.Record.Job.Channel) {
		return f, ErrNoCopy
	}
	if err := d.decide(ctx, refund.Event{Kind: refund.BroughtForward}); err != nil {
		return f, err
	}
	f.After = d.entry
	f.WokenUp, err = d.reschedule(ctx, lost)
	return f, err
}

// reschedule carries out the effect that follows [refund.Append] when a refund
// was brought forward.
func (d *execution) reschedule(ctx context.Context, lost bool) (wokenUp bool, err error) {
	r := d.entry.Record
	for {
		stored, err := d.cfg.Ledger.ScheduledOf(ctx, r.Job.Channel, r.Job.RefundID)
		switch {
		case err != nil:
			return false, err
		case stored.Seq == 0 && lost:
			return true, d.cfg.Ledger.WakeUp(ctx, &r)
		case stored.Seq == 0:
			return false, nil // it has fired: its delivery finds the new due time
		}
		stored.At = d.machine.At().Time()
		err = d.cfg.Ledger.Reschedule(ctx, stored)
		if !errors.Is(err, ledger.ErrScheduleMoved) {
			return false, err
		}
	}
}

// lost reports whether no message of the refund is left: neither job nor wait.
// A wake-up beside a living message would arrive without the customer's values,
// and could take the place of the wait that has them.
func (o Operator) lost(ctx context.Context, r refund.Record) (bool, error) {
	for range 2 { // a message that moves from queue to wait, or back, is met at the second look
		stored, err := o.cfg.Ledger.ScheduledOf(ctx, r.Job.Channel, r.Job.RefundID)
		if err != nil || stored.Seq != 0 {
			return false, err
		}
		queued, err := o.cfg.Ledger.Queued(ctx, r.Job.Channel)
		if err != nil || queued[r.Job.RefundID] {
			return false, err
		}
	}
	return true, nil
}

// needsCustomer reports whether a send on the channel needs a value that the
// ledger never holds.
func needsCustomer(ch channel.Channel) bool {
	f := ch.Facts()
	return f.CustomerToken == channel.Required || f.IPAddress == channel.Required || f.DeviceID == channel.Required
}

// begin reads the record that an action starts from.
func (o Operator) begin(ctx context.Context, action, refundID, because string, needed bool) (*execution, ActionResult, error) {
	if err := o.signed(because, needed); err != nil {
		return nil, ActionResult{}, fmt.Errorf("%s: %w", action, err)
	}
	last, err := o.last(ctx, refundID)
	if err != nil {
		return nil, ActionResult{}, fmt.Errorf("%s: %w", action, err)
	}
	return &execution{Operator: o, action: action, because: because, entry: last}, ActionResult{Before: last, After: last}, nil
}

func (o Operator) last(ctx context.Context, refundID string) (ledger.Entry, error) {
	if !jobs.ValidRefundID(refundID) {
		return ledger.Entry{}, fmt.Errorf("%.70q %w", refundID, ErrRefundID)
	}
	return o.cfg.Ledger.Last(ctx, refundID)
}
