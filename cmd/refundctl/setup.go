package main

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
)

type setupCommand struct {
	JobsMaxBytes    string   `name:"jobs-max-bytes" env:"JOBS_MAX_BYTES" default:"1GiB" help:"Size of REFUND_JOBS, so that jobs leave room for records." placeholder:"SIZE"`
	LedgerMustExist bool     `name:"ledger-must-exist" env:"LEDGER_MUST_EXIST" help:"Refuse to begin a new ledger."`
	NewLedger       bool     `name:"new-ledger" help:"Begin one although the other streams show that there was one before, which is lost for good. Refunds that it knew can be paid again: read docs/runbook.md first."`
	NoticeConsumer  []string `name:"notice-consumer" env:"NOTICE_CONSUMERS" help:"Durable consumer of notices of dead letters to create, one for each order system; may be given several times." placeholder:"NAME"`
	NoticeStream    bool     `name:"notice-stream" env:"NOTICE_STREAM" help:"Create REFUND_NOTICES as well, the mirror of the notices of dead letters that cmd/gateway reads."`
	Replicas        string   `default:"1" env:"REPLICAS" help:"Of streams that are created: 1, 3 or 5." placeholder:"N"`
	ResultConsumer  []string `name:"result-consumer" env:"RESULT_CONSUMERS" help:"Durable consumer of results to create, one for each reader; may be given several times." placeholder:"NAME"`
	Upgrade         bool     `help:"Alter streams of an older version: REFUNDS gets its owner, REFUND_DEAD notices, REFUND_JOBS a size. Needs an administrator of the account."`
}

// setupReport is what was made, and what differs from the contract.
type setupReport struct {
	Created  []string `json:"created"`
	Upgraded []string `json:"upgraded,omitempty"`
	Problems []string `json:"problems"`
	Warnings []string `json:"warnings"`
}

// Run implements kong's command. Without --upgrade it never alters what is
// there.
func (c setupCommand) Run(s *session) error {
	cfg, problems := c.config(s)
	if len(problems) > 0 {
		return &usageError{problems}
	}
	s.optional = func(what string) bool {
		return strings.HasSuffix(what, `.API.INFO"`) || strings.HasSuffix(what, `.STREAM.NAMES"`)
	}
	if err := s.dial(); err != nil {
		return err
	}
	var r setupReport
	if err := c.upgrade(s, cfg, &r); err != nil {
		return err
	}
	done, err := cfg.Run(s.ctx, s.js)
	if err != nil {
		return err
	}
	found, err := stream.Check(s.ctx, s.js, channel.All())
	if err != nil {
		return err
	}
	r.Created, r.Problems, r.Warnings = done.Created, found.Problems, append(append(r.Warnings, done.Warnings...), found.Warnings...)
	if err := s.show(r, r.draw); err != nil || len(r.Problems) == 0 {
		return err
	}
	return errFound
}

func (c setupCommand) config(s *session) (stream.SetupConfig, config.Problems) {
	var p config.Problems
	cfg := stream.SetupConfig{
		JobsMaxBytes: p.Bytes("JOBS_MAX_BYTES", c.JobsMaxBytes, stream.LeastJobsBytes), LedgerMustExist: c.LedgerMustExist, NewLedger: c.NewLedger,
		NoticeConsumers: c.NoticeConsumer, NoticeStream: c.NoticeStream, Owner: stream.Owner{ClientID: s.DOKUClientID, Environment: s.DOKUEnv},
		Replicas: p.Int("--replicas", c.Replicas, 1, 5), ResultConsumers: c.ResultConsumer,
	}
	if cfg.Replicas%2 == 0 {
		p.Add("--replicas", "%d is none of 1, 3, 5", cfg.Replicas)
	}
	if cfg.LedgerMustExist && cfg.NewLedger {
		p.Add("--new-ledger", "and --ledger-must-exist exclude each other")
	}
	if (cfg.Owner.ClientID == "") != (cfg.Owner.Environment == "") {
		cfg.Owner = stream.Owner{} // one of them alone names nobody
	}
	return cfg, p
}

// upgrade alters what an older version has set up. The owner is the one who wrote
// the ledger's records; an empty ledger gets the one of the settings.
func (c setupCommand) upgrade(s *session, cfg stream.SetupConfig, r *setupReport) error {
	if !c.Upgrade {
		return nil
	}
	book := ledger.New(ledger.Config{JS: s.js, APIPrefix: s.NATSAPIPrefix, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	owner, err := book.OwnerOfAll(s.ctx)
	if err != nil {
		return fmt.Errorf("look at the ledger: %w", err)
	}
	switch {
	case owner.IsZero():
		owner = cfg.Owner
	case !cfg.Owner.IsZero() && cfg.Owner != owner:
		return fmt.Errorf("%w: it holds records of %s, the settings name %s", ledger.ErrForeign, owner, cfg.Owner)
	}
	r.Upgraded, r.Warnings, err = stream.Upgrade{JobsMaxBytes: cfg.JobsMaxBytes, Owner: owner}.Run(s.ctx, s.js)
	return err
}

func (r setupReport) draw(p *sheet) {
	for _, name := range r.Created {
		p.line("created %s", name)
	}
	for _, text := range r.Upgraded {
		p.line("upgraded %s", text)
	}
	for _, text := range r.Problems {
		p.line("%s %s", p.colour("problem"), text)
	}
	for _, text := range r.Warnings {
		p.line("%s %s", p.colour("warning"), text)
	}
	if len(r.Upgraded) > 0 {
		p.line("created %d, upgraded %d", len(r.Created), len(r.Upgraded))
		return
	}
	p.line("created %d; what was there is as it was", len(r.Created))
}
