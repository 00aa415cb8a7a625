package retry_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/retry"
)

func write(subject string) retry.Call { return retry.Call{Subject: subject, Write: true} }
func read(subject string) retry.Call  { return retry.Call{Subject: subject} }

// outage opens the breaker by failing writes and lets it turn half-open.
func outage(t *testing.T) *bench {
	t.Helper()
	b := newBench()
	b.call(t, times(5, retry.Failing(0))...)
	b.now = b.OpenUntil()
	b.is(t, retry.HalfOpen)
	return b
}

func TestOneSubjectThatAlwaysFailsStopsNobody(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.callAs(t, write("a"), times(100, retry.Failing(0))...)
	b.callAs(t, read("a"), times(100, retry.Failing(0))...)
	b.callAs(t, write("b"), times(100, retry.Failing(0))...)
	b.is(t, retry.Closed)
	b.callAs(t, write("c"), retry.Failing(0))
	b.is(t, retry.Open)
	if b.Reason() != "failing" {
		t.Fatalf("reason %q", b.Reason())
	}
}

func TestFiveFailingOfThreeSubjectsOpen(t *testing.T) {
	t.Parallel()
	b := newBench()
	for _, subject := range []string{"a", "b", "a", "c"} {
		b.callAs(t, write(subject), retry.Failing(0))
		b.is(t, retry.Closed)
	}
	b.callAs(t, write("a"), retry.Failing(0))
	b.openFor(t, 2*time.Second)
}

// A call that found the channel throttled, unreachable or closed to us needs no
// second subject as its witness.
func TestOutcomesOfTheChannelNeedNoWitness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcomes []retry.Outcome
		want     retry.State
	}{
		"all of the channel":      {times(5, retry.Unreachable()), retry.Open},
		"two failing, three not":  {append(times(2, retry.Failing(0)), times(3, retry.Throttled(0))...), retry.Open},
		"four failing, one not":   {append(times(4, retry.Failing(0)), retry.Unreachable()), retry.Closed},
		"failing, then no answer": {append(times(3, retry.Failing(0)), times(2, retry.Unreachable())...), retry.Open},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.callAs(t, write("a"), c.outcomes...)
			b.is(t, c.want)
		})
	}
}

func TestRetryAfterOfAFailingAnswerIsHonoured(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.call(t, times(5, retry.Failing(10*time.Minute))...)
	b.openFor(t, 10*time.Minute)
}

// Refunds may fail while inquiries work.
func TestGoodReadDoesNotEndARowOfBadWrites(t *testing.T) {
	t.Parallel()
	b := newBench()
	for range 4 {
		b.call(t, retry.Failing(0))
		b.callAs(t, read("x"), retry.OK())
	}
	b.is(t, retry.Closed)
	b.call(t, retry.Failing(0))
	b.is(t, retry.Open)
}

func TestGoodReadEndsARowOfBadReads(t *testing.T) {
	t.Parallel()
	b := newBench()
	for _, subject := range []string{"a", "b", "c", "d"} {
		b.callAs(t, read(subject), retry.Failing(0))
	}
	b.callAs(t, read("a"), retry.OK())
	b.callAs(t, read("e"), retry.Failing(0))
	b.is(t, retry.Closed)
}

func TestGoodWriteEndsBothRows(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.callAs(t, read("a"), retry.Failing(0))
	b.callAs(t, read("b"), retry.Failing(0))
	b.call(t, times(2, retry.Failing(0))...)
	b.call(t, retry.OK())
	b.call(t, times(4, retry.Failing(0))...)
	b.is(t, retry.Closed)
}

func TestReadIsTheProbeWhereOneIsDue(t *testing.T) {
	t.Parallel()
	b := outage(t)
	p, wait := b.Allow(write("w"))
	if p != nil || wait != time.Second {
		t.Fatalf("write: %v, asked to wait %v for a read", p, wait)
	}
	probe, wait := b.Allow(read("r"))
	if probe == nil {
		t.Fatalf("read refused, asked to wait %v", wait)
	}
	b.now = b.now.Add(time.Second)
	if p, wait := b.Allow(write("w")); p != nil || wait != 0 {
		t.Fatalf("a second probe, or a wait of %v for the end of the first", wait)
	}
	probe.Report(retry.Failing(0))
	b.is(t, retry.Open)
}

func TestWriteIsTheProbeWhereNoReadTurnsUp(t *testing.T) {
	t.Parallel()
	b := outage(t)
	_, wait := b.Allow(write("w"))
	b.now = b.now.Add(wait)
	p, _ := b.Allow(write("w"))
	if p == nil {
		t.Fatal("no probe")
	}
	p.Report(retry.OK())
	b.is(t, retry.Closed)
}

func TestGoodReadLetsOneWriteGoAndClosesNothing(t *testing.T) {
	t.Parallel()
	b := outage(t)
	b.callAs(t, read("r"), retry.OK())
	b.is(t, retry.HalfOpen)
	if p, wait := b.Allow(write("r")); p != nil || wait != 0 {
		t.Fatal("the same subject twice in a row")
	}
	one, _ := b.Allow(write("w"))
	if one == nil {
		t.Fatal("no write after a good read")
	}
	if p, _ := b.Allow(write("v")); p != nil {
		t.Fatal("a second write beside the probe")
	}
	one.Report(retry.Failing(0))
	b.is(t, retry.Open)
	b.now = b.OpenUntil()
	if p, wait := b.Allow(write("v")); p != nil || wait == 0 {
		t.Fatal("a read of the time before counted")
	}
}

func TestSameSubjectIsNotTheProbeTwiceInARow(t *testing.T) {
	t.Parallel()
	b := outage(t)
	b.callAs(t, write("a"), retry.Failing(0)) // open for 4 s now
	b.now = b.OpenUntil().Add(2 * time.Second)
	for _, c := range []retry.Call{write("a"), read("a")} {
		if p, wait := b.Allow(c); p != nil || wait != 0 {
			t.Fatalf("%+v was the probe again", c)
		}
	}
	b.callAs(t, write("b"), retry.Failing(0))
	b.now = b.OpenUntil()
	b.callAs(t, write("a"), retry.OK())
	b.is(t, retry.Closed)
}

func TestOnlySubjectIsTheProbeAgainInTime(t *testing.T) {
	t.Parallel()
	b := outage(t)
	b.callAs(t, write("a"), retry.Failing(0))
	b.now = b.OpenUntil().Add(4 * time.Second)
	b.callAs(t, read("a"), retry.OK())
	b.callAs(t, write("a"), retry.OK()) // its turn is not put off again by its own read
	b.is(t, retry.Closed)
	b = outage(t)
	for range 12 {
		b.call(t, retry.Failing(0))
		b.now = b.OpenUntil()
	}
	b.callAs(t, write("a"), retry.Failing(0))
	b.now = b.OpenUntil().Add(30 * time.Second)
	b.callAs(t, write("a"), retry.OK())
	b.is(t, retry.Closed)
}

// A status service that is down must not hold writes back that work.
func TestWriteGoesFirstAfterThreeBadReads(t *testing.T) {
	t.Parallel()
	b := outage(t)
	for i := range 3 {
		b.callAs(t, read(fmt.Sprint("r", i)), retry.Failing(0))
		b.now = b.OpenUntil()
	}
	if p, wait := b.Allow(read("r")); p != nil || wait != 0 {
		t.Fatalf("a fourth read: %v, asked to wait %v: in flight it would keep the write away", p, wait)
	}
	p, _ := b.Allow(write("w"))
	if p == nil {
		t.Fatal("no write")
	}
	p.Report(retry.Failing(0))
	b.now = b.OpenUntil()
	b.callAs(t, read("r"), retry.Failing(0)) // their turn again
	b.now = b.OpenUntil()
	b.callAs(t, write("v"), retry.OK())
	b.is(t, retry.Closed)
}

func TestWriteGoesFirstWhereReadsAloneHaveFailed(t *testing.T) {
	t.Parallel()
	b := newBench()
	for _, subject := range []string{"a", "b", "c", "d", "e"} {
		b.callAs(t, read(subject), retry.Failing(0))
	}
	b.openFor(t, 2*time.Second)
	b.now = b.OpenUntil()
	p, _ := b.Allow(write("w"))
	if p == nil {
		t.Fatal("no write")
	}
	p.Report(retry.OK())
	b.is(t, retry.Closed)
}

func TestPermitIsVoidOnceTheBreakerHasOpened(t *testing.T) {
	t.Parallel()
	b := newBench()
	p, _ := b.allow(b.next())
	if p.Void() {
		t.Fatal("void while closed")
	}
	b.call(t, times(5, retry.Failing(0))...)
	if !p.Void() {
		t.Fatal("not void though the breaker opened")
	}
	b.now = b.OpenUntil()
	probe, _ := b.allow(b.next())
	if probe.Void() || !p.Void() {
		t.Fatal("half-open: the probe is void, or the old permit is not")
	}
	probe.Report(retry.OK())
	if p.Void() {
		t.Fatal("void though calls may go again")
	}
}

// limits asks both gates, each as long as it would have to wait.
func limits(t *testing.T, b *retry.Breaker) (all, fresh int, waited time.Duration) {
	t.Helper()
	start := time.Now()
	all, err := b.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh, err = b.WaitNew(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all, fresh, time.Since(start)
}

func TestGatesLetMessagesInAsAProbeNeedsThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerConfig{
			Policy: retry.Policy{Initial: time.Minute, Max: time.Minute}, Threshold: 1,
		})
		expect := func(what string, all, fresh int, waited time.Duration) {
			t.Helper()
			if a, f, w := limits(t, b); a != all || f != fresh || w != waited {
				t.Fatalf("%s: %d and %d after %v, want %d and %d after %v", what, a, f, w, all, fresh, waited)
			}
		}
		expect("closed", math.MaxInt, math.MaxInt, 0)
		p, _ := b.Allow(write("a"))
		p.Report(retry.Failing(0))
		expect("open, then looking", 16, 1, time.Minute+time.Second)
		p, _ = b.Allow(read("b"))
		expect("the probe under way", 1, 1, 0)
		p.Report(retry.OK())
		expect("reads work", 1, 1, time.Second) // fresh ones at once, the others a second later
		p, _ = b.Allow(write("c"))
		p.Report(retry.OK())
		expect("closed again", math.MaxInt, math.MaxInt, 0)
	})
}

// Whatever happens, a half-open breaker has one probe at most, and never the
// same subject's twice while others ask.
func TestProbesComeOneAtATimeAndFromDifferentSubjects(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBench()
		last := ""
		var probe *retry.Permit
		var of string
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				before, turned := b.State(), b.OpenUntil()
				c := retry.Call{Subject: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "subject"), Write: rapid.Bool().Draw(t, "write")}
				p, wait := b.Allow(c)
				switch {
				case p == nil || before == retry.Closed:
					if p != nil {
						report(t, p)
					}
				case before == retry.Open, probe != nil, wait != 0:
					t.Fatalf("allowed while %v, probe of %s, wait %v", before, of, wait)
				case c.Subject == last && b.now.Sub(turned) < time.Second:
					t.Fatalf("%s again", last)
				default:
					probe, of = p, c.Subject
				}
				if b.State() == retry.Open && before == retry.Closed {
					last = c.Subject
				}
			},
			"answer": func(t *rapid.T) {
				if probe != nil {
					report(t, probe)
					last = of
				}
				probe = nil
			},
			"time passes": func(t *rapid.T) {
				b.now = b.now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "pass")))
			},
		})
	})
}

func report(t *rapid.T, p *retry.Permit) {
	p.Report(rapid.SampledFrom([]retry.Outcome{retry.OK(), retry.Failing(0), retry.Throttled(time.Second)}).Draw(t, "outcome"))
}
