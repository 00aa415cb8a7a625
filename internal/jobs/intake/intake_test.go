package intake_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func TestIntakeNeverStandsStill(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{1, 4, 16, 32, 256} {
		for _, backlog := range []bool{true, false} {
			t.Run(fmt.Sprintf("concurrency %d, backlog %v", concurrency, backlog), func(t *testing.T) {
				t.Parallel()
				s := newStand(t, 30*time.Second)
				if backlog {
					s.jobs(150)
					s.dues(150)
				}
				w := newWatch(300)
				r := s.run(concurrency, func(_ context.Context, d *intake.Delivery) {
					w.enter(d)
					defer w.leave()
					ack(t, d)
				})
				if !backlog {
					for range 15 {
						s.jobs(10)
						s.dues(10)
					}
				}
				receive(t, w.all, "the last message")
				r.stop()
				w.check(t, concurrency)
				eventually(t, "everything is acknowledged", func() bool { return s.unsettled() == 0 })
			})
		}
	}
}

// watch notes what handlers do.
type watch struct {
	all chan struct{}

	mu                   sync.Mutex
	want, inside, inMost int
	seen                 map[string]int
	last                 time.Time
	gap                  time.Duration
}

func newWatch(want int) *watch {
	return &watch{all: make(chan struct{}), want: want, seen: map[string]int{}, last: time.Now()}
}

func (w *watch) enter(d *intake.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gap = max(w.gap, time.Since(w.last))
	w.last = time.Now()
	w.inside++
	w.inMost = max(w.inMost, w.inside)
	w.seen[fmt.Sprint(d.Stream, d.Sequence)]++
	if len(w.seen) == w.want && w.all != nil {
		close(w.all)
		w.want = 0
	}
}

func (w *watch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
}

func (w *watch) check(t *testing.T, slots int) {
	t.Helper()
	if w.inMost > slots {
		t.Errorf("%d handlers at once in %d slots", w.inMost, slots)
	}
	if w.gap > time.Second {
		t.Errorf("nothing was handled for %v", w.gap)
	}
	for message, n := range w.seen {
		if n != 1 {
			t.Errorf("%s was handled %d times", message, n)
		}
	}
}

func TestDueMessagesGoFirst(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(20)
	order, goOn := make(chan string, 100), make(chan struct{})
	r := s.run(1, func(_ context.Context, d *intake.Delivery) {
		order <- name(d)
		<-goOn
		<-time.After(20 * time.Millisecond) // so that both sources are back and wait for the slot
		ack(t, d)
	})
	receive(t, order, "the first job")
	eventually(t, "both sources pull", func() bool { return r.Status() == nil })
	s.dues(10)
	close(goOn)
	got := make([]string, 0, 29)
	for range 29 {
		got = append(got, receive(t, order, "a message"))
	}
	lastDue := slices.IndexFunc(got, func(n string) bool { return n == "due 9" })
	if lastDue > 12 { // one job may have been pulled before, and one be in its way to the handler
		t.Fatalf("the last due message came as number %d: %q", lastDue, got)
	}
}

func TestIntakePullsNoMoreThanItsSlots(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(100)
	s.dues(100)
	started, goOn := make(chan struct{}, 300), make(chan struct{})
	r := s.run(8, func(_ context.Context, d *intake.Delivery) {
		started <- struct{}{}
		<-goOn
		ack(t, d)
	})
	for range 8 {
		receive(t, started, "a handler")
	}
	// A long poll that was sent when a slot was free may bring one more each.
	if n := s.unsettled(); n > 8+2 {
		t.Errorf("%d messages pulled into 8 slots", n)
	}
	if n := r.InFlight(); n != 8 {
		t.Errorf("InFlight = %d, want 8", n)
	}
	close(goOn)
	eventually(t, "everything is handled", func() bool { return len(started) == 192 && r.InFlight() == 0 })
}

func TestDeliverySaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	before := time.Now()
	msg := nats.NewMsg(jobs.JobSubject(channel.CreditCard))
	msg.Data = []byte("body")
	msg.Header.Set("traceparent", "00-ab-cd-01")
	if _, err := s.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	got := make(chan intake.Delivery, 1)
	s.run(1, func(_ context.Context, d *intake.Delivery) { got <- *d; ack(t, d) })
	d := receive(t, got, "the job")
	if d.Channel != channel.CreditCard || d.Origin != intake.FromJobs || d.Subject != msg.Subject || string(d.Data) != "body" ||
		d.Header.Get("traceparent") != "00-ab-cd-01" || d.Stream != stream.Jobs || d.Sequence != 1 || d.Delivered != 1 {
		t.Errorf("delivery %+v", d)
	}
	if d.Stored.Before(before.Add(-time.Second)) || d.Stored.After(time.Now().Add(time.Second)) {
		t.Errorf("stored at %v", d.Stored)
	}
}

// The jetstream package of nats.go takes such a message for a word of the
// server and swallows it, delivery after delivery.
func TestEmptyMessageWithAStatusHeaderIsDelivered(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"100", "404", "409", "503"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, 30*time.Second)
			msg := nats.NewMsg(jobs.JobSubject(channel.CreditCard))
			msg.Header.Set("Status", status)
			msg.Header.Set("Description", "Consumer Deleted")
			if _, err := s.js.PublishMsg(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
			got := make(chan intake.Delivery, 1)
			r := s.run(1, func(_ context.Context, d *intake.Delivery) { got <- *d; ack(t, d) })
			if d := receive(t, got, "the message"); d.Header.Get("Status") != status || d.Delivered != 1 {
				t.Errorf("delivery %+v", d)
			}
			eventually(t, "pulling", func() bool { return r.Status() == nil })
		})
	}
}

func TestDrainRequeuesWhatHasNotStartedAndFinishesTheRest(t *testing.T) {
	t.Parallel()
	s := newStand(t, time.Hour) // no message comes again by itself
	s.jobs(20)
	s.dues(20)
	started, goOn := make(chan struct{}, 100), make(chan struct{})
	var acked atomic.Int64
	r := s.run(4, func(ctx context.Context, d *intake.Delivery) {
		started <- struct{}{}
		<-goOn
		if ctx.Err() != nil {
			t.Error("the handler's context ended with the pulling")
		}
		ack(t, d)
		acked.Add(1)
	})
	for range 4 {
		receive(t, started, "a handler")
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); r.stop() }()
	eventually(t, "both sources have ended", func() bool {
		err := r.Status()
		return err != nil && strings.Count(err.Error(), intake.ErrNotPulling.Error()) == 2
	})
	select {
	case <-stopped:
		t.Fatal("Run ended before its handlers")
	default:
	}
	close(goOn)
	receive(t, stopped, "the end of Run")
	if n := acked.Load(); n != 4 {
		t.Errorf("%d handled after the drain began", n-4)
	}

	// Nothing waits for an AckWait: another process gets all the rest at once.
	w := newWatch(36)
	s.run(4, func(_ context.Context, d *intake.Delivery) { w.enter(d); ack(t, d); w.leave() })
	receive(t, w.all, "the rest")
}

func TestMessageInTransitIsRequeuedByADrain(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	v := s.newValve()
	r := s.run(4, func(context.Context, *intake.Delivery) { t.Error("handled after the drain") },
		func(c *intake.Config) { c.JS = v.js })
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	v.shut()
	s.jobs(1)
	eventually(t, "the job is on its way", func() bool { return s.unsettled() == 1 })
	subscriptions := s.srv.NumSubscriptions()
	stopped := make(chan struct{})
	go func() { defer close(stopped); r.stop() }()
	eventually(t, "the server sends nothing more", func() bool { return s.srv.NumSubscriptions() < subscriptions })
	v.open()
	receive(t, stopped, "the end of Run")
	_ = s.another(consumers()[0]) // fails long before the AckWait ends
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	var panics atomic.Int64
	deliveries := make(chan uint64, 10)
	r := s.run(2, func(_ context.Context, d *intake.Delivery) {
		deliveries <- d.Delivered
		if d.Delivered == 1 {
			panic("token-of-a-customer")
		}
		ack(t, d)
	}, func(c *intake.Config) {
		c.PanicDelay = 300 * time.Millisecond
		c.OnPanic = func(ch channel.Channel) {
			if ch == channel.CreditCard {
				panics.Add(1)
			}
		}
	})
	s.jobs(1)
	receive(t, deliveries, "the first delivery")
	begin := time.Now()
	if n := receive(t, deliveries, "the second delivery"); n != 2 {
		t.Fatalf("delivery %d", n)
	}
	if waited := time.Since(begin); waited < 250*time.Millisecond {
		t.Errorf("came again after %v", waited)
	}
	r.stop()
	log := r.log.String()
	if panics.Load() != 1 || !strings.Contains(log, "handler panicked") || !strings.Contains(log, "intake_test.go") {
		t.Errorf("%d panics, log %s", panics.Load(), log)
	}
	if strings.Contains(log, "token-of-a-customer") {
		t.Errorf("the panic's text is logged: %s", log)
	}
}

// Handlers share the intake's goroutines: one that panics must not take its own
// away.
func TestMorePanicsThanSlotsLeaveAllSlotsInUse(t *testing.T) {
	t.Parallel()
	s := newStand(t, time.Hour)
	const messages = 20
	again := make(chan uint64, messages)
	r := s.run(2, func(_ context.Context, d *intake.Delivery) {
		if d.Delivered == 1 {
			panic("a bug")
		}
		ack(t, d)
		again <- d.Sequence
	}, func(c *intake.Config) { c.PanicDelay = 10 * time.Millisecond })
	s.jobs(messages)
	for range messages {
		receive(t, again, "a message after its panic")
	}
	r.stop()
}

func TestIntakeRefusesAConfigurationThatCannotWork(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	for name, spoil := range map[string]func(*intake.Config){
		"unknown channel":                  func(c *intake.Config) { c.Channel = "cash" },
		"ceiling is not positive":          func(c *intake.Config) { c.Ceiling = 0 },
		"concurrency is below 1":           func(c *intake.Config) { c.Concurrency = 0 },
		"no handler":                       func(c *intake.Config) { c.Handle = nil },
		"no JetStream":                     func(c *intake.Config) { c.JS = nil },
		"poll wait is below two heartbeat": func(c *intake.Config) { c.PollWait = time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := intake.Config{
				JS: s.js, Channel: channel.CreditCard, Concurrency: math.MaxInt8, Ceiling: time.Minute,
				Handle: func(context.Context, *intake.Delivery) {},
			}
			spoil(&cfg)
			if _, err := intake.New(cfg); !errors.Is(err, intake.ErrConfig) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestIntakeRunsOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	r := s.run(1, func(context.Context, *intake.Delivery) {})
	eventually(t, "pulling", func() bool { return r.Status() == nil })
	r.stop()
	if err := r.Run(t.Context(), t.Context()); !errors.Is(err, intake.ErrUsed) {
		t.Errorf("error %v", err)
	}
	if err := r.Status(); !errors.Is(err, intake.ErrNotPulling) {
		t.Errorf("status %v", err)
	}
}
