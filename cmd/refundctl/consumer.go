package main

import (
	"fmt"
	"strconv"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

type consumerCommand struct {
	Add    consumerAddCommand    `cmd:"" help:"Make a durable consumer of results or of notices, and print what lets another account reach it."`
	List   consumerListCommand   `cmd:"" help:"All of them, and what they have not read."`
	Remove consumerRemoveCommand `cmd:"" help:"Remove one. A new one of that name begins with the first message."`
}

type consumerAddCommand struct {
	Name    string `arg:"" help:"Of the program that reads."`
	Channel string `help:"Results of one channel." placeholder:"CHANNEL"`
	Status  string `help:"Results of one status: succeeded, failed, rejected or unresolved." placeholder:"STATUS"`
	Notices bool   `help:"Notices of dead letters instead of results: for an order system that must miss none."`
	Account string `help:"NATS account that is to reach it; by default SHOP, with --notices ORDERS." placeholder:"NAME"`
}

func (c consumerAddCommand) reader() (stream.Reader, error) {
	ch, err := channelFlag(c.Channel)
	if err != nil {
		return stream.Reader{}, err
	}
	var p config.Problems
	if !stream.ValidReaderName(c.Name) {
		p.Add("NAME", "must be 1 to 64 letters, digits, _ or -")
	}
	if c.Status != "" {
		p.OneOf("--status", c.Status, "succeeded", "failed", "rejected", "unresolved")
	}
	if c.Notices && (c.Channel != "" || c.Status != "") {
		p.Add("--notices", "and --channel, --status exclude each other")
	}
	if len(p) > 0 {
		return stream.Reader{}, &usageError{p}
	}
	if c.Notices {
		return stream.Reader{Name: c.Name, Stream: stream.Dead, Filter: stream.NoticeFilter}, nil
	}
	var status refund.State
	if c.Status != "" {
		if err := status.UnmarshalText([]byte(c.Status)); err != nil {
			return stream.Reader{}, err
		}
	}
	return stream.Reader{Name: c.Name, Stream: stream.Refunds, Filter: stream.ResultFilter(ch, status)}, nil
}

// addReport is what was made, and what lets another account reach it.
type addReport struct {
	Consumer string   `json:"consumer"`
	Filter   string   `json:"filter"`
	Created  bool     `json:"created"`
	Exports  []string `json:"exports"` // for the account of the streams
	Imports  []string `json:"imports"` // for the account of the reader
	Publish  []string `json:"publish"` // what the reader's user may publish to
	account  string
}

// Run implements kong's command.
func (c consumerAddCommand) Run(s *session) error {
	r, err := c.reader()
	if err != nil {
		return err
	}
	if err := s.dial(); err != nil {
		return err
	}
	made, err := stream.AddReader(s.ctx, s.js, r)
	if err != nil {
		return err
	}
	report := addReport{Consumer: r.Stream + "/" + r.Name, Filter: r.Filter, Created: made, account: c.Account}
	if report.account == "" {
		report.account = map[bool]string{false: "SHOP", true: "ORDERS"}[c.Notices]
	}
	report.Exports, report.Imports, report.Publish = r.Exports(report.account)
	return s.show(report, report.draw)
}

func (r addReport) draw(p *sheet) {
	if r.Created {
		p.line("created %s: %s", r.Consumer, r.Filter)
	} else {
		p.line("%s was there: %s", r.Consumer, r.Filter)
	}
	p.line("To let account %s read it, in nats.conf", r.account)
	for _, part := range []struct {
		where string
		lines []string
	}{
		{"exports of REFUNDS:", r.Exports},
		{"imports of " + r.account + ":", r.Imports},
		{"what its user may publish to:", quotedLines(r.Publish)},
	} {
		p.line("  %s", part.where)
		for _, text := range part.lines {
			p.line("    %s", text)
		}
	}
}

func quotedLines(subjects []string) (lines []string) {
	for _, subject := range subjects {
		lines = append(lines, strconv.Quote(subject))
	}
	return lines
}

type consumerListCommand struct{}

// Run implements kong's command.
func (consumerListCommand) Run(s *session) error {
	if err := s.dial(); err != nil {
		return err
	}
	found, err := stream.Readers(s.ctx, s.js)
	if err != nil {
		return err
	}
	report := make([]readerReport, 0, len(found))
	for _, r := range found {
		report = append(report, readerReport(r))
	}
	return s.show(map[string]any{"consumers": report}, func(p *sheet) {
		rows := make([][]string, 0, len(report))
		for _, r := range report {
			rows = append(rows, []string{r.Name, r.Filter, fmt.Sprint(r.Unread), fmt.Sprint(r.Unacknowledged)})
		}
		p.table([]string{"NAME", "FILTER", "UNREAD", "NOT ACKNOWLEDGED"}, rows)
	})
}

// readerReport is a [stream.Reader] as JSON.
type readerReport struct {
	Name           string `json:"name"`
	Stream         string `json:"stream"`
	Filter         string `json:"filter"`
	Unread         uint64 `json:"unread"`
	Unacknowledged int    `json:"unacknowledged"`
}

type consumerRemoveCommand struct {
	Name    string `arg:"" help:"As list shows it."`
	Notices bool   `help:"A consumer of notices, not of results."`
}

// Run implements kong's command.
func (c consumerRemoveCommand) Run(s *session) error {
	if err := s.dial(); err != nil {
		return err
	}
	of := stream.Refunds
	if c.Notices {
		of = stream.Dead
	}
	r, err := stream.RemoveReader(s.ctx, s.js, of, c.Name)
	if err != nil {
		return err
	}
	return s.show(readerReport(r), func(p *sheet) {
		p.line("removed %s/%s", r.Stream, r.Name)
		if n := r.Unread + uint64(r.Unacknowledged); n > 0 { //nolint:gosec // a count
			p.line("%s it had not read %d messages", p.colour("warning"), n)
		}
	})
}
