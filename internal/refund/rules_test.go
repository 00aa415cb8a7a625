package refund

import (
	"slices"
	"testing"
	"time"
)

// The rules of docs/architecture.md, "States and transitions", one test a sentence.

// The two instants that end a day: 00:00 in Jakarta and 00:00 UTC.
var (
	jakartaEnd = At(time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC))
	utcEnd     = At(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
)

func wantState(t *testing.T, c Core, e Event, now Time, want State) step {
	t.Helper()
	step := decide(c, e, now, usual)
	if step.Next.State != want {
		t.Errorf("%v after %+v leads to %v by row %q, want %v", c.State, e, step.Next.State, step.Row, want)
	}
	return step
}

func wantEffects(t *testing.T, step step, want ...Effect) {
	t.Helper()
	if !slices.Equal(step.Effects, want) {
		t.Errorf("row %q: effects %v, want %v", step.Row, step.Effects, want)
	}
}

func readied(e Event) Event {
	e.Ready = Ready
	return e
}

func TestUnknownRefundIsNeverSentAgainNextDay(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]Time{"in Jakarta": jakartaEnd, "in UTC": utcEnd} {
		c := doubted(1)
		c.FirstUnknownAt, c.Deadline = end.Add(-time.Hour), end.Add(72*time.Hour)
		for now := end; now < end.Add(22*time.Hour); now = now.Add(time.Hour) {
			step := wantState(t, c, readied(asked(NotFound, now)), now, Unknown)
			if step.Next.Sends != 1 {
				t.Errorf("%s: sent again at %v", name, now.Time())
			}
		}
	}
}

func TestUnknownRefundIsAskedAboutUntilItsDeadlineWhenTheDayIsOver(t *testing.T) {
	t.Parallel()
	now := utcEnd.Add(time.Hour)
	step := wantState(t, doubted(1), readied(asked(NotFound, now)), now, Unknown)
	wantEffects(t, step, Append, Schedule, Ack)
	wantEffects(t, wantState(t, step.Next, delivered(), step.Next.Due, Unknown), Inquire)
	end := step.Next.Deadline
	wantState(t, step.Next, readied(asked(NotFound, end)), end, Unresolved)
}

func TestOverRefundRefusalAfterAnUnknownIsNotBelieved(t *testing.T) {
	t.Parallel()
	step := wantState(t, repeated(2), answered(DefiniteNo), morning, Unknown)
	wantEffects(t, step, Append, Schedule, Ack)
}

func TestNothingButProofEndsAnUnknownRefundsNextSend(t *testing.T) {
	t.Parallel()
	for a := range Collision + 1 {
		if a == Success {
			continue
		}
		step := wantState(t, repeated(2), answered(a), morning, Unknown)
		if step.Next.FirstUnknown != 1 {
			t.Errorf("answer %d: first unknown send is %d", a, step.Next.FirstUnknown)
		}
	}
}

func TestReplayedNoIsProofEvenAfterAnUnknown(t *testing.T) {
	t.Parallel()
	e := answered(DefiniteNo)
	e.Replay = true
	wantState(t, repeated(2), e, morning, Failed)
	wantState(t, sent(1), e, morning, Failed)
	wantEffects(t, wantState(t, sent(1), late(e), morning, Sending), Reread)
	for _, other := range []Answer{NoProof, NotExecuted, ReplayedRefusal, CustomerTokenRefused, Collision} {
		e.Answer = other
		wantState(t, repeated(2), e, morning, Unknown)
	}
}

func TestCustomerTokenRefusalAfterAnUnknownIsNotBelieved(t *testing.T) {
	t.Parallel()
	wantState(t, sent(1), answered(CustomerTokenRefused), morning, Failed)
	wantState(t, repeated(2), answered(CustomerTokenRefused), morning, Unknown)
}

func TestReplayedRefusalIsNotExecutedOnlyWhileNothingIsUnknown(t *testing.T) {
	t.Parallel()
	wantState(t, sent(2), answered(ReplayedRefusal), morning, Waiting)
	wantState(t, repeated(2), answered(ReplayedRefusal), morning, Unknown)
}

func TestCollisionWhileNothingIsUnknownIsUnresolved(t *testing.T) {
	t.Parallel()
	for n := range int32(3) {
		wantState(t, sent(n+1), answered(Collision), morning, Unresolved)
	}
}

// After a refusal of our own DOKU may count the refused identifier as used:
// that is said, and nobody else is blamed.
func TestCollisionAfterOurOwnRefusalBlamesNobodyElse(t *testing.T) {
	t.Parallel()
	for sends, want := range map[int32]Code{1: CodeIdentifierCollision, 2: CodeIdentifierUsed, 5: CodeIdentifierUsed} {
		if step := decide(sent(sends), answered(Collision), morning, usual); step.Next.Code != want {
			t.Errorf("after %d sends: %s, want %s", sends, step.Next.Code, want)
		}
	}
}

func TestCollisionAfterAnUnknownIsJustNoProof(t *testing.T) {
	t.Parallel()
	wantState(t, repeated(2), answered(Collision), morning, Unknown)
}

func TestCollisionIsNeverAskedAboutByAWorker(t *testing.T) {
	t.Parallel()
	for _, why := range []Code{CodeIdentifierCollision, CodeIdentifierUsed} {
		c := sent(1).to(Unresolved, why, 0)
		wantEffects(t, wantState(t, c, delivered(), later(time.Hour), Unresolved), Ack)
	}
}

func TestNoOfAnInquiryIsProofOnlyOfTheOnlySend(t *testing.T) {
	t.Parallel()
	now := later(130 * time.Second)
	wantState(t, doubted(1), asked(FoundFailure, now), now, Failed)
	wantState(t, doubted(2), asked(FoundFailure, now), now, Unknown) // it may speak of the first
	again := repeated(2).to(Unknown, CodeNoAnswer, now)
	wantState(t, again, asked(FoundFailure, now), now, Unknown)
}

func TestSuccessIsProofWheneverItComes(t *testing.T) {
	t.Parallel()
	for _, s := range []State{None, Sending, Waiting, Unknown, Unresolved} {
		for _, e := range []Event{late(answered(Success)), late(asked(FoundSuccess, morning)), asked(FoundSuccess, morning)} {
			wantEffects(t, wantState(t, sent(2).in(s), e, morning, Succeeded), Append, Ack)
		}
	}
}

func TestSuccessAfterALostLedgerKeepsWhatTheHandlingKnows(t *testing.T) {
	t.Parallel()
	step := wantState(t, sent(2).in(None), late(answered(Success)), morning, Succeeded)
	if want := sent(2).to(Succeeded, CodeAnswered, 0); step.Next != want {
		t.Errorf("record %+v, want %+v", step.Next, want)
	}
}

func TestSuccessOfARefundThatWasGivenUpIsAnAlarmAndNoSecondResult(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Failed, Rejected} {
		for _, e := range []Event{late(answered(Success)), late(asked(FoundSuccess, morning))} {
			wantEffects(t, wantState(t, sent(1).in(s), e, morning, s), LateSuccess, Ack)
		}
	}
}

func TestLateAnswerWithoutProofOfSuccessDecidesNothing(t *testing.T) {
	t.Parallel()
	for s := range states {
		for a := range Collision + 1 {
			if a == Success {
				continue
			}
			if s == Sending {
				wantEffects(t, wantState(t, sent(1), late(answered(a)), morning, s), Reread)
				continue
			}
			wantEffects(t, wantState(t, doubted(1).in(s), answered(a), morning, s), Reread)
		}
	}
}

func TestLateInquiryWithoutProofOfSuccessDecidesNothing(t *testing.T) {
	t.Parallel()
	for s := range states {
		for _, f := range []Finding{NoAnswer, FoundFailure, FoundRunning, NotFound, Contradiction} {
			e := readied(asked(f, later(time.Hour)))
			wantEffects(t, wantState(t, doubted(1).in(s), late(e), later(time.Hour), s), Reread)
		}
	}
}

func TestOutcomeNeverChangesOnceItIsFinal(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Succeeded, Failed, Rejected} {
		for _, e := range everyEvent() {
			step := decide(doubted(1).in(s), e, later(time.Hour), usual)
			if slices.Contains(step.Effects, Append) || slices.Contains(step.Effects, Send) {
				t.Errorf("%v after %+v: row %q does %v", s, e, step.Row, step.Effects)
			}
		}
	}
}

func TestUnresolvedIsOnlySettledNeverReopened(t *testing.T) {
	t.Parallel()
	for _, e := range everyEvent() {
		step := decide(doubted(1).in(Unresolved), e, later(time.Hour), usual)
		if slices.Contains(step.Effects, Append) && (!step.Proof || !step.Next.State.Final()) {
			t.Errorf("%+v: row %q leads to %v", e, step.Row, step.Next.State)
		}
	}
}

func TestEveryEventHasARowInEveryState(t *testing.T) {
	t.Parallel()
	for s := range states {
		for _, e := range everyEvent() {
			if step := decide(doubted(1).in(s), e, later(time.Hour), usual); step.Row == "no row" {
				t.Errorf("%v after %+v", s, e)
			}
		}
	}
}

func TestWaitingMeansThatNothingWasEverUnknown(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Sending, Unknown} {
		for _, e := range everyEvent() {
			c := repeated(2).in(s)
			c.Due = morning
			step := decide(c, e, later(time.Hour), usual)
			if step.Next.State == Waiting || step.Next.State == Rejected {
				t.Errorf("%v after %+v: row %q leads to %v", s, e, step.Row, step.Next.State)
			}
		}
	}
}

func TestNothingIsSentUnlessARecordSayingSoIsStoredFirst(t *testing.T) {
	t.Parallel()
	for _, r := range table {
		i := slices.Index(r.then, Send)
		if i >= 0 && (r.to != Sending || slices.Index(r.then, Append) != i-1) {
			t.Errorf("row %q sends after %v", r.name, r.then)
		}
	}
}

func TestNothingIsAcknowledgedUnlessWhatFollowsIsStored(t *testing.T) {
	t.Parallel()
	for _, r := range table {
		if i := slices.Index(r.then, Ack); i >= 0 && i != len(r.then)-1 {
			t.Errorf("row %q acknowledges before it does %v", r.name, r.then[i+1:])
		}
		if i := slices.Index(r.then, Append); i > 0 {
			t.Errorf("row %q does %v before its record is stored", r.name, r.then[:i])
		}
		stored := slices.Contains(r.then, Append)
		if stored != (r.to != stay) {
			t.Errorf("row %q leads to a state: %v, stores one: %v", r.name, r.to != stay, stored)
		}
	}
}

func TestWaitingAndUnknownAreNeverAcknowledgedWithoutASchedule(t *testing.T) {
	t.Parallel()
	for _, r := range table {
		acked := slices.Contains(r.then, Ack)
		if (r.to == Waiting || r.to == Unknown) && acked && !slices.Contains(r.then, Schedule) {
			t.Errorf("row %q leaves %v without a wait", r.name, r.to)
		}
	}
}

func TestEveryEarlyDeliverySchedulesAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []Core{waited(0), waited(2), doubted(1)} {
		step := wantState(t, c, delivered(), c.Due-1, c.State)
		wantEffects(t, step, Schedule, Ack)
		if step.At != c.Due {
			t.Errorf("%v is scheduled for %v, due at %v", c.State, step.At.Time(), c.Due.Time())
		}
	}
}

func TestTakeoverKeepsTheNonceAndTheSendersTimes(t *testing.T) {
	t.Parallel()
	p := usual
	p.Timeout, p.Quiet = 5*time.Minute, 5*time.Minute // settings differ between processes
	step := decide(sent(1), delivered(), sent(1).AskFrom, p)
	next := step.Next
	if next.State != Unknown || next.Nonce != 7 || next.AskFrom != sent(1).AskFrom || next.SendBy != sent(1).SendBy ||
		next.Quiet != time.Minute {
		t.Errorf("record %+v", next)
	}
	if next.FirstUnknown != 1 || next.FirstUnknownAt != morning {
		t.Errorf("first unknown send %d at %v", next.FirstUnknown, next.FirstUnknownAt.Time())
	}
}

func TestFirstUnknownSendIsNeverForgotten(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Sending, Unknown, Unresolved} {
		for _, e := range everyEvent() {
			c := repeated(2).in(s)
			next := decide(c, e, later(time.Hour), usual).Next
			if next.FirstUnknown != c.FirstUnknown || next.FirstUnknownAt != c.FirstUnknownAt {
				t.Errorf("%v after %+v: first unknown send %d at %v", s, e, next.FirstUnknown, next.FirstUnknownAt.Time())
			}
		}
	}
}

// everyEvent lists every event that decisions can tell apart, but for its times.
func everyEvent() []Event {
	var list []Event
	for e := range Collision + 1 {
		list = append(list, answered(e), late(answered(e)))
	}
	for f := range Contradiction + 1 {
		at := later(time.Hour)
		operator := asked(f, at)
		operator.Kind = OperatorInquired
		list = append(list, asked(f, at), readied(asked(f, at)), late(asked(f, at)), operator)
	}
	for _, s := range []State{Succeeded, Failed, Rejected} {
		list = append(list, Event{Kind: OperatorVerdict, Verdict: s})
	}
	broken, wakeUp := delivered(), delivered()
	broken.Job, broken.Same, wakeUp.Job = InvalidJob, false, WakeUp
	return append(list, delivered(), deliveredReady(Ready), deliveredReady(NotReady), tokenless(deliveredReady(Ready)),
		broken, wakeUp, Event{Kind: Cancelled}, Event{Kind: BroughtForward})
}
