package main

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

// outcome is the report of a command that acts on one refund.
type outcome struct {
	Action   string           `json:"action"`
	Did      string           `json:"did"`
	Changed  bool             `json:"changed"`
	Operator string           `json:"operator"`
	Refund   operator.View    `json:"refund"`
	Response *refund.Response `json:"doku_said,omitempty"`
	Finding  string           `json:"finding,omitempty"`
	Before   string           `json:"state_before"`
}

func (s *session) acted(action, did string, done operator.ActionResult) error {
	o := outcome{
		Action: action, Did: did, Operator: s.Operator, Changed: done.After.Seq != done.Before.Seq,
		Refund: operator.ViewOf(done.After.Record), Before: done.Before.Record.State.String(),
	}
	return s.outcome(o)
}

func (s *session) outcome(o outcome) error {
	return s.show(o, func(p *sheet) {
		p.line("%s", o.Did)
		p.fields("refund", o.Refund.RefundID, "state", o.Refund.State, "before", o.Before, "next", p.next(o.Refund, time.Now()),
			"DOKU said", responseText(o.Response))
	})
}

type cancelCommand struct {
	RefundID string `arg:"" name:"ID" help:"refund_id."`
	Channel  string `help:"Channel of a refund that has no record yet." placeholder:"CHANNEL"`
	Because  string `help:"Why; it is kept in the result for ever." placeholder:"TEXT"`
}

// Run implements kong's command.
func (c cancelCommand) Run(s *session) error {
	ch, err := channelFlag(c.Channel)
	if err != nil {
		return err
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	done, err := o.Cancel(s.ctx, c.RefundID, ch, c.Because)
	if err != nil {
		return err
	}
	return s.acted("cancel", "cancelled: the result is rejected, cancelled; it will never be sent", done)
}

// channelFlag reads --channel; empty is none.
func channelFlag(text string) (channel.Channel, error) {
	if text == "" {
		return "", nil
	}
	return channelNamed("--channel", text)
}

func channelNamed(name, text string) (channel.Channel, error) {
	ch, err := channel.Parse(text)
	if err != nil {
		var p config.Problems
		p.Add(name, "%s", err)
		return "", &usageError{p}
	}
	return ch, nil
}

type retryCommand struct {
	RefundID string `arg:"" name:"ID" help:"refund_id."`
	Because  string `help:"Why; it is kept in the ledger for ever." placeholder:"TEXT"`
}

// Run implements kong's command.
func (c retryCommand) Run(s *session) error {
	o, err := s.operator()
	if err != nil {
		return err
	}
	forwarded, err := o.Retry(s.ctx, c.RefundID, c.Because)
	if err != nil {
		return err
	}
	did := "brought forward: a worker looks at it now"
	if at := forwarded.After.Record.Due.Time(); at.After(time.Now()) {
		did = "brought forward to its not_before, " + s.sheet().clock(at)
	}
	if forwarded.WokenUp {
		did += " (no wait was stored: a wake-up was made from the ledger)"
	}
	return s.acted("retry", did, forwarded.ActionResult)
}
