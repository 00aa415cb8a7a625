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

// victim is a refund whose worker dies once.
type victim struct {
	trial

	dies  place
	track track
	in    int // the generation that died on it; 0: none did yet
	trace []string
}

var errDied = errors.New("this process has died")

// generations is one worker after the other. Whenever a handling was ended
// between two effects, its whole worker goes, and a fresh one takes over.
type generations struct {
	mu      sync.Mutex
	now     int
	victims map[string]*victim
	died    chan struct{}
	urgent  bool // somebody died where the next message may come at any moment
	broken  []string
	delays  retry.Policy
}

// interrupt is asked by the worker of a generation after every effect.
func (g *generations) interrupt(generation int) func(string, refund.Effect) error {
	return func(id string, done refund.Effect) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		v := g.victims[id]
		if v.in == generation {
			g.broken = append(g.broken, id+": a worker that died on it went on with it")
		}
		v.trace = append(v.trace, fmt.Sprintf("%d:%s", generation, done))
		if at := v.track.did(done); v.in != 0 || at != v.dies.point {
			return nil
		}
		v.in = generation
		g.urgent = g.urgent || done == refund.Schedule || done == refund.Ack
		select {
		case g.died <- struct{}{}:
		default:
		}
		return errDied
	}
}

// next starts the next generation.
func (g *generations) next(t *testing.T, f fixture) *devstack.Worker {
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

// Between a death and the end of its worker others may die on it too: else one
// worker would come after the other for nothing. The AckWait is far longer, so
// that no message comes back to a worker that died on it. Where a wait has been
// stored already, its message may come at any moment, and the worker goes at once.
const (
	moreDeaths   = 400 * time.Millisecond
	deathAckWait = 4 * time.Second
)

// run replaces workers until every refund has its result, and no message is left
// of those that died with theirs unacknowledged.
func (g *generations) run(t *testing.T, f fixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
		if len(results) >= len(g.victims) && f.queued(t) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-g.died:
			replace = g.respite(replace)
		case <-replace:
			end()
			w, replace = g.next(t, f), nil
		case <-ctx.Done():
			t.Fatalf("%d results of %d", len(results), len(g.victims))
		}
	}
}

// respite says when the worker goes, if until now it was to go at planned.
func (g *generations) respite(planned <-chan time.Time) <-chan time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.urgent:
		return time.After(0)
	case planned != nil:
		return planned
	default:
		return time.After(moreDeaths)
	}
}

// dying returns each scenario once for every place between two effects of it.
func dying(scenarios ...scenario) []*victim {
	var all []*victim
	for i, s := range scenarios {
		for k, p := range places(s.want.path) {
			all = append(all, &victim{trial: s.trial(fmt.Sprintf("v%02d-%02d", i, k)), dies: p})
		}
	}
	return all
}

// sample keeps a part of the victims unless the long proofs are asked for: those
// of scenarios with one send, which take seconds.
func sample(victims []*victim) []*victim {
	if long.Asked() {
		return victims
	}
	return slices.DeleteFunc(victims, func(v *victim) bool { return v.want.attempts > 1 || v.deadline != 0 })
}

// die runs the victims on one stack, and ends the worker on each.
func die(t *testing.T, delays retry.Policy, victims ...*victim) {
	t.Helper()
	f := setup(t, devstack.Config{AckWait: deathAckWait})
	g := &generations{victims: map[string]*victim{}, died: make(chan struct{}, 1), delays: delays}
	for _, v := range victims {
		g.victims[v.id] = v
		v.begin(t, f)
	}
	g.run(t, f)
	died := 0
	for _, v := range victims {
		v.check(t, f)
		died += min(v.in, 1)
	}
	if died*2 < len(victims) { // all of them, where the machine keeps up
		t.Errorf("workers died on %d refunds of %d", died, len(victims))
	}
	for _, problem := range g.broken {
		t.Error(problem)
	}
	t.Logf("%d refunds, %d died on, %d workers", len(victims), died, g.now)
	f.audit(t)
}

// check: money and ledger are the audit's. A refund that DOKU pays is reported
// as paid; one that it does not pay may end in doubt, for a no that was lost
// cannot be had again, or miss its deadline unsent.
func (v *victim) check(t *testing.T, f fixture) {
	t.Helper()
	entries, _ := f.journal.of(v.id)
	if v.in == 0 && !v.dies.loop && path(entries) == v.want.path {
		t.Errorf("%s (%s): no worker died %s; it went %v", v.id, v.name, v.dies, v.trace)
	}
	r := f.journal.result(t, v.id)
	doubt := r.Status == refund.Unresolved && (v.want.status == refund.Failed || v.refusalUsesNumber)
	unsent := r.Status == refund.Rejected && r.Attempts == 0 && v.deadline != 0
	if r.Status != v.want.status && !doubt && !unsent {
		t.Errorf("%s (%s), died %s: %s, want %s", v.id, v.name, v.dies, r.Status, v.want.status)
	}
}

func TestCardRefundsSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	die(t, fast, sample(dying(cardScenarios...))...)
}

func TestSNAPRefundsSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	die(t, fast, sample(dying(snapScenarios...))...)
}

func TestTimesSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	long.Only(t, "interruptions")
	// Inquiries that always fail open the breaker again and again: with longer
	// delays the others would wait for it.
	die(t, retry.Policy{Initial: time.Second, Max: 2 * time.Second}, dying(timeScenarios...)...)
}

// Each on a stack of its own: a refused token is dropped for all who share it.
func TestRefusedTokensSurviveADeathBetweenAnyTwoEffects(t *testing.T) {
	t.Parallel()
	long.Only(t, "interruptions")
	for _, v := range dying(tokenScenario) {
		t.Run(v.id, func(t *testing.T) {
			t.Parallel()
			die(t, fast, v)
		})
	}
}
