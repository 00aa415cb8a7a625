package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/secret"
)

// shiftSize is how many jobs share one world: enough to meet each other, few
// enough that a million jobs need no more memory than one shift.
const shiftSize = 2500

// Config says what to simulate.
type Config struct {
	Seed uint64
	Jobs int

	mutation  mutation  // a mutation, for the tests of the simulation itself
	behaviour behaviour // the only one to simulate; without a name: all in turn
}

// Run simulates and judges. The same Config gives the same [Report].
func Run(cfg Config) Report {
	r := Report{Seed: cfg.Seed, trace: traceStart, rows: rows{}}
	for shift := 0; r.Jobs < cfg.Jobs; shift++ {
		w := newWorld(cfg, shift, &r)
		w.plan(min(shiftSize, cfg.Jobs-r.Jobs))
		w.live()
		w.verify()
	}
	return r
}

// newWorld prepares one shift. Each draws its chances from a source of its own.
func newWorld(cfg Config, shift int, r *Report) *world {
	n := behaviours[shift%len(behaviours)]
	if cfg.behaviour.name != "" {
		n = cfg.behaviour
	}
	w := &world{
		shift:     shift,
		now:       firstMorning.Add(time.Duration(shift) * day),
		rng:       rand.New(rand.NewPCG(cfg.Seed, uint64(shift))), //nolint:gosec // chances, not secrets; a count of shifts
		behaviour: n,
		mutation:  cfg.mutation,
		report:    r,
		doku:      doku.NewClassifier(clientID, secret.New(sharedKey)),
	}
	return w
}

// verify asks the one checker, and adds what only a simulation can see: that
// everything ended in time and that no message is left.
func (w *world) verify() {
	refunds := make([]check.Refund, 0, len(w.accounts))
	for _, a := range w.accounts {
		refunds = append(refunds, a.outside())
		if limit := max(a.deadline(), w.healed).Add(healingTime); len(a.states) > 0 && a.ended > limit {
			w.problem("%s ended %s after its time", a.id, time.Duration(a.ended-limit))
		}
	}
	for i, a := range w.accounts {
		if amount := refunds[i].Amount; amount != 0 && amount != a.job.Amount && amount != a.job.Amount+1 {
			w.problem("%s: nobody published %d rupiah", a.id, amount)
		}
	}
	for _, v := range check.All(refunds) {
		w.problem("%s", v)
	}
	if left := w.published - w.acked; left > 0 {
		w.problem("%d messages were never acknowledged", left)
	}
}

func (w *world) problem(format string, args ...any) {
	w.report.problem(fmt.Sprintf("shift %d, %s: ", w.shift, w.behaviour.name) + fmt.Sprintf(format, args...))
}
