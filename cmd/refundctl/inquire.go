package main

import (
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

type inquireCommand struct {
	RefundID string `arg:"" optional:"" name:"ID" help:"refund_id; without it, all that the flags say, of --state unknown or unresolved."`
	filterFlags
	Because string `help:"Why; it is kept in the ledger where the answer settles the refund." placeholder:"TEXT"`
	Rate    string `default:"1" help:"Of many: inquiries a second." placeholder:"N"`
}

// Run implements kong's command.
func (c inquireCommand) Run(s *session) error {
	filter, rate, problems := c.check(s)
	if len(problems) > 0 {
		return &usageError{problems}
	}
	if _, err := s.merchant(); err != nil {
		return err
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	if c.RefundID != "" {
		return c.one(s, o)
	}
	page, err := s.listed(o, filter)
	if err != nil {
		return err
	}
	return c.many(s, o, page.Refunds, rate)
}

func (c inquireCommand) check(s *session) (f operator.Filter, rate float64, p config.Problems) {
	f, p = c.filter(s)
	if rate = p.Rate("--rate", c.Rate); rate == 0 && len(p) == 0 {
		p.Add("--rate", "must be more than 0")
	}
	if c.RefundID != "" {
		if !c.none() {
			p.Add("ID", "and flags that choose refunds exclude each other")
		}
		return f, rate, p
	}
	if f.State != refund.Unknown.String() && f.State != refund.Unresolved.String() {
		p.Add("ID", "must be given, or --state unknown or unresolved: of others there is nothing to ask")
	}
	return f, rate, p
}

func (c inquireCommand) one(s *session, o operator.Operator) error {
	asked, err := o.Inquire(s.ctx, c.RefundID, c.Because)
	if err != nil {
		return err
	}
	did := "asked DOKU: " + asked.Inquiry.Finding.String() + "; nothing was changed"
	if asked.Settled {
		did = fmt.Sprintf("asked DOKU: %s; the result is %s", asked.Inquiry.Finding, asked.After.Record.State)
	}
	if asked.Inquiry.Problem != "" {
		did += " (" + asked.Inquiry.Problem + ")"
	}
	return s.outcome(outcome{
		Action: "inquire", Did: did, Operator: s.Operator, Changed: asked.Settled, Finding: asked.Inquiry.Finding.String(),
		Response: asked.Inquiry.Response.Given(), Refund: operator.ViewOf(asked.After.Record), Before: asked.Before.Record.State.String(),
	})
}

// inquired is one line of an inquiry about many.
type inquired struct {
	RefundID string `json:"refund_id"`
	Finding  string `json:"finding,omitempty"`
	State    string `json:"state,omitempty"`
	Settled  bool   `json:"settled"`
	Problem  string `json:"problem,omitempty"`
}

// many asks about one after the other, and prints a line for each as it comes: a JSON
// object a line, or a table without columns. One that cannot be asked about stops only
// itself.
func (c inquireCommand) many(s *session, o operator.Operator, refunds []operator.View, rate float64) error {
	settled, problems := 0, 0
	for i, v := range refunds {
		if i > 0 && retry.Sleep(s.ctx, time.Duration(float64(time.Second)/rate)) != nil {
			return fmt.Errorf("%w: asked about %d of %d", s.ctx.Err(), i, len(refunds))
		}
		line := inquired{RefundID: v.RefundID}
		asked, err := o.Inquire(s.ctx, v.RefundID, c.Because)
		if err != nil {
			line.Problem = problemOf(err)
			problems++
		} else {
			line.Finding, line.State, line.Settled = asked.Inquiry.Finding.String(), asked.After.Record.State.String(), asked.Settled
		}
		if line.Settled {
			settled++
		}
		if err := s.inquiredLine(line); err != nil {
			return err
		}
	}
	if s.Output != "json" {
		p := s.sheet()
		p.line("asked about %d: %d settled, %d could not be asked about", len(refunds), settled, problems)
		if _, err := fmt.Fprint(s.stdout, p.text.String()); err != nil {
			return err
		}
	}
	if problems > 0 {
		return errFound
	}
	return nil
}

func (s *session) inquiredLine(line inquired) error {
	if s.Output == "json" {
		return writeJSON(s.stdout, line, "")
	}
	p := s.sheet()
	switch {
	case line.Problem != "":
		p.line("%s  %s", line.RefundID, line.Problem)
	case line.Settled:
		p.line("%s  %s: the result is %s", line.RefundID, line.Finding, p.colour(line.State))
	default:
		p.line("%s  %s: it stays %s", line.RefundID, line.Finding, p.colour(line.State))
	}
	_, err := fmt.Fprint(s.stdout, p.text.String())
	return err
}
