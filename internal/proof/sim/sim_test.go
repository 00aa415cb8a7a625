package sim

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/refund"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNothingIsPaidTwiceLostOrMisreported(t *testing.T) {
	t.Parallel()
	jobs := 20_000
	if underRace {
		jobs = 1000
	}
	r := Run(Config{Seed: 1, Jobs: jobs})
	failures := r.Failures()
	if underRace {
		failures = r.Problems // too few to go every path
	}
	for _, failure := range failures {
		t.Error(failure)
	}
	if r.Jobs != jobs {
		t.Errorf("%d jobs, want %d", r.Jobs, jobs)
	}
}

func TestTheSameSeedGivesTheSameTrace(t *testing.T) {
	t.Parallel()
	trace := func(seed uint64) string { return Run(Config{Seed: seed, Jobs: 600}).Trace() }
	first := trace(7)
	if again := trace(7); again != first {
		t.Errorf("traces %s and %s", first, again)
	}
	if other := trace(8); other == first {
		t.Error("another seed gives the same trace")
	}
}

// Each mutation is made under a DOKU where the sound program is safe: the same
// batches without it have nothing wrong.
func TestEveryMutationIsSeen(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("too slow under the race detector")
	}
	for _, c := range []struct {
		name      string
		mutation  mutation
		behaviour string
		want      string
	}{
		{"fresh identifiers after an unknown", freshIDs, "ids for ever, bare 409", "paid twice"},
		{"a refusal believed after an unknown", believedNo, "ids for ever, bare 409", "reported as not paid"},
		{"send_by ignored", ignoredSendBy, "no ids, exact inquiry", "paid twice"},
		{"acknowledged before it is stored", ackedFirst, "ids for ever, replays", "not ended"},
		{"early delivery acknowledged without a wait", droppedEarly, "ids for ever, replays", "not ended"},
		{"repeats go on the next day", forgottenDay, "ids for the day in UTC, burns", "paid twice"},
		{"sent before it is recorded", sentFirst, "no ids, exact inquiry", "paid twice"},
		{"an inquiry's no believed after a repeat", believedInquiry, "ids for ever, bare 409", "reported as not paid"},
		{"not found believed before ask_from", trustedInquiry, "no ids, exact inquiry", "paid twice"},
		{"a worker that is not sure of its clock goes on", ignoredClock, "no ids, exact inquiry", "paid twice"},
		{"an operator's word that is not true", falseVerdict, "ids for ever, replays", "reported as paid"},
		{"two appends of a refund in one batch", sharedBatch, "no ids, exact inquiry", "paid twice"},
		{"an operator's record over another's", blindAction, "ids for ever, replays", "no path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Jobs: 1500, behaviour: behaviourNamed(t, c.behaviour)}
			for cfg.Seed < 40 {
				cfg.Seed++
				cfg.mutation = none
				if r := Run(cfg); r.Broken > 0 {
					t.Fatalf("without the mutation: %v", r.Problems)
				}
				cfg.mutation = c.mutation
				r := Run(cfg)
				if slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, c.want) }) {
					return
				}
			}
			t.Errorf("forty batches with the mutation, and none says %q", c.want)
		})
	}
}

func behaviourNamed(t *testing.T, name string) behaviour {
	t.Helper()
	i := slices.IndexFunc(behaviours, func(n behaviour) bool { return n.name == name })
	if i < 0 {
		t.Fatalf("no behaviour is called %q", name)
	}
	return behaviours[i]
}

// The guarantee has assumptions: a DOKU that keeps none of them is paid through
// twice, and the checker says so.
func TestADOKUThatKeepsNoConditionIsSeenToPayTwice(t *testing.T) {
	t.Parallel()
	for _, n := range []behaviour{
		{name: "no ids, inquiries that lie", memory: never, repeat: refund.RepeatSameDay, late: lateAtWill},
		{
			name: "ids for the day, and inquiries that lie trusted beyond it", memory: today,
			repeat: refund.RepeatTrustInquiry, late: lateWithinTimeout,
		},
	} {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			jobs := 2500
			if underRace {
				jobs = 500
			}
			for seed := range uint64(20) {
				r := Run(Config{Seed: seed + 1, Jobs: jobs, behaviour: n})
				if slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, "paid twice") }) {
					return
				}
			}
			t.Error("no refund is paid twice with any of twenty seeds")
		})
	}
}

func TestARunThatMissesACoveragePointFails(t *testing.T) {
	t.Parallel()
	r := Run(Config{Seed: 1, Jobs: 10})
	missed := r.Missed()
	if !slices.Contains(missed, coverageNames[noAfterRepeat]) {
		t.Fatalf("ten jobs went every point but %v", missed)
	}
	for _, name := range missed {
		if !slices.ContainsFunc(r.Failures(), func(f string) bool { return strings.HasSuffix(f, name) }) {
			t.Errorf("%q was missed and is no failure", name)
		}
	}
}

func TestARunWithTooFewFaultsFails(t *testing.T) {
	t.Parallel()
	r := Report{Exchanges: 100}
	r.faults[smooth] = 71
	const words = "exchanges met a fault"
	if !strings.Contains(strings.Join(r.Failures(), "\n"), words) {
		t.Error("29 of 100 is enough")
	}
	r.faults[smooth] = 70
	if strings.Contains(strings.Join(r.Failures(), "\n"), words) {
		t.Error("30 of 100 is not enough")
	}
}
