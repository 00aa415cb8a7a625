package refund

import (
	"testing"
	"time"
)

func operatorAsked(f Finding, at Time) Event {
	return Event{Kind: OperatorInquired, Finding: f, AskedAt: at}
}

func TestOperatorCancelsOnlyWhatWasNeverSent(t *testing.T) {
	t.Parallel()
	cancel := Event{Kind: Cancelled, Nonce: 9}
	for _, c := range []Core{{}, waited(0)} {
		step := wantState(t, c, cancel, morning, Rejected)
		wantEffects(t, step, Append)
		if step.Next.Code != CodeCancelled || step.Next.Sends != 0 {
			t.Errorf("record %+v", step.Next)
		}
	}
	for _, c := range []Core{waited(1), sent(1), doubted(1), doubted(1).in(Unresolved), waited(0).in(Rejected), sent(1).in(Succeeded)} {
		wantEffects(t, wantState(t, c, cancel, morning, c.State), Refuse)
	}
}

func TestOperatorBringsForwardOnlyWhatWaitsAndNeverBeforeNotBefore(t *testing.T) {
	t.Parallel()
	forward := Event{Kind: BroughtForward}
	c := waited(1)
	c.Due = later(5 * time.Hour)
	if step := wantState(t, c, forward, morning, Waiting); step.Next.Due != morning || step.At != morning {
		t.Errorf("due %v, wait fires at %v", step.Next.Due.Time(), step.At.Time())
	}
	c.NotBefore = later(time.Hour)
	if step := wantState(t, c, forward, morning, Waiting); step.Next.Due != c.NotBefore {
		t.Errorf("due %v before not_before", step.Next.Due.Time())
	}
	for _, c := range []Core{{}, sent(1), doubted(1), doubted(1).in(Unresolved), sent(1).in(Failed)} {
		wantEffects(t, wantState(t, c, forward, morning, c.State), Refuse)
	}
}

func TestOperatorsInquiryNeverSendsNorAppliesTheDeadline(t *testing.T) {
	t.Parallel()
	end := doubted(1).Deadline
	for _, c := range []Core{doubted(1), doubted(1).in(Unresolved)} {
		for _, f := range []Finding{NoAnswer, FoundRunning, NotFound, Contradiction} {
			e := operatorAsked(f, end)
			e.Ready = Ready
			wantEffects(t, wantState(t, c, e, end, c.State), Refuse)
			e.AskedAt = c.AskFrom
			wantEffects(t, wantState(t, c, e, c.AskFrom, c.State), Refuse)
		}
	}
}

func TestOperatorsInquiryIsProofByTheRuleOfUnknown(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Unknown, Unresolved} {
		one, two := doubted(1).in(s), doubted(2).in(s)
		wantState(t, one, operatorAsked(FoundSuccess, morning), morning, Succeeded)
		wantState(t, two, operatorAsked(FoundSuccess, morning), morning, Succeeded)
		wantState(t, one, operatorAsked(FoundFailure, one.AskFrom-1), one.AskFrom, s)
		wantState(t, one, operatorAsked(FoundFailure, one.AskFrom), one.AskFrom, Failed)
		wantState(t, two, operatorAsked(FoundFailure, two.AskFrom), two.AskFrom, s)
	}
}

func TestOperatorsInquiryOutsideUnknownAndUnresolvedIsOnlyShown(t *testing.T) {
	t.Parallel()
	for _, c := range []Core{{}, sent(1), waited(1), sent(1).in(Succeeded), sent(1).in(Failed), waited(0).in(Rejected)} {
		for _, f := range []Finding{FoundSuccess, FoundFailure} {
			at := later(time.Hour)
			wantEffects(t, wantState(t, c, operatorAsked(f, at), at, c.State), Refuse)
		}
	}
}

func TestOperatorsVerdictSettlesOnlyUnresolvedAndFailedOnlyAfterTheQuietPeriod(t *testing.T) {
	t.Parallel()
	c := doubted(1).in(Unresolved)
	c.Quiet = 3 * time.Minute // the last sender's own, whatever the settings are now
	earliest := c.AskFrom.Add(3 * time.Minute)
	succeeded, failed := Event{Kind: OperatorVerdict, Verdict: Succeeded}, Event{Kind: OperatorVerdict, Verdict: Failed}
	wantState(t, c, succeeded, morning, Succeeded)
	wantEffects(t, wantState(t, c, failed, earliest-1, Unresolved), Refuse)
	wantState(t, c, failed, earliest, Failed)
	for s := range states {
		if s == Unresolved {
			continue
		}
		wantEffects(t, wantState(t, c.in(s), succeeded, earliest, s), Refuse)
		wantEffects(t, wantState(t, c.in(s), failed, earliest, s), Refuse)
	}
}

func TestOperatorsVerdictIsSucceededOrFailed(t *testing.T) {
	t.Parallel()
	for s := range states {
		if s == Succeeded || s == Failed {
			continue
		}
		e := Event{Kind: OperatorVerdict, Verdict: s}
		wantEffects(t, wantState(t, doubted(1).in(Unresolved), e, later(time.Hour), Unresolved), Refuse)
	}
}

func TestOperatorsInquiryNeverSettlesACollision(t *testing.T) {
	t.Parallel()
	for _, why := range []Code{CodeIdentifierCollision, CodeIdentifierUsed} {
		c := sent(1).in(Unresolved)
		c.Code = why
		for _, f := range []Finding{FoundSuccess, FoundFailure} {
			wantEffects(t, wantState(t, c, operatorAsked(f, c.AskFrom), c.AskFrom, Unresolved), Refuse)
		}
		word := Event{Kind: OperatorVerdict, Verdict: Succeeded}
		wantState(t, c, word, c.AskFrom, Succeeded)
	}
}
