package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/secret"
)

// batchSize is how many jobs share one world: enough to meet each other, few
// enough that a million jobs need no more memory than a few batches.
const batchSize = 2500

// Config says what to simulate.
type Config struct {
	Seed uint64
	Jobs int

	mutation  mutation  // a mutation, for the tests of the simulation itself
	behaviour behaviour // the only one to simulate; without a name: all in turn
}

// Run simulates and judges. The same Config gives the same [Report], however
// many processors share the work: batches know nothing of each other, and their
// reports are added in order.
func Run(cfg Config) Report {
	total := Report{Seed: cfg.Seed, trace: traceStart, rows: rows{}}
	batches := (cfg.Jobs + batchSize - 1) / batchSize
	reports := make([]chan Report, batches)
	for n := range reports {
		reports[n] = make(chan Report, 1)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	defer group.Wait()
	for range min(runtime.GOMAXPROCS(0), batches) {
		group.Go(func() {
			for n := int(next.Add(1) - 1); n < batches; n = int(next.Add(1) - 1) {
				reports[n] <- runBatch(cfg, n)
			}
		})
	}
	for _, report := range reports {
		total.add(<-report)
	}
	return total
}

// runBatch simulates and judges one batch in a world of its own.
func runBatch(cfg Config, n int) Report {
	r := Report{trace: traceStart, rows: rows{}, all: cfg.mutation != none}
	w := newWorld(cfg, n, &r)
	w.plan(min(batchSize, cfg.Jobs-n*batchSize))
	w.live()
	w.verify()
	return r
}

// newWorld prepares one batch. Each draws its chances from a source of its own.
func newWorld(cfg Config, batch int, r *Report) *world {
	n := behaviours[batch%len(behaviours)]
	if cfg.behaviour.name != "" {
		n = cfg.behaviour
	}
	w := &world{
		batch:     batch,
		now:       firstMorning.Add(time.Duration(batch) * day),
		rng:       rand.New(rand.NewPCG(cfg.Seed, uint64(batch))), //nolint:gosec // chances, not secrets; a count of batches
		behaviour: n,
		mutation:  cfg.mutation,
		report:    r,
		owners:    map[string]*account{},
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
		w.checkConflict(a)
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
	w.report.problem(fmt.Sprintf("batch %d, %s: ", w.batch, w.behaviour.name) + fmt.Sprintf(format, args...))
}
