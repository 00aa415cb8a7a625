//go:build unix

package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/long"
)

// mode is what happens to a worker at a point.
type mode string

const (
	kill      mode = "kill"
	stop      mode = "stop"      // it stands still past send_by
	fail      mode = "error"     // what it just did, or is about to do, fails
	duplicate mode = "duplicate" // it stands still past AckWait, and every job is published again
)

var modes = []mode{kill, stop, fail, duplicate}

// asked is what the worker is told to do to itself.
func (m mode) asked() string {
	if m == duplicate {
		return string(stop)
	}
	return string(m)
}

// point is a named point of the worker's code (cmd/worker, built with the tag
// chaos) and at which of its passages something happens there. The first
// passage is the one that the short run tries.
type point struct {
	name string
	nths []int
	kind kindOfPoint
}

// kindOfPoint says what has to be arranged so that a point is reached.
type kindOfPoint int

const (
	ordinary kindOfPoint = iota
	conflict             // a job takes the refund_id of another
	overtake             // another worker takes over a send whose sender stands still
)

// points are all that there are, but for the alarm about a late success, which
// needs a DOKU that lies.
var points = []point{
	{name: "after:prepare", nths: []int{1, 2, 5}},
	{name: "append:publish", nths: []int{1, 2, 3, 5, 8}},
	{name: "append:published", nths: []int{2, 1, 3, 5, 8}},
	{name: "append:acknowledged", nths: []int{1, 2, 3, 5, 8}},
	{name: "after:append", nths: []int{1, 2, 3, 5, 8}},
	{name: "call:socket", nths: []int{1, 2, 4}},
	{name: "call:written", nths: []int{1, 2, 4}},
	{name: "call:answered", nths: []int{1, 2, 4}},
	{name: "after:send", nths: []int{1, 2, 3, 5}},
	{name: "wait:publish", nths: []int{1, 2, 3}},
	{name: "wait:published", nths: []int{1, 2, 3}},
	{name: "wait:acknowledged", nths: []int{1, 2, 3}},
	{name: "after:schedule", nths: []int{1, 2, 3}},
	{name: "after:ask", nths: []int{1, 2, 3}},
	{name: "after:ack", nths: []int{1, 2, 4}},
	{name: "after:dead_letter", nths: []int{1}, kind: conflict},
	{name: "after:reconsider", nths: []int{1}, kind: overtake},
}

// briefly are the points at which the short run also tries another mode.
var briefly = map[mode][]string{
	stop:      {"append:acknowledged", "after:append", "call:socket", "after:send"},
	fail:      {"append:published", "append:acknowledged", "call:written", "after:schedule", "after:dead_letter"},
	duplicate: {"append:published", "after:append", "call:answered", "after:ack"},
}

// full asks for every passage of every point in every mode.
func full() bool { return os.Getenv("CHAOS_POINTS") == "full" }

// incidents are what one run tries.
func incidents() []incident {
	var all []incident
	for _, p := range points {
		for _, m := range modes {
			for i, nth := range p.nths {
				tried := i == 0 && (m == kill || slices.Contains(briefly[m], p.name))
				if full() || tried {
					all = append(all, incident{point: p, nth: nth, mode: m})
				}
			}
		}
	}
	return all
}

// Whatever the worker is about to do, has just done, or waits for: it may die
// there, stand still, fail, or be overtaken by a copy of its own message.
func TestMoneyMovesOnceWhateverHappensAtAnyPoint(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	hooked(t)
	all := incidents()
	t.Logf("%d incidents at %d points", len(all), len(points))
	// Each has processes of its own, which wait for times that the protocol
	// sets much more than for a core.
	places := make(chan struct{}, number(t, "CHAOS_WIDTH", 16))
	var running sync.WaitGroup
	for _, i := range all {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			t.Run(i.String(), i.happens)
		})
	}
	running.Wait()
}

// hookedWorker builds the worker with its hooks, once.
var hookedWorker = sync.OnceValue(func() error {
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "chaos",
		"-o", filepath.Join(programs.dir, hookedName), "refundworker.example/refundworker/cmd/worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build worker with hooks: %w: %s", err, out)
	}
	return nil
})

const (
	hookedName = "worker-with-hooks"
	hookedBy   = "REFUND_CHAOS"
)

func hooked(t *testing.T) {
	t.Helper()
	must(t, hookedWorker())
}

// victim starts a worker with hooks.
func (s *Stack) victim(t *testing.T, asked string, replaced map[string]string) *Process {
	t.Helper()
	w := s.startHooked(t, asked, replaced)
	watch(t, w)
	return w
}

func (s *Stack) startHooked(t *testing.T, asked string, replaced map[string]string) *Process {
	t.Helper()
	hooked(t)
	settings := s.Settings(replaced)
	settings[hookedBy] = asked
	w, err := programs.start(hookedName, s.cfg.Dir, nil, settings)
	must(t, err)
	s.workers = append(s.workers, w)
	return w
}

// reached waits until the worker has reached a point.
func (p *Process) reached(ctx context.Context, point string) error {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	return p.WaitFor(ctx, `"msg":"chaos point reached","point":"`+point+`"`)
}

// What production runs has no hooks, and nothing in its environment makes it
// have some.
func TestTheWorkerOfProductionHasNoHooks(t *testing.T) {
	t.Parallel()
	hooked(t)
	for name, has := range map[string]bool{"worker": false, hookedName: true} {
		text, err := os.ReadFile(filepath.Join(programs.dir, name))
		must(t, err)
		for _, trace := range []string{hookedBy, "chaos point reached", "append:acknowledged"} {
			if strings.Contains(string(text), trace) != has {
				t.Errorf("%s holds %q: %t, want %t", name, trace, !has, has)
			}
		}
	}
	ctx, s := setup(t, Config{})
	w := s.worker(ctx, t, map[string]string{hookedBy: "after:append#1:kill"})
	must(t, s.Publish(ctx, card(1)))
	must(t, s.WaitEnded(ctx, 1))
	if !w.Running() {
		t.Error("it was harmed")
	}
	s.audit(ctx, t, []jobs.Job{card(1)})
}

// A hook that names nothing would let every test pass.
func TestAHookThatNamesNothingEndsTheWorker(t *testing.T) {
	t.Parallel()
	ctx, s := setup(t, Config{})
	for _, asked := range []string{"after:lunch#1:kill", "after:append#1:tickle", "after:append:kill", "after:append#0:kill"} {
		w := s.startHooked(t, asked, nil)
		if status, err := w.Wait(ctx); err != nil || status != 2 {
			t.Errorf("%s: exit status %d, %v", asked, status, err)
		}
	}
}

func (i incident) String() string {
	return strings.ReplaceAll(i.point.name, ":", " ") + " " + strconv.Itoa(i.nth) + " " + string(i.mode)
}
