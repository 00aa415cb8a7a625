package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/retry"
)

// bench is a breaker with a clock that is moved by hand and a list of what
// OnChange was told.
type bench struct {
	*retry.Breaker
	now      time.Time
	told     []string
	subjects int
}

func newBench() *bench {
	b := &bench{now: noon()}
	b.Breaker = retry.NewBreaker(retry.BreakerConfig{
		Policy:   retry.Policy{Initial: 2 * time.Second, Max: 15 * time.Minute},
		Now:      func() time.Time { return b.now },
		OnChange: func(open bool, reason string) { b.told = append(b.told, fmt.Sprint(open, " ", reason)) },
	})
	return b
}

// next is a write about a subject that no call has been about.
func (b *bench) next() retry.Call {
	b.subjects++
	return retry.Call{Subject: fmt.Sprint("s", b.subjects), Write: true}
}

// allow asks until it is told yes or no, as long as the clock has to move.
func (b *bench) allow(c retry.Call) (*retry.Permit, bool) {
	for {
		p, wait := b.Allow(c)
		if p != nil || wait == 0 {
			return p, p != nil
		}
		b.now = b.now.Add(wait)
	}
}

// call makes writes, each about a subject of its own.
func (b *bench) call(t *testing.T, outcomes ...retry.Outcome) {
	t.Helper()
	for _, o := range outcomes {
		b.callAs(t, b.next(), o)
	}
}

func (b *bench) callAs(t *testing.T, c retry.Call, outcomes ...retry.Outcome) {
	t.Helper()
	for i, o := range outcomes {
		p, ok := b.allow(c)
		if !ok {
			t.Fatalf("call %d of %+v was not allowed", i+1, c)
		}
		p.Report(o)
	}
}

func (b *bench) is(t *testing.T, want retry.State) {
	t.Helper()
	if got := b.State(); got != want {
		t.Fatalf("breaker is %v, want %v", got, want)
	}
}

func (b *bench) openFor(t *testing.T, want time.Duration) {
	t.Helper()
	b.is(t, retry.Open)
	if got := b.OpenUntil().Sub(b.now); got != want {
		t.Fatalf("open for %v, want %v", got, want)
	}
}

func times(n int, o retry.Outcome) []retry.Outcome { return slices.Repeat([]retry.Outcome{o}, n) }

func TestFiveBadOutcomesInARowOpen(t *testing.T) {
	t.Parallel()
	for reason, o := range map[string]retry.Outcome{
		"throttled": retry.Throttled(0), "unreachable": retry.Unreachable(), "failing": retry.Failing(0),
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.call(t, times(4, o)...)
			b.is(t, retry.Closed)
			b.call(t, o)
			b.openFor(t, 2*time.Second)
			if b.Reason() != reason {
				t.Fatalf("reason %q", b.Reason())
			}
			if _, ok := b.allow(b.next()); ok {
				t.Fatal("an open breaker allowed a call")
			}
		})
	}
}

func TestKindsOfBadOutcomesCountTogether(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, retry.Throttled(0), retry.Unauthorized(), retry.Unreachable(), retry.Throttled(0))
	b.is(t, retry.Closed)
	b.call(t, retry.Unreachable())
	b.is(t, retry.Open)
}

func TestOneSuccessEndsTheRow(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(4, retry.Unreachable())...)
	b.call(t, retry.OK())
	b.call(t, times(4, retry.Unreachable())...)
	b.is(t, retry.Closed)
}

func TestNeutralOutcomesNeitherCountNorEndTheRow(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(20, retry.Neutral())...)
	b.call(t, times(4, retry.Unreachable())...)
	b.call(t, retry.Neutral())
	b.is(t, retry.Closed)
	b.call(t, retry.Unreachable())
	b.is(t, retry.Open)
}

func TestSecond401InARowOpensAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, retry.Unauthorized())
	b.is(t, retry.Closed)
	b.call(t, retry.Unauthorized())
	b.is(t, retry.Open)
	if b.Reason() != "unauthorized" {
		t.Fatalf("reason %q", b.Reason())
	}
}

func TestTwo401sWithAnAnswerBetweenDoNotOpen(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]retry.Outcome{"ok": retry.OK(), "throttled": retry.Throttled(0)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.call(t, retry.Unauthorized(), between, retry.Unauthorized())
			b.is(t, retry.Closed)
		})
	}
}

func TestRetryAfterSetsTheOpenTimeUpToTheMaximum(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]time.Duration{
		time.Millisecond: time.Millisecond,
		90 * time.Second: 90 * time.Second,
		24 * time.Hour:   15 * time.Minute,
		0:                2 * time.Second,
	} {
		t.Run(asked.String(), func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.call(t, times(5, retry.Throttled(asked))...)
			b.openFor(t, want)
		})
	}
}

func TestJitterNeverKeepsABreakerOpenPastTheMaximum(t *testing.T) {
	t.Parallel()
	b := retry.NewBreaker(retry.BreakerConfig{
		Policy:    retry.Policy{Initial: time.Hour, Max: time.Minute, Rand: always(0.99)},
		Now:       noon,
		Threshold: 1,
	})
	p, _ := b.Allow(retry.Call{Subject: "s", Write: true})
	p.Report(retry.Throttled(time.Hour))
	if got := b.OpenUntil().Sub(noon()); got != time.Minute {
		t.Fatalf("open for %v", got)
	}
}

func TestOpenTimeGrowsWithOpeningsInARowAndStartsAgainAfterSuccess(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(5, retry.Unreachable())...)
	for _, want := range []int{2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		b.openFor(t, time.Duration(want)*time.Second)
		b.now = b.OpenUntil()
		b.call(t, retry.Unreachable())
	}
	b.now = b.OpenUntil()
	b.call(t, retry.OK())
	b.is(t, retry.Closed)
	b.call(t, times(5, retry.Unreachable())...)
	b.openFor(t, 2*time.Second)
}

func TestHalfOpenAdmitsOneProbe(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(5, retry.Unreachable())...)
	b.now = b.OpenUntil().Add(-1)
	b.is(t, retry.Open)
	b.now = b.OpenUntil()
	b.is(t, retry.HalfOpen)
	probe, ok := b.allow(b.next())
	if !ok {
		t.Fatal("no probe")
	}
	if _, ok := b.allow(b.next()); ok {
		t.Fatal("a second probe")
	}
	probe.Report(retry.OK())
	b.is(t, retry.Closed)
}

func TestUnusedProbeIsFreeAgain(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(5, retry.Unreachable())...)
	b.now = b.OpenUntil()
	first, _ := b.allow(b.next())
	first.Cancel()
	b.is(t, retry.HalfOpen)
	second, ok := b.allow(b.next())
	if !ok {
		t.Fatal("the probe was not free")
	}
	first.Cancel()
	if _, ok := b.allow(b.next()); ok {
		t.Fatal("an old permit freed the probe of another")
	}
	second.Report(retry.OK())
	b.is(t, retry.Closed)
}

func TestOutcomesOfEarlierCallsAreIgnored(t *testing.T) {
	t.Parallel()
	b := newBench()
	good, _ := b.Allow(retry.Call{Subject: "s", Write: true})
	bad, _ := b.Allow(retry.Call{Subject: "s", Write: true})
	b.call(t, times(5, retry.Unreachable())...)
	good.Report(retry.OK())
	b.is(t, retry.Open)
	b.now = b.OpenUntil()
	bad.Report(retry.Unreachable())
	b.is(t, retry.HalfOpen)
	if len(b.told) != 1 {
		t.Fatalf("told %q", b.told)
	}
}

func TestPermitCountsOnce(t *testing.T) {
	t.Parallel()
	b := newBench()
	p, _ := b.Allow(retry.Call{Subject: "s", Write: true})
	for range 10 {
		p.Report(retry.Unreachable())
	}
	b.is(t, retry.Closed)
}

func TestChangesAreToldInOrder(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(5, retry.Throttled(0))...)
	b.now = b.OpenUntil()
	b.call(t, retry.Unreachable())
	b.now = b.OpenUntil()
	b.call(t, retry.OK(), retry.OK())
	if want := []string{"true throttled", "true unreachable", "false "}; !slices.Equal(b.told, want) {
		t.Fatalf("told %q, want %q", b.told, want)
	}
}

func TestOnChangeMayAskTheBreaker(t *testing.T) {
	t.Parallel()
	var b *retry.Breaker
	var until time.Time
	b = retry.NewBreaker(retry.BreakerConfig{
		Policy:    retry.Policy{Initial: time.Minute, Max: time.Minute},
		Now:       noon,
		Threshold: 1,
		OnChange:  func(bool, string) { until = b.OpenUntil() },
	})
	p, _ := b.Allow(retry.Call{Subject: "s", Write: true})
	p.Report(retry.Unreachable())
	if !until.Equal(noon().Add(time.Minute)) {
		t.Fatalf("until %v", until)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerConfig{
			Policy: retry.Policy{Initial: time.Hour, Max: time.Hour}, Threshold: 1,
		})
		p, _ := b.Allow(retry.Call{Subject: "s", Write: true})
		p.Report(retry.Unreachable())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err %v", err)
		}
	})
}

func TestOnlyOneOfManyGetsTheProbe(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(5, retry.Unreachable())...)
	b.now = b.OpenUntil().Add(time.Minute)
	var probes atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			if p, _ := b.Allow(retry.Call{Subject: fmt.Sprint(i), Write: i%2 == 0}); p != nil {
				probes.Add(1)
			}
		})
	}
	wg.Wait()
	if n := probes.Load(); n != 1 {
		t.Fatalf("%d probes", n)
	}
}

// The model is the rule for writes, each about a subject of its own, written down
// as plainly as it can be.
func TestBreakerFollowsItsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, m := newBench(), model{}
		t.Repeat(map[string]func(*rapid.T){
			"call": func(t *rapid.T) {
				o := rapid.SampledFrom([]string{"ok", "throttled", "unreachable", "unauthorized", "failing", "neutral"}).Draw(t, "outcome")
				p, ok := b.allow(b.next())
				if want := m.state(b.now) != retry.Open; ok != want {
					t.Fatalf("allowed %v, want %v", ok, want)
				}
				if ok {
					p.Report(outcomes()[o])
					m.report(o, b.now)
				}
			},
			"time passes": func(t *rapid.T) {
				b.now = b.now.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "pass")))
			},
			"": func(t *rapid.T) {
				if got, want := b.State(), m.state(b.now); got != want {
					t.Fatalf("breaker is %v, want %v", got, want)
				}
			},
		})
	})
}

func outcomes() map[string]retry.Outcome {
	return map[string]retry.Outcome{
		"ok": retry.OK(), "throttled": retry.Throttled(7 * time.Second), "unreachable": retry.Unreachable(),
		"unauthorized": retry.Unauthorized(), "failing": retry.Failing(0), "neutral": retry.Neutral(),
	}
}

type model struct {
	row      []string // bad outcomes since the last ok
	openings int
	until    time.Time
}

func (m *model) state(now time.Time) retry.State {
	switch {
	case m.openings == 0:
		return retry.Closed
	case now.Before(m.until):
		return retry.Open
	}
	return retry.HalfOpen
}

func (m *model) report(o string, now time.Time) {
	switch o {
	case "neutral":
		return
	case "ok":
		*m = model{}
		return
	}
	m.row = append(m.row, o)
	n := len(m.row)
	two401 := n >= 2 && m.row[n-1] == "unauthorized" && m.row[n-2] == "unauthorized"
	if m.openings == 0 && n < 5 && !two401 {
		return
	}
	m.openings++
	wait := min(2*time.Second<<min(m.openings-1, 20), 15*time.Minute)
	if o == "throttled" {
		wait = 7 * time.Second
	}
	m.until = now.Add(wait)
}
