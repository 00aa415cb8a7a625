package main

import (
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
)

type watchCommand struct {
	RefundID string `arg:"" optional:"" name:"ID" help:"One refund: its history first, until it has ended. Without it: every step of every refund from now on."`
	Channel  string `help:"One channel." placeholder:"CHANNEL"`
}

// Run implements kong's command. It ends with the refund, or by an interrupt.
func (c watchCommand) Run(s *session) error {
	ch, err := channelFlag(c.Channel)
	if err != nil {
		return err
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	from := operator.Span{Follow: true}
	switch {
	case c.RefundID != "" && !jobs.ValidRefundID(c.RefundID):
		return fmt.Errorf("%.70q %w", c.RefundID, operator.ErrRefundID)
	case c.RefundID != "":
		from.Subject = jobs.RecordSubjects(c.RefundID)
	default:
		if from.After, err = s.now(); err != nil {
			return err
		}
		if ch != "" {
			from.Subject = "refunds.*." + string(ch) + ".*.*"
		}
	}
	err = o.Read(s.ctx, from, func(r operator.Recorded) error {
		if err := s.step(r); err != nil {
			return err
		}
		if c.RefundID != "" && r.Record.State.Final() {
			return errSeen
		}
		return nil
	})
	return s.interrupted(err)
}

// now is the sequence of the ledger's last record.
func (s *session) now() (uint64, error) {
	stream, err := s.js.Stream(s.ctx, stream.Refunds)
	if err != nil {
		return 0, fmt.Errorf("look at the ledger: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// change is one step in a stream of JSON lines.
type change struct {
	operator.Step
	RefundID string `json:"refund_id"`
	Channel  string `json:"channel"`
}

// step prints one record as one line.
func (s *session) step(r operator.Recorded) error {
	st := operator.StepOf(r)
	if s.Output == "json" {
		return writeJSON(s.stdout, change{Step: st, RefundID: r.Record.Job.RefundID, Channel: string(r.Record.Job.Channel)}, "")
	}
	p := s.sheet()
	note := ""
	if !st.Due.IsZero() {
		note = "due " + in(time.Until(st.Due))
	}
	more := ""
	for _, text := range []string{st.Why, responseText(st.Response), note} {
		if text != "" {
			more += "  " + text
		}
	}
	p.line("%s  %s  %s  %s  attempt %d%s", p.clock(st.At), r.Record.Job.RefundID, r.Record.Job.Channel, p.colour(st.State), st.Attempt, more)
	_, err := fmt.Fprint(s.stdout, p.text.String())
	return err
}
