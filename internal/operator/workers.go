package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/fleet"
)

// Workers asks every worker of the fleet what only it knows. The error is
// [fleet.ErrDenied] where this user may not ask.
func (o Operator) Workers(ctx context.Context) ([]fleet.Worker, error) {
	return fleet.Ask(ctx, o.cfg.JS.Conn())
}

// OpenBreaker is a channel that some workers have stopped.
type OpenBreaker struct {
	Channel   channel.Channel `json:"channel"`
	Workers   int             `json:"workers"` // that have stopped it
	Of        int             `json:"of"`      // that work on it and answered
	Reasons   []string        `json:"reasons"`
	NextProbe time.Time       `json:"next_probe"` // of the first of them; in the past: as soon as a call is due
}

// OpenBreakers sums up what workers said, by channel.
func OpenBreakers(workers []fleet.Worker) []OpenBreaker {
	var all []OpenBreaker
	for _, ch := range channel.All() {
		b := OpenBreaker{Channel: ch}
		for _, w := range workers {
			for _, c := range w.Channels {
				if c.Channel == ch {
					b.add(c)
				}
			}
		}
		if b.Workers > 0 {
			all = append(all, b)
		}
	}
	return all
}

func (b *OpenBreaker) add(c fleet.Channel) {
	b.Of++
	if c.Breaker == fleet.Closed {
		return
	}
	b.Workers++
	if !slices.Contains(b.Reasons, c.Reason) {
		b.Reasons = append(b.Reasons, c.Reason)
	}
	if b.NextProbe.IsZero() || c.OpenUntil.Before(b.NextProbe) {
		b.NextProbe = c.OpenUntil
	}
}

// Text says it in one line.
func (b OpenBreaker) Text(now time.Time) string {
	next := "the next call that is due is the probe"
	if left := b.NextProbe.Sub(now); left > 0 {
		next = "next probe in " + left.Round(time.Second).String()
	}
	return fmt.Sprintf("breaker open on %d of %d workers: %s; %s", b.Workers, b.Of, strings.Join(b.Reasons, ", "), next)
}

// workers reports the workers that answered, and what stops them.
func (o Operator) workers(ctx context.Context) []Finding {
	const name = "workers"
	workers, err := o.Workers(ctx)
	switch {
	case errors.Is(err, fleet.ErrDenied):
		return []Finding{{LevelWarning, name, err.Error(), "give this user, and the workers', the permissions of deploy/nats.conf on refunds.fleet"}}
	case err != nil:
		return []Finding{{LevelWarning, name, err.Error(), "is NATS there?"}}
	case len(workers) == 0:
		return []Finding{{
			LevelWarning, name, "no worker answered",
			"none runs, or none may subscribe to " + fleet.Subject + " (deploy/nats.conf): breakers and readiness are seen on each worker's /readyz alone",
		}}
	}
	found := []Finding{{LevelOK, name, fmt.Sprintf("%d answered", len(workers)), ""}}
	for _, w := range workers {
		if !w.Ready {
			found = append(found, Finding{
				LevelWarning, name, w.Instance + " is not ready: " + strings.Join(w.Reasons, "; "), "see docs/operations.md, Readiness",
			})
		}
	}
	if channels := unstoredAnswers(workers); len(channels) > 0 {
		found = append(found, Finding{
			LevelProblem, name, "an answer from DOKU cannot be stored: " + strings.Join(channels, ", "),
			"do not stop these workers; see docs/runbook.md, RefundStorageFull: of a full disk nothing else is seen from here",
		})
	}
	for _, b := range OpenBreakers(workers) {
		found = append(found, Finding{
			LevelProblem, name, fmt.Sprintf("%s: %s", b.Channel, b.Text(o.cfg.Now())), "see docs/runbook.md, RefundBreakerOpen",
		})
	}
	return found
}

// unstoredAnswers names the channels that stand still for an answer that cannot be stored.
func unstoredAnswers(workers []fleet.Worker) []string {
	var names []string
	for _, w := range workers {
		for _, c := range w.Channels {
			if name := string(c.Channel); c.Held && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
