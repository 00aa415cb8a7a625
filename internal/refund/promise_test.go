package refund

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// The conditions under which nothing is paid twice, one at a time (design.md
// §4), with just enough time for an attempt, a question, a repeat and the last
// question. In the second the day ends before the deadline does.
var conditions = map[string]doku{
	"identifiers are honoured for ever":        {honours: true, repeat: RepeatSameDay, tick: brief, deadline: 4, dayEnd: 100},
	"identifiers are honoured until day's end": {honours: true, forgets: true, repeat: RepeatSameDay, tick: 2 * brief, deadline: 6, dayEnd: 5},
	"the inquiry is exact":                     {exact: true, repeat: RepeatSameDay, tick: brief, deadline: 4, dayEnd: 100},
	"the inquiry is exact, and trusted":        {exact: true, repeat: RepeatTrustInquiry, tick: brief, deadline: 4, dayEnd: 2},
	"nothing is repeated":                      {tick: brief, deadline: 4, dayEnd: 100},
}

// small cuts a world down to what the race detector can walk in seconds.
func small(d doku) doku {
	if underRace {
		d.deadline, d.tick = 2, 2*brief
	}
	return d
}

func TestNothingIsPaidTwiceNorLostWhateverTheOrderOfEvents(t *testing.T) {
	t.Parallel()
	for name, d := range conditions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			got := explore(small(d), Decide)
			t.Logf("%d worlds in %v", got.worlds, time.Since(begin).Round(time.Millisecond))
			if got.wrong != "" {
				t.Fatal(got.wrong)
			}
			for _, s := range []State{Sending, Waiting, Unknown, Succeeded, Failed, Rejected, Unresolved} {
				if got.ends[s] == 0 {
					t.Errorf("the exploration never saw %v", s)
				}
			}
		})
	}
}

// TestExplorationReachesTheRowsThatDecideAboutMoney keeps the promise above
// from holding for want of trying.
func TestExplorationReachesTheRowsThatDecideAboutMoney(t *testing.T) {
	t.Parallel()
	rows := []string{
		"first send", "next send", "takeover", "success", "definite no", "not executed", "no proof", "late proof: answer",
		"proof: inquiry", "late answer", "another sends", "ask", "inquiry says no", "still unknown", "asked for the last time",
		"never executed, given up", "never sent, given up",
	}
	if !underRace { // the small world is too short for a repeat
		rows = append(rows, "repeat", "definite no replayed", "late inquiry")
	}
	got := explore(small(conditions["identifiers are honoured for ever"]), Decide)
	for _, row := range rows {
		if got.rows[row] == 0 {
			t.Errorf("row %q is never reached; reached: %v", row, slices.Sorted(maps.Keys(got.rows)))
		}
	}
}

// TestThePromiseNeedsItsCondition takes the conditions away: what is then paid
// twice shows that the explorer would see it.
func TestThePromiseNeedsItsCondition(t *testing.T) {
	t.Parallel()
	for name, d := range conditions {
		if d.repeat == RepeatNever {
			continue // the decider has no condition left to lose: see the mistakes
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d.honours, d.forgets, d.exact = false, false, false
			wantWrong(t, explore(d, Decide), "paid twice")
		})
	}
}

// Identifiers that end with the day are no protection for repeats beyond it:
// trust-inquiry rests on the inquiry alone.
func TestTrustedInquiryGivesUpTheProtectionOfTheDay(t *testing.T) {
	t.Parallel()
	d := conditions["identifiers are honoured until day's end"]
	d.repeat = RepeatTrustInquiry
	wantWrong(t, explore(d, Decide), "paid twice")
}

func wantWrong(t *testing.T, got outcome, want string) {
	t.Helper()
	if !strings.HasPrefix(got.wrong, want) {
		t.Fatalf("%d worlds and nothing of %q: %q", got.worlds, want, got.wrong)
	}
	t.Logf("seen after %d worlds: %s", got.worlds, got.wrong)
}

// mistake is a decider that is wrong in one thing.
type mistake struct {
	where  string // the condition under which it pays
	decide decider
	want   string
}

func TestEveryPlantedMistakeIsSeen(t *testing.T) {
	t.Parallel()
	for name, m := range mistakes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantWrong(t, explore(conditions[m.where], m.decide), m.want)
		})
	}
}

// as decides on c as if it were changed, and keeps what was changed otherwise.
func as(c Core, e Event, now Time, p Policy, change, keep func(*Core)) Step {
	change(&c)
	step := Decide(c, e, now, p)
	keep(&step.Next)
	return step
}

func mistakes() map[string]mistake {
	const ever, day, exact, never = "identifiers are honoured for ever", "identifiers are honoured until day's end",
		"the inquiry is exact", "nothing is repeated"
	return map[string]mistake{
		"over-refund refusal believed after an unknown": {ever, believesRefusal(DefiniteNo), "paid, and reported as not paid"},
		"not now believed after an unknown":             {ever, believesRefusal(NotExecuted), "paid"},
		"new identifier after an unknown":               {ever, newIdentifier, "paid twice"},
		"takeover before ask_from":                      {exact, earlyTakeover, "paid twice"},
		"repeat on the next day":                        {day, nextDay, "paid twice"},
		"repeat where it is forbidden":                  {never, repeatAnyway, "paid twice"},
		"no answer taken for not found":                 {exact, noAnswerIsNotFound, "paid twice"},
		"a no that speaks of an earlier send believed":  {exact, anyNo, "paid, and reported as not paid"},
		"acknowledged before it is recorded":            {ever, ackFirst, "acknowledged though none has no wait"},
		"acknowledged without a wait":                   {ever, noSchedule, "acknowledged though waiting has no wait"},
	}
}

func believesRefusal(a Answer) decider {
	return func(c Core, e Event, now Time, p Policy) Step {
		if e.Kind == SendEnded && e.Answer == a && e.Own {
			c.FirstUnknown, c.FirstUnknownAt = 0, 0
		}
		return Decide(c, e, now, p)
	}
}

func newIdentifier(c Core, e Event, now Time, p Policy) Step {
	step := Decide(c, e, now, p)
	if step.Row == "repeat" {
		step.Next.FirstUnknown = step.Next.Sends
	}
	return step
}

func earlyTakeover(c Core, e Event, now Time, p Policy) Step {
	if c.State == Sending && e.Kind == Delivered {
		c.AskFrom = min(c.AskFrom, now)
	}
	return Decide(c, e, now, p)
}

func nextDay(c Core, e Event, now Time, p Policy) Step {
	first := c.FirstUnknownAt
	if e.Kind != InquiryEnded {
		return Decide(c, e, now, p)
	}
	return as(c, e, now, p,
		func(c *Core) { c.FirstUnknownAt += Time(p.Timeout) * 100 },
		func(c *Core) { c.FirstUnknownAt = first })
}

func repeatAnyway(c Core, e Event, now Time, p Policy) Step {
	p.Repeat = RepeatSameDay
	return Decide(c, e, now, p)
}

func noAnswerIsNotFound(c Core, e Event, now Time, p Policy) Step {
	if e.Finding == NoAnswer {
		e.Finding = NotFound
	}
	return Decide(c, e, now, p)
}

func anyNo(c Core, e Event, now Time, p Policy) Step {
	sends := c.Sends
	if e.Finding != FoundFailure {
		return Decide(c, e, now, p)
	}
	return as(c, e, now, p, func(c *Core) { c.Sends = 1 }, func(c *Core) { c.Sends = sends })
}

func ackFirst(c Core, e Event, now Time, p Policy) Step {
	step := Decide(c, e, now, p)
	if i := slices.Index(step.Effects, Ack); i > 0 {
		step.Effects = slices.Concat([]Effect{Ack}, step.Effects[:i])
	}
	return step
}

func noSchedule(c Core, e Event, now Time, p Policy) Step {
	step := Decide(c, e, now, p)
	step.Effects = slices.DeleteFunc(slices.Clone(step.Effects), func(e Effect) bool { return e == Schedule })
	return step
}
