package intake_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/intake"
)

// hatch is a gate that tests open and shut.
type hatch struct {
	limits  chan int // of capacity one; empty: shut
	blocked atomic.Int64
}

func newHatch(limit int) *hatch {
	h := &hatch{limits: make(chan int, 1)}
	if limit > 0 {
		h.limits <- limit
	}
	return h
}

func (h *hatch) Wait(ctx context.Context) (int, error) {
	h.blocked.Add(1)
	defer h.blocked.Add(-1)
	select {
	case n := <-h.limits:
		h.limits <- n
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (h *hatch) shut()          { <-h.limits }
func (h *hatch) open(limit int) { h.limits <- limit }

// stopped waits until both sources stand before the shut gate: nothing can be
// pulled from then on.
func (h *hatch) stopped(t *testing.T) {
	t.Helper()
	eventually(t, "both sources stand before the gate", func() bool { return h.blocked.Load() == 2 })
}

func TestShutGateStopsTheIntake(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(50)
	s.dues(50)
	gate := newHatch(0)
	var handled atomic.Int64
	r := s.run(1, func(_ context.Context, d *intake.Delivery) {
		if handled.Add(1) == 7 {
			gate.shut()
		}
		ack(t, d)
	}, func(c *intake.Config) { c.Gate = gate })
	gate.stopped(t)
	if n := s.unsettled() + int(handled.Load()); n != 0 {
		t.Fatalf("%d messages passed a shut gate", n)
	}
	if err := r.Status(); err != nil {
		t.Errorf("a shut gate is a reason not to be ready: %v", err)
	}
	gate.open(math.MaxInt)
	eventually(t, "the seventh handler has ended", func() bool { return handled.Load() >= 7 && r.InFlight() == 0 })
	gate.stopped(t)
	// The other source may have asked the gate in the moment before.
	if n := handled.Load(); n > 7+1 {
		t.Errorf("%d messages passed the gate that was shut", n-7)
	}
	gate.open(math.MaxInt)
	eventually(t, "all are handled", func() bool { return handled.Load() == 100 })
}

func TestHalfOpenGateAdmitsOneMessageAtATime(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(20)
	s.dues(20)
	w := newWatch(40)
	s.run(32, func(_ context.Context, d *intake.Delivery) { w.enter(d); ack(t, d); w.leave() },
		func(c *intake.Config) { c.Gate = newHatch(1) })
	receive(t, w.all, "the last message")
	w.check(t, 1)
}

func TestGateThatOpensWideIsSeenWhileSlotsAreBusy(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	gate := newHatch(1)
	s.jobs(10)
	started, goOn := make(chan struct{}, 10), make(chan struct{})
	var first atomic.Bool
	s.run(4, func(_ context.Context, d *intake.Delivery) {
		started <- struct{}{}
		if first.CompareAndSwap(false, true) { // the probe, which succeeds
			gate.shut()
			gate.open(math.MaxInt)
		} else {
			<-goOn
		}
		ack(t, d)
	}, func(c *intake.Config) { c.Gate = gate })
	for range 1 + 4 {
		receive(t, started, "a handler")
	}
	close(goOn)
}

func TestMessageOfAShutGateIsLetGoAtTheCeiling(t *testing.T) {
	t.Parallel()
	s := newStand(t, 300*time.Millisecond)
	gate := newHatch(math.MaxInt)
	got := make(chan string, 10)
	s.run(4, func(_ context.Context, d *intake.Delivery) { ack(t, d); got <- name(d) },
		func(c *intake.Config) { c.Gate, c.Ceiling, c.RequeueAfter = gate, 400*time.Millisecond, time.Hour })
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	gate.shut()
	s.jobs(1)
	msg := s.another(consumers()[0])
	if meta, err := msg.Metadata(); err != nil || meta.NumDelivered < 2 {
		t.Errorf("the intake did not have it first: %+v, %v", meta, err)
	}
	if err := msg.Ack(); err != nil {
		t.Fatal(err)
	}
	gate.open(math.MaxInt)
	s.dues(1)
	if n := receive(t, got, "a message"); n != "due 0" {
		t.Errorf("%s was handled though it had been let go", n)
	}
}

// A feed that waits for a slot and is then held back by its gate must not keep
// the place in the row that it waited for.
func TestFeedThatItsGateHoldsBackLeavesTheOtherAlone(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(30)
	s.dues(30)
	due, fresh := newHatch(1), newHatch(0)
	started, goOn := make(chan intake.Origin, 60), make(chan struct{})
	s.run(4, func(_ context.Context, d *intake.Delivery) {
		started <- d.Origin
		<-goOn
		ack(t, d)
	}, func(c *intake.Config) { c.Gate, c.JobsGate = due, fresh })
	receive(t, started, "a due message")
	fresh.open(1)
	eventually(t, "both feeds have asked their gates", func() bool { return due.blocked.Load()+fresh.blocked.Load() == 0 })
	due.shut()
	goOn <- struct{}{}
	passed := 0 // the feed may have asked its gate in the moment before
	for range 10 {
		if receive(t, started, "a message") == intake.FromDue {
			passed++
		}
		goOn <- struct{}{}
	}
	if passed > 1 {
		t.Errorf("%d messages passed the shut gate", passed)
	}
	due.open(1)
	close(goOn)
}

// A gate that is shut in one process says nothing about the others: what this
// one has in flight is requeued, and neither kept alive nor left to its
// AckWait.
func TestMessageOfAClosedGateIsRequeuedForOthers(t *testing.T) {
	t.Parallel()
	s := newStand(t, time.Hour)
	gate := newHatch(math.MaxInt)
	got := make(chan string, 10)
	s.run(4, func(_ context.Context, d *intake.Delivery) { ack(t, d); got <- name(d) }, func(c *intake.Config) {
		c.Gate, c.RequeueAfter, c.RequeueDelay = gate, 50*time.Millisecond, 50*time.Millisecond
	})
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	gate.shut()
	s.jobs(1)
	msg := s.another(consumers()[0])
	if meta, err := msg.Metadata(); err != nil || meta.NumDelivered != 2 {
		t.Errorf("the intake did not have it first: %+v, %v", meta, err)
	}
	if err := msg.Ack(); err != nil {
		t.Fatal(err)
	}
	gate.open(math.MaxInt)
	s.dues(1)
	if n := receive(t, got, "a message"); n != "due 0" {
		t.Errorf("%s was handled though it had been requeued", n)
	}
}
