package model

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/refund"
)

var (
	whole  = flag.Bool("whole", false, "walk every world (make model), not the nearest ones of each behaviour")
	update = flag.Bool("update", false, "with -whole: rewrite docs/model.md")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nearest is how many worlds of each behaviour are enough for a test of
// seconds; the race detector makes each thirty times as dear.
func nearest() int {
	if underRace {
		return 1_000
	}
	return 20_000
}

// leastWorlds is what a whole run must visit.
const leastWorlds = 2_000_000

// collected is what subtests saw.
type collected struct {
	mu       sync.Mutex
	outcomes map[string]Outcome
}

func (c *collected) add(name string, o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[name] = o
}

func TestNothingIsPaidTwiceNorForgottenUnderTheAssumptions(t *testing.T) {
	t.Parallel()
	limit := nearest()
	if *whole {
		limit = 0
	}
	seen := collected{outcomes: map[string]Outcome{}}
	t.Run("behaviours", func(t *testing.T) {
		for _, b := range Behaviours() {
			t.Run(b.Title(), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				o := Explore(b.DOKU, Mutation{}, limit)
				seen.add(b.Title(), o)
				t.Logf("%s: %d worlds in %v%s", verdict(o), o.Worlds, time.Since(began).Round(time.Millisecond), indented(o.Path))
				if o.Lost || o.Rule != b.Broken && (*whole || o.Broken() != "") {
					t.Errorf("%s; want %q", verdict(o), b.Broken)
				}
			})
		}
	})
	if *whole && !t.Failed() {
		checkWhole(t, seen.outcomes)
	}
}

// checkWhole looks at all explorations together.
func checkWhole(t *testing.T, outcomes map[string]Outcome) {
	t.Helper()
	worlds, rows, ends := 0, map[string]int{}, map[refund.State]int{}
	for _, b := range Behaviours() {
		o := outcomes[b.Title()]
		if b.Group == Outside {
			continue
		}
		worlds += o.Worlds
		for row, n := range o.Rows {
			rows[row] += n
		}
		for state, n := range o.Ends {
			ends[state] += n
		}
	}
	t.Logf("%d worlds under the assumptions", worlds)
	if worlds < leastWorlds {
		t.Errorf("%d worlds, want %d", worlds, leastWorlds)
	}
	for _, row := range refund.Rows() {
		if _, beyond := unreached[row]; (rows[row] > 0) == beyond {
			t.Errorf("row %q decided %d times; beyond the model: %v", row, rows[row], beyond)
		}
	}
	for s := refund.Sending; s <= refund.Unresolved; s++ {
		if ends[s] == 0 {
			t.Errorf("no world ends in %v", s)
		}
	}
	golden(t, document(outcomes, rows))
}

func verdict(o Outcome) string {
	if broken := o.Broken(); broken != "" {
		return broken
	}
	return "safe"
}

func indented(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return "\n  " + strings.Join(path, "\n  ")
}

func TestEveryMutationIsSeenWhereTheDesignIsSafe(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("half a million worlds; the explorer has one goroutine")
	}
	safe := map[string]DOKU{}
	for _, b := range Behaviours() {
		if b.Broken == 0 && !b.Twice {
			safe[b.Title()] = b.DOKU
		}
	}
	for _, m := range Mutations() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			d, ok := safe[m.Place()]
			if !ok {
				t.Fatalf("%q is no behaviour under which all is promised", m.Place())
			}
			o := Explore(d, m, 0)
			t.Logf("%s, seen after %d worlds%s", verdict(o), o.Worlds, indented(o.Path))
			if o.Broken() != m.Want {
				t.Errorf("want %q", m.Want)
			}
		})
	}
}

func TestBehavioursHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, b := range Behaviours() {
		if seen[b.Title()] {
			t.Errorf("two behaviours are called %q", b.Title())
		}
		seen[b.Title()] = true
	}
}

// What is packed must come back as it was, as far as a decision looks at it.
func TestARecordSurvivesBeingPacked(t *testing.T) {
	t.Parallel()
	m := newModel(told, Mutation{})
	for _, c := range []core{
		{},
		{state: refund.Sending, sends: 2, firstUnknown: 1, sendBy: 4, askFrom: 7, firstAt: 1},
		{state: refund.Unknown, sends: 2, firstUnknown: 1, due: 9, askFrom: 7, firstAt: 1},
		{state: refund.Waiting, sends: 1, due: 3},
		{state: refund.Unresolved, collided: true, sends: 1, askFrom: 7},
		{sends: 1, sendBy: 4, askFrom: 7}, // the ledger lost it
	} {
		if got := m.pack(m.full(c)); got != c {
			t.Errorf("%+v comes back as %+v", c, got)
		}
	}
	e := event{kind: refund.InquiryEnded, ready: refund.Ready, own: true, finding: refund.NotFound, asked: 7}
	if got := m.short(m.whole(e)); got != e {
		t.Errorf("%+v comes back as %+v", e, got)
	}
}

// The shortest paths are told as a person would tell them: each worker keeps its
// name, though the explorer swaps those that are alike.
func TestAPathKeepsItsWorkersApart(t *testing.T) {
	t.Parallel()
	m := Mutations()[slicesIndex(t, "second delivery in the same process taken for the owner")]
	o := Explore(told, m, 0)
	busy := map[string]bool{}
	for _, step := range o.Path {
		for _, who := range []string{"worker A", "worker B"} {
			if !strings.Contains(step, who) {
				continue
			}
			begins := strings.Contains(step, "is given") || strings.Contains(step, "takes the other's")
			if !busy[who] && !begins {
				t.Errorf("%s does something before it has a message:%s", who, indented(o.Path))
			}
			busy[who] = true
		}
	}
}

func slicesIndex(t *testing.T, name string) int {
	t.Helper()
	for i, m := range Mutations() {
		if m.Name == name {
			return i
		}
	}
	t.Fatalf("no mutation %q", name)
	return 0
}

func BenchmarkExplore(b *testing.B) {
	for b.Loop() {
		o := Explore(open, Mutation{}, nearest())
		b.ReportMetric(float64(o.Moves)/float64(o.Worlds), "moves/world")
	}
}

func Example() {
	d := DOKU{Step: 3, Timeout: 1, Quiet: 1, Deadline: 7, DayEnd: 100} // nothing is honoured, nothing is true
	o := Explore(d, Mutation{}, 0)
	fmt.Println(o.Broken())
	// Output: paid twice
}
