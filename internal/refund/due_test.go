package refund

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawTime draws an instant within two days, often a round one so that equal
// ones meet.
func drawTime(t *rapid.T, label string) Time {
	if rapid.Bool().Draw(t, label+" round") {
		return later(time.Duration(rapid.IntRange(0, 48).Draw(t, label)) * time.Hour)
	}
	return later(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, label)))
}

// drawEvent draws mostly events that fit the state.
func drawEvent(t *rapid.T, s State) Event {
	fitting := slices.DeleteFunc(everyEvent(), func(e Event) bool { return !slices.Contains(usualKinds[s], e.Kind) || !e.Same })
	e := rapid.SampledFrom(slices.Concat(fitting, fitting, everyEvent())).Draw(t, "event")
	e.AskedAt = drawTime(t, "asked at")
	e.Delay = time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "delay"))
	if rapid.Bool().Draw(t, "has times") {
		e.NotBefore = drawTime(t, "job's not_before")
		e.Deadline = e.NotBefore.Add(1 + time.Duration(rapid.Int64Range(0, int64(12*time.Hour)).Draw(t, "length")))
	}
	return e
}

var usualKinds = map[State][]Kind{
	None: {Delivered}, Sending: {Delivered, SendEnded}, Waiting: {Delivered}, Unknown: {Delivered, InquiryEnded},
}

// drawCore draws a record as the table itself leaves them: an outcome of
// Decide, which keeps drawn records possible ones.
func drawCore(t *rapid.T) Core {
	c := Core{}
	now := morning
	for range rapid.IntRange(0, 8).Draw(t, "steps") {
		e := drawEvent(t, c.State)
		now = max(now, c.Due, drawTime(t, "then"))
		if step := decide(c, e, now, usual); slices.Contains(step.Effects, Append) {
			c = step.Next
		}
	}
	return c
}

func TestNoDueTimeLiesBeyondTheDeadlineButTheLastQuestion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCore(t)
		e, now := drawEvent(t, c.State), drawTime(t, "now")
		step := decide(c, e, now, usual)
		if !slices.Contains(step.Effects, Append) {
			return
		}
		n := step.Next
		latest := n.Deadline
		if n.State == Unknown {
			latest = max(latest, n.AskFrom)
		}
		if step.Row == "takeover" {
			latest = max(latest, now)
		}
		if n.Due > latest {
			t.Fatalf("row %q: due %v, latest %v", step.Row, n.Due.Time(), latest.Time())
		}
	})
}

func TestEveryScheduleHasATimeAndFiresWhenTheRefundMayBeLookedAt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCore(t)
		e, now := drawEvent(t, c.State), drawTime(t, "now")
		step := decide(c, e, now, usual)
		if !slices.Contains(step.Effects, Schedule) {
			return
		}
		want := step.Next.Due
		if step.Next.State == Sending {
			want = step.Next.AskFrom
		}
		if step.At == 0 || step.At != want {
			t.Fatalf("row %q: wait fires at %v, refund due at %v", step.Row, step.At.Time(), want.Time())
		}
	})
}

// TestEveryPossibleSituationHasARow walks possible records only; "no row" is
// for impossible ones.
func TestEveryPossibleSituationHasARow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCore(t)
		e, now := drawEvent(t, c.State), drawTime(t, "now")
		if step := decide(c, e, now, usual); step.Row == "no row" {
			t.Fatalf("%+v, %+v, %v", c, e, now.Time())
		}
	})
}

func TestLastQuestionComesAtTheDeadlineOrAskFromWhicheverIsLater(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ deadline, askFrom, now, due Time }{
		"long before":                {later(time.Hour), later(time.Minute), morning, later(2 * time.Second)},
		"deadline before next delay": {later(time.Second), morning, morning, later(time.Second)},
		"ask_from after deadline":    {later(time.Second), later(time.Minute), morning, later(time.Minute)},
		"deadline just passed":       {morning, later(time.Hour), later(time.Minute), later(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core := doubted(1)
			core.Deadline, core.AskFrom = c.deadline, c.askFrom
			step := wantState(t, core, asked(NoAnswer, c.now-1), c.now, Unknown)
			if step.Next.Due != c.due {
				t.Errorf("due %v, want %v", step.Next.Due.Time(), c.due.Time())
			}
		})
	}
}

func TestNoWaitOutlastsTheDeadline(t *testing.T) {
	t.Parallel()
	e := answered(NotExecuted)
	e.Delay = 48 * time.Hour
	if next := wantState(t, sent(1), e, morning, Waiting).Next; next.Due != next.Deadline {
		t.Errorf("due %v after a long delay", next.Due.Time())
	}
	forward := Event{Kind: BroughtForward}
	after := waited(1).Deadline.Add(time.Hour)
	if next := wantState(t, waited(1), forward, after, Waiting).Next; next.Due != next.Deadline {
		t.Errorf("due %v when brought forward too late", next.Due.Time())
	}
	c := sent(1)
	c.Deadline = later(20 * time.Second)
	if next := wantState(t, c, answered(NoProof), morning, Unknown).Next; next.Due != c.AskFrom {
		t.Errorf("due %v when the deadline passes in the quiet period", next.Due.Time())
	}
	c.AskFrom = later(10 * time.Second)
	if next := wantState(t, c, answered(NoProof), morning, Unknown).Next; next.Due != c.Deadline {
		t.Errorf("due %v when ask_from passes before the deadline", next.Due.Time())
	}
}

func TestJobMayGoAtItsVeryNotBefore(t *testing.T) {
	t.Parallel()
	e := deliveredReady(Ready)
	e.NotBefore = morning
	wantState(t, Core{}, e, morning, Sending)
	wantState(t, Core{}, e, morning-1, Waiting)
}

func TestUnknownIsGivenUpOnlyByAQuestionAskedAfterDeadlineAndAskFrom(t *testing.T) {
	t.Parallel()
	for _, f := range []Finding{NoAnswer, FoundRunning, NotFound} {
		c := doubted(1)
		c.Deadline = c.AskFrom.Add(-time.Minute)
		wantState(t, c, asked(f, c.Deadline), c.AskFrom, Unknown)
		wantState(t, c, asked(f, c.AskFrom-1), c.AskFrom.Add(time.Hour), Unknown)
		wantState(t, c, asked(f, c.AskFrom), c.AskFrom, Unresolved)
		c.Deadline = c.AskFrom.Add(time.Minute)
		wantState(t, c, asked(f, c.Deadline-1), c.Deadline, Unknown)
		wantState(t, c, asked(f, c.Deadline), c.Deadline, Unresolved)
	}
}

func TestProofFoundByTheLastQuestionIsStillProof(t *testing.T) {
	t.Parallel()
	end := doubted(1).Deadline
	wantState(t, doubted(1), asked(FoundSuccess, end), end, Succeeded)
	wantState(t, doubted(1), asked(FoundFailure, end), end, Failed)
	step := wantState(t, doubted(1), asked(Contradiction, end), end, Unresolved)
	if step.Next.Code != CodeContradictoryEvidence {
		t.Errorf("why %v", step.Next.Code)
	}
}

func TestDeadlineIsTheJobsOrCountsFromTheLaterOfNowAndNotBefore(t *testing.T) {
	t.Parallel()
	e := deliveredReady(Ready)
	if got := decide(Core{}, e, morning, usual).Next.Deadline; got != later(24*time.Hour) {
		t.Errorf("neither given: %v", got.Time())
	}
	e.NotBefore = later(time.Hour)
	if got := decide(Core{}, e, morning, usual).Next.Deadline; got != later(25*time.Hour) {
		t.Errorf("not_before later: %v", got.Time())
	}
	e.NotBefore = later(-time.Hour)
	if got := decide(Core{}, e, morning, usual).Next.Deadline; got != later(24*time.Hour) {
		t.Errorf("not_before past: %v", got.Time())
	}
	e.Deadline = later(time.Minute)
	if got := decide(Core{}, e, morning, usual).Next.Deadline; got != later(time.Minute) {
		t.Errorf("given: %v", got.Time())
	}
}

func TestDeadlinePassedIsRejectedFailedOrUnresolvedByWhatWasSent(t *testing.T) {
	t.Parallel()
	end := later(24 * time.Hour)
	e := delivered()
	e.Deadline = end
	wantState(t, Core{}, e, end, Rejected)
	wantState(t, waited(0), e, end, Rejected)
	wantState(t, waited(1), e, end, Failed)
	wantState(t, doubted(1), asked(NotFound, end), end, Unresolved)
	e.Deadline = end + 1
	wantState(t, Core{}, e, end, None) // not yet
}

func TestDelaysGrowAndStartAnewWithTheFirstUnknown(t *testing.T) {
	t.Parallel()
	c := wantState(t, waited(1).delayed(4), deliveredReady(NotReady), later(time.Hour), Waiting).Next
	if c.Delays != 5 {
		t.Errorf("%d delays", c.Delays)
	}
	c = decide(c, deliveredReady(Ready), c.Due, usual).Next
	if c.Delays != 5 {
		t.Errorf("%d delays after a send", c.Delays)
	}
	if c = decide(c, answered(NoProof), c.SendBy, usual).Next; c.Delays != 0 {
		t.Errorf("%d delays after the first unknown", c.Delays)
	}
	if c = decide(c, asked(NoAnswer, c.Due), c.Due, usual).Next; c.Delays != 1 {
		t.Errorf("%d delays after the first question", c.Delays)
	}
	if c = decide(c.in(Sending), answered(NoProof), c.Due, usual).Next; c.Delays != 1 {
		t.Errorf("%d delays after the second unknown", c.Delays)
	}
}

func TestRefusedCredentialsAreTriedAgainAtOnceAndCostNoDelay(t *testing.T) {
	t.Parallel()
	e := answered(NotExecuted)
	e.Delay = 0
	next := wantState(t, sent(1), e, later(time.Second), Waiting).Next
	if next.Due != later(time.Second) || next.Delays != 0 {
		t.Errorf("due %v, %d delays", next.Due.Time(), next.Delays)
	}
}
