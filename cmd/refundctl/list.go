package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/fleet"
	"refundworker.example/refundworker/internal/operator"
)

type listCommand struct {
	filterFlags
	After string `help:"For the next page: what the page before ended with." placeholder:"PLACE"`
	Limit string `default:"50" help:"Refunds on a page; 0 for all." placeholder:"N"`
}

// Run implements kong's command.
func (c listCommand) Run(s *session) error {
	f, problems := c.filter(s)
	f.After, f.Limit = c.After, problems.Int("--limit", c.Limit, 0, 1<<30)
	if len(problems) > 0 {
		return &usageError{problems}
	}
	return s.list(f)
}

func (s *session) list(f operator.Filter) error {
	o, err := s.operator()
	if err != nil {
		return err
	}
	page, err := s.listed(o, f)
	if err != nil {
		return err
	}
	return s.show(page, func(p *sheet) { drawList(p, page, time.Now()) })
}

func drawList(p *sheet, list operator.Page, now time.Time) {
	if len(list.Refunds) == 0 {
		p.line("no refund fits")
		return
	}
	var rows [][]string
	for _, v := range list.Refunds {
		age := ""
		if !v.EnqueuedAt.IsZero() {
			age = span(now.Sub(v.EnqueuedAt))
		}
		due := ""
		if !v.NextAt.IsZero() {
			due = in(v.NextAt.Sub(now))
		}
		rows = append(rows, []string{
			v.RefundID, v.InvoiceNumber, string(v.Channel), v.State, rupiah(v.Amount), v.Why, v.Code, fmt.Sprint(v.Attempts), age, due,
		})
	}
	p.table([]string{"ID", "INVOICE", "CHANNEL", "STATE", "AMOUNT", "WHY", "DOKU'S CODE", "ATTEMPTS", "AGE", "NEXT"}, rows)
	if list.Next != "" {
		p.line("more: --after=%s", list.Next)
	}
}

type unresolvedCommand struct {
	List unresolvedListCommand `cmd:"" help:"Refunds that a person must settle."`
}

type unresolvedListCommand struct {
	Channel string `help:"One channel." placeholder:"CHANNEL"`
}

// Run implements kong's command.
func (c unresolvedListCommand) Run(s *session) error {
	ch, err := channelFlag(c.Channel)
	if err != nil {
		return err
	}
	return s.list(operator.Filter{State: "unresolved", Channel: ch})
}

type statsCommand struct{}

// Run implements kong's command.
func (statsCommand) Run(s *session) error {
	o, err := s.operator()
	if err != nil {
		return err
	}
	stats, err := o.Stats(s.ctx)
	if err != nil {
		return err
	}
	workers, err := o.Workers(s.ctx)
	if err != nil && !errors.Is(err, fleet.ErrDenied) {
		return err
	}
	f := fleetReport{workers, operator.OpenBreakers(workers), err}
	return s.show(map[string]any{
		"channels": stats, "workers": slices.Concat([]fleet.Worker{}, workers), "open_breakers": slices.Concat([]operator.OpenBreaker{}, f.open),
		"workers_asked": err == nil,
	}, func(p *sheet) { drawStats(p, stats); drawFleet(p, f, time.Now()) })
}

// fleetReport is what the workers said, or why they could not be asked.
type fleetReport struct {
	workers []fleet.Worker
	open    []operator.OpenBreaker
	denied  error
}

func drawFleet(p *sheet, f fleetReport, now time.Time) {
	p.line("")
	switch {
	case f.denied != nil:
		p.line("workers: %s; breakers are not known", f.denied)
	case len(f.workers) == 0:
		p.line("workers: no worker answered; breakers are not known")
	default:
		p.line("workers: %d answered, %d open breakers", len(f.workers), len(f.open))
	}
	for _, b := range f.open {
		p.line("%s: %s", b.Channel, b.Text(now))
	}
}

func drawStats(p *sheet, stats []operator.ChannelStats) {
	rows := [][]string{}
	total := operator.ChannelStats{Channel: "all"}
	for _, c := range stats {
		rows = append(rows, statsRow(c))
		total.Queued, total.Due = total.Queued+c.Queued, total.Due+c.Due
		total.InHand, total.Waiting = total.InHand+c.InHand, total.Waiting+c.Waiting
		total.Succeeded, total.Failed = total.Succeeded+c.Succeeded, total.Failed+c.Failed
		total.Rejected, total.Unresolved = total.Rejected+c.Rejected, total.Unresolved+c.Unresolved
	}
	rows = append(rows, statsRow(total))
	marks := map[place]string{}
	for i, row := range rows {
		if strings.HasPrefix(row[1], "paused") {
			marks[place{i, 1}] = "paused"
		}
		if unresolved := len(row) - 1; row[unresolved] != "0" { // a person is needed
			marks[place{i, unresolved}] = "unresolved"
		}
	}
	p.tableWith([]string{"CHANNEL", "", "QUEUED", "IN HAND", "DUE", "WAITING", "SUCCEEDED", "FAILED", "REJECTED", "UNRESOLVED"}, rows, marks)
}

func statsRow(c operator.ChannelStats) []string {
	state := ""
	if c.Paused {
		state = "paused"
		if c.PausedFor != "" {
			state += " for " + c.PausedFor
		}
	}
	row := []string{string(c.Channel), state}
	for _, n := range []any{c.Queued, c.InHand, c.Due, c.Waiting, c.Succeeded, c.Failed, c.Rejected, c.Unresolved} {
		row = append(row, fmt.Sprint(n))
	}
	return row
}

type sweepCommand struct {
	Channel string `help:"One channel." placeholder:"CHANNEL"`
	DryRun  bool   `help:"Only tell."`
	Settle  string `default:"3s" help:"How far apart the two looks are that find a refund lost." placeholder:"TIME"`
}

// Run implements kong's command.
func (c sweepCommand) Run(s *session) error {
	ch, err := channelFlag(c.Channel)
	if err != nil {
		return err
	}
	var p config.Problems
	settle := p.Duration("--settle", c.Settle, time.Millisecond)
	if len(p) > 0 {
		return &usageError{p}
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	lost, err := o.Sweep(s.ctx, ch, settle, c.DryRun)
	if err != nil {
		return err
	}
	return s.show(map[string]any{"lost": slices.Concat([]operator.LostRefund{}, lost), "dry_run": c.DryRun}, func(p *sheet) { drawSweep(p, lost, c.DryRun) })
}

func drawSweep(p *sheet, lost []operator.LostRefund, dry bool) {
	var rows [][]string
	for _, l := range lost {
		rows = append(rows, []string{l.RefundID, string(l.Channel), l.State, p.clock(l.Since), l.Note})
	}
	if len(rows) > 0 {
		p.table([]string{"ID", "CHANNEL", "STATE", "SINCE", "NOTE"}, rows)
	}
	switch {
	case len(lost) == 0:
		p.line("no refund is lost: each has a job or a wait")
	case dry:
		p.line("lost: %d; without --dry-run they get a wake-up", len(lost))
	default:
		p.line("lost: %d; they got a wake-up", len(lost))
	}
}
