package main

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"refundworker/internal/channel"
	"refundworker/internal/jobs"
	"refundworker/internal/operate"
	"refundworker/internal/settings"
)

type setupCommand struct {
	Replicas string `default:"1" help:"Of streams that are created: 1, 3 or 5." placeholder:"N"`
}

// setupReport is what was made, and what differs from the contract.
type setupReport struct {
	Created  []string `json:"created"`
	Problems []string `json:"problems"`
	Warnings []string `json:"warnings"`
}

// Run implements kong's command. It never alters what is there.
func (c setupCommand) Run(s *session) error {
	var p settings.Problems
	replicas := p.Int("--replicas", c.Replicas, 1, 5)
	if replicas%2 == 0 {
		p.Add("--replicas", "%d is none of 1, 3, 5", replicas)
	}
	if len(p) > 0 {
		return &usageError{p}
	}
	if err := s.dial(); err != nil {
		return err
	}
	created, err := jobs.Setup(s.ctx, s.js, replicas)
	if err != nil {
		return err
	}
	found, err := jobs.Check(s.ctx, s.js, channel.All())
	if err != nil {
		return err
	}
	r := setupReport{created, found.Problems, found.Warnings}
	if err := s.show(r, r.draw); err != nil || len(r.Problems) == 0 {
		return err
	}
	return errFound
}

func (r setupReport) draw(p *sheet) {
	for _, name := range r.Created {
		p.line("created %s", name)
	}
	for _, text := range r.Problems {
		p.line("%s %s", p.colour("problem"), text)
	}
	for _, text := range r.Warnings {
		p.line("%s %s", p.colour("warning"), text)
	}
	p.line("created %d; what was there is as it was", len(r.Created))
}

type doctorCommand struct {
	Monitor  string `help:"Monitoring port of the NATS server, such as http://127.0.0.1:8222: sync_interval is seen there alone." placeholder:"URL"`
	NATSOnly bool   `name:"nats-only" help:"Leave DOKU alone; its settings are not needed."`
}

// Run implements kong's command.
func (c doctorCommand) Run(s *session) error {
	s.tolerant = true
	checkup := operate.Checkup{Monitor: c.Monitor, HTTP: &http.Client{Timeout: 10 * time.Second}, Unknown: uuid.NewString()}
	defer checkup.HTTP.CloseIdleConnections()
	if !c.NATSOnly {
		m, err := s.merchant()
		if err != nil {
			return err
		}
		checkup.BaseURL, checkup.Gateway, checkup.SNAP = m.BaseURL, s.doku, m.Private != nil
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	found := o.Examine(s.ctx, checkup)
	problems := 0
	for _, f := range found {
		if f.Level == operate.LevelProblem {
			problems++
		}
	}
	if err := s.show(map[string]any{"findings": found, "problems": problems}, func(p *sheet) { drawFindings(p, found, problems) }); err != nil {
		return err
	}
	if problems > 0 {
		return errFound
	}
	return nil
}

func drawFindings(p *sheet, found []operate.Finding, problems int) {
	for _, f := range found {
		p.line("%s %s: %s", p.colour(f.Level), f.Check, f.Text)
		if f.Do != "" {
			p.line("    %s", f.Do)
		}
	}
	p.line("%d looked at, %d break a rule", len(found), problems)
}
