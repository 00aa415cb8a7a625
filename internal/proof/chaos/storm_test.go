//go:build unix

package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/long"
	"refundworker.example/refundworker/internal/refund"
)

// What the storm consists of. CHAOS_SEED and CHAOS_KILLS ask for another or a
// longer one.
const (
	stormSeed  = 20261121
	stormKills = 20 // of workers
	natsEvery  = 4  // kills of workers for one of NATS
)

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// Workers and NATS are killed in the middle of anything while DOKU resets,
// delays, truncates and forgets.
func TestMoneyMovesOnceWhoeverIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	seed, kills := number(t, "CHAOS_SEED", stormSeed), number(t, "CHAOS_KILLS", stormKills)
	t.Logf("CHAOS_SEED=%d CHAOS_KILLS=%d", seed, kills)
	dice := rand.New(rand.NewPCG(uint64(seed), 0))
	ctx, s := setup(t, Config{
		AckWait: 2 * time.Second, SyncAlways: true, Worker: grouping(t),
		Simulator: []string{"--delay", "60ms", "--fault-rate", "0.15", "--seed", strconv.Itoa(seed)},
	})

	load := newLoad(ctx, t, s)
	s.storm(ctx, t, dice, kills)
	published := load.end()
	must(t, load.err)
	must(t, s.WaitEnded(ctx, len(published)))
	a := s.audit(ctx, t, published)

	takeovers, counts := 0, map[refund.State]int{}
	for _, r := range a.Refunds {
		counts[r.Status()]++
		for _, e := range r.Records {
			if e.Code == refund.CodeTakenOver {
				takeovers++
			}
		}
	}
	t.Logf("%d jobs: %v, %d sends of dead workers taken over, %d records in batches, %d rupiah moved",
		len(published), counts, takeovers, a.Batched, a.Total.Amount)
	a.checkBatched(t)
	if takeovers < kills/4 {
		t.Errorf("only %d sends were cut off by %d kills: this was no storm", takeovers, kills)
	}
	// At a day's end what is unknown is not repeated and stays unresolved, but
	// never is that what becomes of most.
	if counts[refund.Succeeded] < len(published)*4/5 {
		t.Errorf("of %d refunds only %d succeeded", len(published), counts[refund.Succeeded])
	}
}

// storm kills workers, and now and then NATS, at times that the dice choose.
func (s *Stack) storm(ctx context.Context, t *testing.T, dice *rand.Rand, kills int) {
	t.Helper()
	settings := map[string]string{"RETRY_DEADLINE": "60s"}
	workers := []*Process{s.worker(ctx, t, settings), s.worker(ctx, t, settings)}
	for n := range kills {
		pass(ctx, time.Duration(200+dice.IntN(500))*time.Millisecond)
		i := dice.IntN(len(workers))
		workers[i].Kill()
		workers[i] = s.launch(t, settings)
		if n%natsEvery == natsEvery-1 {
			pass(ctx, time.Duration(dice.IntN(300))*time.Millisecond)
			s.NATS.Kill()
			pass(ctx, time.Duration(dice.IntN(300))*time.Millisecond)
			must(t, s.NATS.Restart(ctx))
		}
	}
	for _, w := range workers {
		must(t, w.WaitFor(ctx, "worker started"))
	}
}

// Three nodes, and each in its turn is killed, the leaders among them. What they
// have acknowledged outlives any one.
func TestMoneyMovesOnceThoughNodesOfThreeAreKilled(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	seed := number(t, "CHAOS_SEED", stormSeed)
	dice := rand.New(rand.NewPCG(uint64(seed), 1))
	ctx, s := setup(t, Config{AckWait: 2 * time.Second, Nodes: 3, Worker: grouping(t)})
	load := newLoad(ctx, t, s)
	settings := map[string]string{"RETRY_DEADLINE": "60s"}
	w := s.worker(ctx, t, settings)
	for i, node := range s.Nodes {
		pass(ctx, time.Duration(300+dice.IntN(500))*time.Millisecond)
		node.Kill()
		if i == 1 {
			w.Kill()
			w = s.launch(t, settings)
		}
		pass(ctx, time.Duration(200+dice.IntN(500))*time.Millisecond)
		must(t, node.Restart(ctx))
		must(t, s.whole(ctx))
	}
	must(t, w.WaitFor(ctx, "worker started"))
	published := load.end()
	must(t, load.err)
	must(t, s.WaitEnded(ctx, len(published)))
	a := s.audit(ctx, t, published)
	t.Logf("CHAOS_SEED=%d: %d jobs, %d records in batches, %d rupiah moved", seed, len(published), a.Batched, a.Total.Amount)
	a.checkBatched(t)
}

// grouping is the worker whose appends travel in batches wherever two wait.
func grouping(t *testing.T) string {
	t.Helper()
	hooked(t)
	return hookedName
}

// checkBatched fails the test where no batch was under way that a kill could meet.
func (a *Audit) checkBatched(t *testing.T) {
	t.Helper()
	if a.Batched == 0 {
		t.Error("no record was stored in a batch")
	}
}

// whole waits until every replica of the ledger has caught up.
func (s *Stack) whole(ctx context.Context) error {
	return until(ctx, func() error {
		once, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		stream, err := s.JS.Stream(once, stream.Refunds)
		if err != nil {
			return err
		}
		cluster := stream.CachedInfo().Cluster
		if cluster == nil || cluster.Leader == "" {
			return errNotYet
		}
		for _, replica := range cluster.Replicas {
			if !replica.Current || replica.Offline {
				return errNotYet
			}
		}
		return nil
	})
}

// pass lets time pass in which the processes go on.
func pass(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// load publishes jobs of both families until it is ended.
type load struct {
	stop      context.CancelFunc
	running   sync.WaitGroup
	published []jobs.Job
	err       error
}

func newLoad(ctx context.Context, t *testing.T, s *Stack) *load {
	t.Helper()
	return newLoadEvery(ctx, t, s, 10*time.Millisecond)
}

func newLoadEvery(ctx context.Context, t *testing.T, s *Stack, every time.Duration) *load {
	t.Helper()
	ctx, abandon := context.WithCancel(ctx)
	more, stop := context.WithCancel(ctx)
	l := &load{stop: stop}
	t.Cleanup(func() { abandon(); l.end() })
	l.running.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for n := 1; more.Err() == nil && l.err == nil; n++ {
			j := card(n)
			if n%4 == 0 {
				j = mandiri(n)
			}
			if l.err = s.Publish(ctx, j); l.err == nil {
				l.published = append(l.published, j)
			}
			select {
			case <-ticker.C:
			case <-more.Done():
			}
		}
	})
	return l
}

// end stops publishing and returns what was published.
func (l *load) end() []jobs.Job {
	l.stop()
	l.running.Wait()
	return l.published
}
