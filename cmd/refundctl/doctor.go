package main

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"refundworker.example/refundworker/internal/operator"
)

type doctorCommand struct {
	Monitor  string `help:"Monitoring port of the NATS server, such as http://127.0.0.1:8222: sync_interval is seen there alone." placeholder:"URL"`
	NATSOnly bool   `name:"nats-only" help:"Leave DOKU alone; its settings are not needed."`
}

// Run implements kong's command.
func (c doctorCommand) Run(s *session) error {
	s.tolerant = true
	checkup := operator.Checkup{Monitor: c.Monitor, HTTP: &http.Client{Timeout: 10 * time.Second}, Unknown: uuid.NewString()}
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
		if f.Level == operator.LevelProblem {
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

func drawFindings(p *sheet, found []operator.Finding, problems int) {
	for _, f := range found {
		p.line("%s %s: %s", p.colour(f.Level), f.Check, f.Text)
		if f.Do != "" {
			p.line("    %s", f.Do)
		}
	}
	p.line("%d looked at, %d break a rule", len(found), problems)
}
