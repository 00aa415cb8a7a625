package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

type statusCommand struct {
	RefundID string `arg:"" name:"ID" help:"refund_id."`
}

// Run implements kong's command.
func (c statusCommand) Run(s *session) error {
	o, err := s.operator()
	if err != nil {
		return err
	}
	status, err := o.Status(s.ctx, c.RefundID)
	if err != nil {
		return err
	}
	return s.show(status, func(p *sheet) { drawStatus(p, status, time.Now()) })
}

// sentAs is what DOKU is told as reason, where that is not the job's own words.
func sentAs(s operator.Status) string {
	switch {
	case s.SentReason == nil:
		return ""
	case *s.SentReason == "":
		return "nothing: no character of it is one that DOKU takes"
	}
	return *s.SentReason
}

func drawStatus(p *sheet, s operator.Status, now time.Time) {
	p.fields("refund", s.RefundID, "environment", s.Environment, "channel", string(s.Channel), "state", s.State,
		"why", s.Why, "amount", rupiah(s.Amount), "invoice", s.InvoiceNumber, "payment", s.OriginalRequestID,
		"reason", s.Reason, "sent as", sentAs(s), "enqueued", p.clock(s.EnqueuedAt), "deadline", p.clock(s.Deadline),
		"next", p.next(s.View, now), "wait fires", p.clock(s.WaitFires), "request id", s.RequestID,
		"partner no.", s.PartnerRefundNo, "same no. as", strings.Join(s.SameNumber, ", "), "external id", s.ExternalID)
	if s.FirstUnknown > 0 {
		p.fields("in doubt", fmt.Sprintf("since attempt %d, which may have been executed unseen", s.FirstUnknown))
	}
	for _, key := range slices.Sorted(maps.Keys(s.Metadata)) {
		p.fields("metadata", key+" = "+s.Metadata[key])
	}
	p.fields("hint", s.Hint)
	p.line("")
	if s.Shortened {
		p.line("(older records have aged out)")
	}
	var rows [][]string
	for _, h := range s.History {
		rows = append(rows, []string{p.clock(h.At), h.State, fmt.Sprint(h.Attempt), h.Why, who(h), responseText(h.Response), h.Note})
	}
	p.table([]string{"WHEN", "STATE", "ATTEMPT", "WHY", "WHO", "DOKU SAID", "NOTE"}, rows)
}

func (p *sheet) next(v operator.View, now time.Time) string {
	if v.NextAt.IsZero() {
		return v.Next
	}
	return fmt.Sprintf("%s at %s (%s)", v.Next, p.clock(v.NextAt), in(v.NextAt.Sub(now)))
}

func in(d time.Duration) string {
	if d < 0 {
		return span(d)
	}
	return "in " + span(d)
}

func who(h operator.Step) string {
	switch {
	case h.Operator != "" && h.Because != "":
		return h.Operator + ": " + h.Because
	case h.Operator != "":
		return h.Operator
	}
	return h.By
}

// responseText is DOKU's answer in one line.
func responseText(s *refund.Response) string {
	if s == nil {
		return ""
	}
	var parts []string
	if s.HTTPStatus != 0 {
		parts = append(parts, fmt.Sprint(s.HTTPStatus))
	}
	for _, text := range []string{s.Code, s.RefundType, s.Message, s.ErrorMessage} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}
