//go:build unix

package chaos

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/long"
	"refundworker.example/refundworker/internal/refund"
)

// lookBound is how long after a storm, or after its own time, a refund is looked
// at: what a dead process had in flight waits for AckWait, and nothing for longer.
const lookBound = stream.AckWait + 30*time.Second

// look is a refund that waited to be looked at.
type look struct {
	id   string
	from string // what it waited in
	late time.Duration
}

// latest is the look that came last, counted from its time or from healing.
func (a *Audit) latest(healed time.Time) look {
	var worst look
	for id, r := range a.Refunds {
		for i, e := range r.Records {
			next := r.Stored
			if i+1 < len(r.Records) {
				next = r.Records[i+1].At.Time()
			}
			if i == 0 {
				worst.later(look{id, "queue", e.At.Time().Sub(after(e.EnqueuedAt.Time(), healed))})
			}
			worst.later(look{id, e.State.String(), next.Sub(after(e.awaited(), healed))})
		}
	}
	return worst
}

func (l *look) later(other look) {
	if other.late > l.late {
		*l = other
	}
}

// awaited is when the refund is to be looked at again.
func (e Entry) awaited() time.Time {
	if e.State == refund.Sending {
		return e.AskFrom.Time()
	}
	return e.Due.Time()
}

func after(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// storms are what happens to NATS; each returns when it was over.
var storms = map[string]func(context.Context, *testing.T, *Stack) time.Time{
	"a node is killed and comes back": func(ctx context.Context, t *testing.T, s *Stack) time.Time {
		t.Helper()
		n := s.leader(ctx, t)
		n.Kill()
		pass(ctx, 10*time.Second)
		must(t, n.Restart(ctx))
		return time.Now()
	},
	"a node stands still": func(ctx context.Context, t *testing.T, s *Stack) time.Time {
		t.Helper()
		n := s.leader(ctx, t)
		must(t, n.Signal(syscall.SIGSTOP))
		pass(ctx, 25*time.Second)
		must(t, n.Signal(syscall.SIGCONT))
		return time.Now()
	},
	"all nodes are slow": func(ctx context.Context, t *testing.T, s *Stack) time.Time {
		t.Helper()
		for began := time.Now(); time.Since(began) < 20*time.Second && ctx.Err() == nil; {
			for _, n := range s.Nodes {
				must(t, n.Signal(syscall.SIGSTOP))
				pass(ctx, time.Duration(500+rand.IntN(1500))*time.Millisecond)
				must(t, n.Signal(syscall.SIGCONT))
			}
		}
		return time.Now()
	},
	"the quorum is lost": func(ctx context.Context, t *testing.T, s *Stack) time.Time {
		t.Helper()
		s.Nodes[1].Kill()
		s.Nodes[2].Kill()
		pass(ctx, 15*time.Second)
		must(t, s.Nodes[1].Restart(ctx))
		must(t, s.Nodes[2].Restart(ctx))
		return time.Now()
	},
	"leaders change again and again": func(ctx context.Context, t *testing.T, s *Stack) time.Time {
		t.Helper()
		for began := time.Now(); time.Since(began) < 20*time.Second && ctx.Err() == nil; pass(ctx, 300*time.Millisecond) {
			for _, what := range []string{
				"STREAM.LEADER.STEPDOWN." + stream.Refunds, "STREAM.LEADER.STEPDOWN." + stream.Waits,
				"STREAM.LEADER.STEPDOWN." + stream.Jobs,
				"CONSUMER.LEADER.STEPDOWN." + stream.Jobs + ".worker_credit_card",
				"CONSUMER.LEADER.STEPDOWN." + stream.Waits + ".due_credit_card",
			} {
				_ = s.NC.Publish("$JS.API."+what, nil)
			}
		}
		return time.Now()
	},
}

// Refunds were looked at 40 to 90 s late after such storms: a read or a wait that
// failed once cost a whole AckWait, then another.
func TestEveryRefundIsLookedAtInTimeAfterAStorm(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	for name, storm := range storms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, s := setupFor(t, Config{Nodes: 3, Simulator: []string{"--delay", "30ms", "--fault-rate", "0.3", "--seed", "7"}}, 6*time.Minute)
			s.lookedAt(ctx, t, storm)
		})
	}
}

// A worker that is killed has messages in flight, which nobody requeues.
func TestEveryRefundIsLookedAtInTimeAfterAWorkerWasKilled(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	ctx, s := setupFor(t, Config{Simulator: []string{"--delay", "300ms", "--fault-rate", "0.3", "--seed", "7"}}, 6*time.Minute)
	s.lookedAt(ctx, t, func(_ context.Context, _ *testing.T, s *Stack) time.Time {
		s.workers[0].Kill()
		return time.Now()
	})
}

// A schedule that falls due while nothing can be stored is silent until it is
// published again.
func TestEveryRefundIsLookedAtInTimeAfterAFullStorage(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	ctx, s := setupFor(t, Config{
		MaxStore: 16 << 20, Simulator: []string{"--delay", "30ms", "--fault-rate", "0.5", "--seed", "7"},
	}, 6*time.Minute)
	s.lookedAt(ctx, t, func(ctx context.Context, t *testing.T, s *Stack) time.Time {
		t.Helper()
		_, err := s.JS.CreateStream(ctx, jetstream.StreamConfig{Name: "FILLER", Subjects: []string{"filler"}})
		must(t, err)
		for size := 1 << 20; size > 0; {
			if _, err := s.JS.Publish(ctx, "filler", make([]byte, size)); err != nil {
				size /= 2
			}
		}
		pass(ctx, 20*time.Second)
		must(t, s.JS.DeleteStream(ctx, "FILLER"))
		return time.Now()
	})
	const swept = "overdue messages published again"
	if !strings.Contains(s.workers[0].Stderr()+s.workers[1].Stderr(), swept) {
		t.Error("no wait was silent: the storage was not full")
	}
}

// setupFor is setup with more time.
func setupFor(t *testing.T, cfg Config, d time.Duration) (context.Context, *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	cfg.Dir, cfg.Programs = t.TempDir(), programs
	s, err := Start(ctx, cfg)
	must(t, err)
	t.Cleanup(s.Stop)
	return ctx, s
}

// lookedAt lets two workers work, and a storm come over them, and holds every
// look at every refund against its time.
func (s *Stack) lookedAt(ctx context.Context, t *testing.T, storm func(context.Context, *testing.T, *Stack) time.Time) {
	t.Helper()
	settings := map[string]string{"RETRY_MAX": "5s", "RETRY_INITIAL": "500ms"}
	for range 2 {
		s.worker(ctx, t, settings)
	}
	l := newLoadEvery(ctx, t, s, 50*time.Millisecond)
	pass(ctx, 5*time.Second)
	healed := storm(ctx, t, s)
	pass(ctx, 5*time.Second)
	published := l.end()
	must(t, l.err)
	// All that had to be looked at after the storm waits by now. What DOKU does
	// to it from here on only makes the test longer.
	must(t, s.DOKU.EndFaults(ctx))
	must(t, s.WaitEnded(ctx, len(published)))
	a := s.audit(ctx, t, published)
	worst := a.latest(healed)
	t.Logf("%d refunds; the latest look: %s, %s after its time, from %s", len(published), worst.id, worst.late.Round(time.Millisecond), worst.from)
	if worst.late > lookBound {
		t.Errorf("%s was looked at %s late, from %s; the bound is %s", worst.id, worst.late, worst.from, lookBound)
	}
}
