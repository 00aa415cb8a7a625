//go:build unix

package chaos

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// longFor is a bound of the time that so many kills take on a busy machine.
func longFor(workers, nodes, leaders int) time.Duration {
	return 3*time.Minute + time.Duration(workers)*2*time.Second + time.Duration(nodes)*3*time.Second + time.Duration(leaders)*30*time.Second
}

// setupLong is setup with more time.
func setupLong(t *testing.T, cfg Config, d time.Duration) (context.Context, *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	dir := t.TempDir()
	// CHAOS_LOG keeps what the workers said.
	log, err := os.OpenFile(cmp.Or(os.Getenv("CHAOS_LOG"), dir+"/workers.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = log.Close() })
	cfg.Dir, cfg.Programs, cfg.LogFile = dir, programs, log
	s, err := Start(ctx, cfg)
	must(t, err)
	t.Cleanup(s.Stop)
	return ctx, s
}

// asked returns a count from the environment; a test of many kills without one is
// left to `make chaos`.
func asked(t *testing.T, name string) int {
	t.Helper()
	n := number(t, name, 0)
	if n == 0 {
		t.Skipf("%s asks for it, as `make chaos` does", name)
	}
	return n
}

// The storm of TestMoneyMovesOnceWhoeverIsKilledUnderLoad, for long.
func TestMoneyMovesOnceThroughAThousandKills(t *testing.T) {
	t.Parallel()
	kills := asked(t, "CHAOS_WORKER_KILLS")
	nodes, seed := number(t, "CHAOS_NATS_KILLS", kills/5), number(t, "CHAOS_SEED", stormSeed)
	dice := rand.New(rand.NewPCG(uint64(seed), 2))
	ctx, s := setupLong(t, Config{
		AckWait: 2 * time.Second, SyncAlways: true, Worker: grouping(t),
		Simulator: []string{"--delay", "60ms", "--fault-rate", "0.15", "--seed", strconv.Itoa(seed)},
	}, longFor(kills, nodes, 0))
	began := time.Now()
	load := newLoad(ctx, t, s)
	workers := []*Process{s.silent(t), s.silent(t)}
	killed := 0
	for n := range kills {
		pass(ctx, time.Duration(100+dice.IntN(400))*time.Millisecond)
		i := dice.IntN(len(workers))
		workers[i].Kill()
		workers[i] = s.silent(t)
		if (n+1)*nodes/kills > killed {
			killed++
			s.NATS.Kill()
			pass(ctx, time.Duration(dice.IntN(200))*time.Millisecond)
			must(t, s.NATS.Restart(ctx))
		}
	}
	s.calm(ctx, t, load, began)
	t.Logf("seed %d: %d workers and %d times NATS killed", seed, kills, killed)
}

// Of three nodes, the one that leads the ledger is killed, again and again.
func TestMoneyMovesOnceThoughLeadersAreKilled(t *testing.T) {
	t.Parallel()
	kills := asked(t, "CHAOS_LEADER_KILLS")
	seed := number(t, "CHAOS_SEED", stormSeed)
	dice := rand.New(rand.NewPCG(uint64(seed), 3))
	ctx, s := setupLong(t, Config{AckWait: 2 * time.Second, Nodes: 3, Worker: grouping(t)}, longFor(0, 0, kills))
	began := time.Now()
	load := newLoad(ctx, t, s)
	workers := []*Process{s.silent(t), s.silent(t)}
	for n := range kills {
		pass(ctx, time.Duration(200+dice.IntN(600))*time.Millisecond)
		leader := s.leader(ctx, t)
		leader.Kill()
		if n%5 == 4 {
			i := dice.IntN(len(workers))
			workers[i].Kill()
			workers[i] = s.silent(t)
		}
		pass(ctx, time.Duration(dice.IntN(1000))*time.Millisecond)
		must(t, leader.Restart(ctx))
		must(t, s.whole(ctx))
	}
	s.calm(ctx, t, load, began)
	t.Logf("seed %d: %d leaders killed", seed, kills)
}

// silent starts a worker whose log goes to a file: a thousand of them write more
// than memory should hold.
func (s *Stack) silent(t *testing.T) *Process {
	t.Helper()
	w, err := s.Launch(map[string]string{"RETRY_DEADLINE": "60s", "LOG_LEVEL": cmp.Or(os.Getenv("CHAOS_LOG_LEVEL"), "warn")})
	must(t, err)
	return w
}

// leader is the node that leads the ledger.
func (s *Stack) leader(ctx context.Context, t *testing.T) *NATS {
	t.Helper()
	var found *NATS
	must(t, until(ctx, func() error {
		once, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		stream, err := s.JS.Stream(once, stream.Refunds)
		if err != nil {
			return err
		}
		for i, node := range s.Nodes {
			if cluster := stream.CachedInfo().Cluster; cluster != nil && cluster.Leader == "node-"+strconv.Itoa(i+1) {
				found = node
				return nil
			}
		}
		return errNotYet
	}))
	return found
}

// calm ends the load, waits until everything has ended, and judges.
func (s *Stack) calm(ctx context.Context, t *testing.T, load *load, began time.Time) {
	t.Helper()
	published := load.end()
	must(t, load.err)
	stormed := time.Since(began)
	must(t, s.WaitEnded(ctx, len(published)))
	a := s.audit(ctx, t, published)
	takeovers, movements, counts := 0, 0, map[refund.State]int{}
	for id, r := range a.Refunds {
		if r.Status() == refund.Unresolved {
			t.Logf("%s is unresolved; money moved %d times; %s", id, len(r.Movements), r.path())
		}
		counts[r.Status()]++
		movements += len(r.Movements)
		for _, e := range r.Records {
			if e.Code == refund.CodeTakenOver {
				takeovers++
			}
		}
	}
	t.Logf("%s of kills; %d jobs: %v; %d sends of the dead taken over; money moved %d times, %d rupiah",
		stormed.Round(time.Second), len(published), counts, takeovers, movements, a.Total.Amount)
	if counts[refund.Succeeded] < len(published)*4/5 && !dayEnds(time.Now()) {
		t.Errorf("of %d refunds only %d succeeded", len(published), counts[refund.Succeeded])
	}
}

// path tells a refund's records: when each was written, what it says and when
// the refund falls due, in seconds since the job was stored.
func (r *Refund) path() string {
	var text strings.Builder
	for _, e := range r.Records {
		since := func(at refund.Time) float64 { return at.Time().Sub(e.EnqueuedAt.Time()).Seconds() }
		_, _ = fmt.Fprintf(&text, "%s (%s) by %s at %.1f s, due %.1f, ask from %.1f, deadline %.1f; ",
			e.State, e.Code, e.By, since(e.At), since(max(e.Due, e.EnqueuedAt)), since(max(e.AskFrom, e.EnqueuedAt)), since(e.Deadline))
	}
	return text.String()
}
