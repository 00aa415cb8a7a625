package ledger_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// many appends unresolved results, and returns when they are stored.
func (f fixture) many(t *testing.T, prefix string, count int, state refund.State) {
	t.Helper()
	var group sync.WaitGroup
	next := make(chan int)
	for range 16 {
		group.Go(func() {
			for i := range next {
				id := fmt.Sprintf("%s-%d", prefix, i)
				if _, err := f.ledger.Append(t.Context(), record(id, state, 0, id)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	group.Wait()
}

// settle gives an unresolved refund its final result.
func (f fixture) settle(t *testing.T, id string) {
	t.Helper()
	last, err := f.ledger.Last(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f.append(t, record(id, refund.Failed, last.Seq, "op-"+id))
}

// reads counts what is asked of the stream of records, from now on.
func (f fixture) reads(t *testing.T) (count func() int64) {
	t.Helper()
	nc, _, err := f.nats.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	seen := make(chan *nats.Msg, 1<<17) // filled before the flush returns
	if _, err := nc.ChanSubscribe("$JS.API.STREAM.*.>", seen); err != nil {
		t.Fatal(err)
	}
	return func() (count int64) {
		if err := nc.Flush(); err != nil { // what was asked before has been passed on
			t.Fatal(err)
		}
		for {
			select {
			case msg := <-seen:
				if msg.Subject == "$JS.API.STREAM.MSG.GET.REFUNDS" || msg.Subject == "$JS.API.STREAM.INFO.REFUNDS" {
					count++
				}
			default:
				return count
			}
		}
	}
}

// counts fails unless a counter returns one of the counts that are right, and
// returns what it asked for.
func counts(t *testing.T, c *ledger.UnresolvedCounter, reads func() int64, right ...int) int64 {
	t.Helper()
	reads()
	if n, err := c.Unresolved(t.Context()); err != nil || !slices.Contains(right, n) {
		t.Errorf("unresolved = %d, %v; want one of %d", n, err, right)
	}
	return reads()
}

func TestACensusOfThousandsReadsNextToNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const open = 8000
	f.many(t, "rf", open, refund.Unresolved)
	reads := f.reads(t)
	counter := f.ledger.NewUnresolvedCounter()
	first := counts(t, counter, reads, open)
	idle := counts(t, counter, reads, open)
	f.settle(t, "rf-17")
	f.many(t, "new", 2, refund.Unresolved)
	f.many(t, "other", 20, refund.Succeeded)
	quiet := counts(t, counter, reads, open+1)
	f.many(t, "busy", 300, refund.Succeeded) // more than is read at once
	f.settle(t, "rf-18")
	f.many(t, "late", 3, refund.Unresolved)
	// The 256 that are reviewed at once may or may not include rf-18.
	busy := counts(t, counter, reads, open+4, open+3)
	t.Logf("requests: first %d, idle %d, quiet %d, busy %d", first, idle, quiet, busy)
	if idle > 1 || quiet > 1+23 || busy > 256+3 {
		t.Errorf("too many requests: idle %d, quiet %d, busy %d", idle, quiet, busy)
	}
	for call := 1; ; call++ { // the settlement among many is found in the end
		n, err := counter.Unresolved(t.Context())
		if err != nil || call > open/256+2 {
			t.Fatalf("call %d: %d, %v", call, n, err)
		}
		if n == open+3 {
			break
		}
	}
	if asked := reads(); asked > open+2*(open/256+2)+600 {
		t.Errorf("%d requests for one review", asked)
	}
}

// Whatever happens between two looks, the count is that of a new counter once
// the ledger is quiet.
func TestACensusAgreesWithANewOneOnceTheLedgerIsQuiet(t *testing.T) {
	t.Parallel()
	f := setup(t)
	counter := f.ledger.NewUnresolvedCounter()
	for round, busy := range []int{0, 3, 300, 1, 600, 0} {
		f.many(t, fmt.Sprint("open-", round), 5, refund.Unresolved)
		f.settle(t, fmt.Sprint("open-", round, "-0"))
		f.many(t, fmt.Sprint("busy-", round), busy, refund.Succeeded)
		if round > 0 {
			f.settle(t, fmt.Sprint("open-", round-1, "-1"))
		}
		if _, err := counter.Unresolved(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want, err := f.ledger.NewUnresolvedCounter().Unresolved(t.Context())
	if err != nil || want != 6*5-6-5 {
		t.Fatalf("%d, %v", want, err)
	}
	if n, err := counter.Unresolved(t.Context()); err != nil || n != want {
		t.Errorf("%d, %v; want %d", n, err, want)
	}
}
