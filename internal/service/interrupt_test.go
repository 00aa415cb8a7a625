package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/long"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/service"
)

// point is a place between two effects of one refund's life: after the nth
// effect of that kind since its last send, or since it last got ready for one.
type point struct {
	sends    int
	prepared bool
	effect   refund.Effect
	nth      int
}

// place is a point in a scenario. A loop is not always entered: on a loaded
// machine the first inquiry about an unknown refund may come late enough to be
// the last.
type place struct {
	point
	loop bool
}

func (p point) String() string {
	return fmt.Sprintf("after %d sends, prepared %t: %s %d", p.sends, p.prepared, p.effect, p.nth)
}

// track follows a refund's effects.
type track struct {
	at    point
	count map[refund.Effect]int
}

func (k *track) did(e refund.Effect) point {
	switch {
	case e == refund.Send:
		k.at.sends++
		k.at.prepared = false
		k.count = nil
	case e == refund.Prepare && !k.at.prepared:
		k.at.prepared = true
		k.count = nil
	}
	if k.count == nil {
		k.count = map[refund.Effect]int{}
	}
	k.count[e]++
	k.at.effect, k.at.nth = e, k.count[e]
	return k.at
}

var (
	toSend = []refund.Effect{refund.Prepare, refund.Append, refund.Send}
	toWait = []refund.Effect{refund.Append, refund.Schedule, refund.Ack}
	toEnd  = []refund.Effect{refund.Append, refund.Ack}
)

// places returns every place between two effects of a life along path.
func places(path string) []place {
	var all []place
	k, before := track{}, ""
	add := func(loop bool, effects ...refund.Effect) {
		for _, e := range effects {
			all = append(all, place{k.did(e), loop})
		}
	}
	for state := range strings.FieldsSeq(path) {
		if before == "unknown" {
			add(false, refund.Inquire)
		}
		switch state {
		case "sending":
			if before == "unknown" { // no "not found" allows that before ask_from
				add(true, append(toWait, refund.Inquire)...)
			}
			add(false, toSend...)
		case "waiting", "unknown":
			add(false, toWait...)
		default:
			add(false, toEnd...)
		}
		before = state
	}
	return all
}

func TestPlacesOnAPathAreItsEffectsInOrder(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range places("waiting sending unknown succeeded") {
		names = append(names, p.effect.String())
	}
	const want = "append, schedule, ack, prepare, append, send, append, schedule, ack, ask, append, ack"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// target is a refund whose worker is ended once, as by a crash.
type target struct {
	trial

	endsAt place
	track  track
	worker int // the number of the worker that was ended at it; 0: none was yet
	trace  []string
}

var errInterrupted = errors.New("interrupted by the test")

// restarts runs one worker after the other. When an execution has been ended
// between two effects, its worker is stopped and a new one takes over.
type restarts struct {
	mu          sync.Mutex
	now         int
	targets     map[string]*target
	interrupted chan struct{}
	urgent      bool // the next message of an ended execution may come at any moment
	broken      []string
	delays      retry.Policy
}

// interrupt is called by the worker with that number after every effect.
func (g *restarts) interrupt(number int) func(string, refund.Effect) error {
	return func(id string, done refund.Effect) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		v := g.targets[id]
		if v.worker == number {
			g.broken = append(g.broken, id+": the worker that was ended at it continued with it")
		}
		v.trace = append(v.trace, fmt.Sprintf("%d:%s", number, done))
		if at := v.track.did(done); v.worker != 0 || at != v.endsAt.point {
			return nil
		}
		v.worker = number
		g.urgent = g.urgent || done == refund.Schedule || done == refund.Ack
		select {
		case g.interrupted <- struct{}{}:
		default:
		}
		return errInterrupted
	}
}

// next starts the next worker.
func (g *restarts) next(t *testing.T, f fixture) *devstack.Worker {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.urgent = false
	return f.start(t, func(cfg *service.Config) {
		cfg.Interrupt = g.interrupt(g.now)
		cfg.Concurrency = 32
		cfg.Policy.Timeout, cfg.Policy.Quiet = time.Second, 200*time.Millisecond
		cfg.Retry = g.delays
	})
}

// Between the end of an execution and that of its worker, others may be ended too:
// else every worker would be ended by a single one. The AckWait is far longer, so
// that no message comes back to the worker that was ended at it. Where a scheduled
// message is stored already, it may come at any moment, and the worker is stopped
// at once.
const (
	gatherTime         = 400 * time.Millisecond
	interruptedAckWait = 4 * time.Second
)

// run replaces workers until every refund has its result and no message is left.
func (g *restarts) run(t *testing.T, f fixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	w := g.next(t, f)
	end := func() {
		if err := w.Stop(); err != nil {
			t.Errorf("worker ended with %v", err)
		}
	}
	defer func() { end() }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var replace <-chan time.Time
	for {
		results, _ := f.journal.ended()
		if len(results) >= len(g.targets) && f.queued(t) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-g.interrupted:
			replace = g.stopAt(replace)
		case <-replace:
			end()
			w, replace = g.next(t, f), nil
		case <-ctx.Done():
			t.Fatalf("%d results of %d", len(results), len(g.targets))
		}
	}
}

// stopAt returns when the worker is stopped; planned: until now.
func (g *restarts) stopAt(planned <-chan time.Time) <-chan time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.urgent:
		return time.After(0)
	case planned != nil:
		return planned
	default:
		return time.After(gatherTime)
	}
}

// interruptEach returns each scenario once for every place between two effects of it.
func interruptEach(scenarios ...scenario) []*target {
	var all []*target
	for i, s := range scenarios {
		for k, p := range places(s.want.path) {
			all = append(all, &target{trial: s.trial(fmt.Sprintf("v%02d-%02d", i, k)), endsAt: p})
		}
	}
	return all
}

// sample keeps a part of the targets unless the long proofs are asked for: those
// of scenarios with one send, which take seconds.
func sample(targets []*target) []*target {
	if long.Asked() {
		return targets
	}
	return slices.DeleteFunc(targets, func(v *target) bool { return v.want.attempts > 1 || v.deadline != 0 })
}

// runInterrupted runs the targets on one stack, and ends a worker at each.
func runInterrupted(t *testing.T, delays retry.Policy, targets ...*target) {
	t.Helper()
	f := setup(t, devstack.Config{AckWait: interruptedAckWait})
	g := &restarts{targets: map[string]*target{}, interrupted: make(chan struct{}, 1), delays: delays}
	for _, v := range targets {
		g.targets[v.id] = v
		v.begin(t, f)
	}
	g.run(t, f)
	ended := 0
	for _, v := range targets {
		v.check(t, f)
		ended += min(v.worker, 1)
	}
	if ended*2 < len(targets) { // all of them, where the machine keeps up
		t.Errorf("workers were ended at %d refunds of %d", ended, len(targets))
	}
	for _, problem := range g.broken {
		t.Error(problem)
	}
	t.Logf("%d refunds, workers ended at %d, %d workers", len(targets), ended, g.now)
	f.audit(t)
}

// check compares the result with the scenario; the audit checks money and ledger.
// A refund that DOKU pays is reported as paid. One that it refuses may end
// unresolved, for a lost refusal does not come again, or miss its deadline unsent.
func (v *target) check(t *testing.T, f fixture) {
	t.Helper()
	entries, _ := f.journal.of(v.id)
	if v.worker == 0 && !v.endsAt.loop && path(entries) == v.want.path {
		t.Errorf("%s (%s): no worker was ended %s; its effects: %v", v.id, v.name, v.endsAt, v.trace)
	}
	r := f.journal.result(t, v.id)
	unresolved := r.Status == refund.Unresolved && (v.want.status == refund.Failed || v.refusalUsesNumber)
	unsent := r.Status == refund.Rejected && r.Attempts == 0 && v.deadline != 0
	if r.Status != v.want.status && !unresolved && !unsent {
		t.Errorf("%s (%s), ended %s: %s, want %s", v.id, v.name, v.endsAt, r.Status, v.want.status)
	}
}

func TestCardRefundsSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	runInterrupted(t, fast, sample(interruptEach(cardScenarios...))...)
}

func TestSNAPRefundsSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	runInterrupted(t, fast, sample(interruptEach(snapScenarios...))...)
}

func TestTimesSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	long.Only(t, "interruptions")
	// Inquiries that always fail open the breaker again and again: with longer
	// delays the others would wait for it.
	runInterrupted(t, retry.Policy{Initial: time.Second, Max: 2 * time.Second}, interruptEach(timeScenarios...)...)
}

// Each on a stack of its own: a refused token is dropped for all who share it.
func TestRefusedTokensSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	long.Only(t, "interruptions")
	for _, v := range interruptEach(tokenScenario) {
		t.Run(v.id, func(t *testing.T) {
			t.Parallel()
			runInterrupted(t, fast, v)
		})
	}
}
