package refund

import (
	"testing"
	"time"
)

func TestJobOfOtherContentIsADeadLetterAndLeavesTheRefundUntouched(t *testing.T) {
	t.Parallel()
	for s := Sending; s < states; s++ {
		for _, job := range []JobKind{ValidJob, InvalidJob} {
			c := doubted(1).in(s)
			e := deliveredReady(Ready)
			e.Job, e.Same = job, false
			step := wantState(t, c, e, later(time.Hour), s)
			wantEffects(t, step, DeadLetter, Ack)
			if step.Next != c {
				t.Errorf("record %+v", step.Next)
			}
		}
	}
}

func TestRecordedBrokenJobAgainIsJustAcknowledged(t *testing.T) {
	t.Parallel()
	e := delivered()
	e.Job, e.Code = InvalidJob, CodeInvalidJob
	step := wantState(t, Core{}, e, morning, Rejected)
	wantEffects(t, wantState(t, step.Next, e, later(time.Hour), Rejected), Ack)
}

func TestBrokenJobIsRejectedWithTheCodeOfItsRule(t *testing.T) {
	t.Parallel()
	for _, code := range []Code{CodeInvalidJob, CodeCardNumber} {
		e := tokenless(delivered()) // the rule comes before all else
		e.Job, e.Code, e.Deadline = InvalidJob, code, later(-time.Hour)
		if next := wantState(t, Core{}, e, morning, Rejected).Next; next.Code != code || next.Sends != 0 {
			t.Errorf("record %+v", next)
		}
	}
}

func TestSameJobAgainAfterAnyResultIsJustAcknowledged(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Succeeded, Failed, Rejected, Unresolved} {
		for _, e := range []Event{deliveredReady(Ready), tokenless(delivered())} {
			wantEffects(t, wantState(t, doubted(1).in(s), e, doubted(1).Deadline, s), Ack)
		}
	}
}

func TestWakeUpNeverStartsARefundAndIsNeverAConflict(t *testing.T) {
	t.Parallel()
	e := deliveredReady(Ready)
	e.Job, e.Same = WakeUp, false
	wantEffects(t, wantState(t, Core{}, e, morning, None), Ack)
	wantState(t, waited(1), e, later(time.Hour), Sending)
	wantEffects(t, wantState(t, doubted(1), e, later(time.Hour), Unknown), Inquire)
}

func TestWakeUpWithoutARequiredCustomerTokenEndsOnlyWhatIsNotUnknown(t *testing.T) {
	t.Parallel()
	e := tokenless(deliveredReady(Ready))
	e.Job = WakeUp
	for n, want := range map[int32]State{0: Rejected, 1: Failed, 2: Failed} {
		if why := wantState(t, waited(n), e, later(time.Hour), want).Next.Code; why != CodeCustomerTokenInvalid {
			t.Errorf("%d sends: why %v", n, why)
		}
	}
	at := later(time.Hour)
	wantEffects(t, wantState(t, doubted(1), e, at, Unknown), Inquire)
	step := wantState(t, doubted(1), tokenless(readied(asked(NotFound, at))), at, Unknown)
	wantEffects(t, step, Append, Schedule, Ack) // only inquiries go on
}

func TestMissingCustomerTokenIsNotLookedAtBeforeDue(t *testing.T) {
	t.Parallel()
	for n := range int32(2) {
		c := waited(n)
		wantEffects(t, wantState(t, c, tokenless(delivered()), c.Due-1, Waiting), Schedule, Ack)
		wantState(t, c, deliveredReady(Ready), c.Due, Sending)
	}
}

func TestJobIsJudgedByItsRulesThenItsDeadlineThenItsToken(t *testing.T) {
	t.Parallel()
	e := tokenless(deliveredReady(Ready))
	e.NotBefore, e.Deadline = later(time.Hour), morning
	e.Job, e.Code = InvalidJob, CodeCardNumber
	for _, want := range []Code{CodeCardNumber, CodeDeadlineExceeded, CodeCustomerTokenInvalid} {
		if why := wantState(t, Core{}, e, morning, Rejected).Next.Code; why != want {
			t.Errorf("rejected for %v, want %v", why, want)
		}
		switch want {
		case CodeCardNumber:
			e.Job = ValidJob
		default:
			e.Deadline = 0
		}
	}
	e.NoCustomer = false
	wantState(t, Core{}, e, morning, Waiting)
}

func TestNothingIsPreparedBeforeItIsDue(t *testing.T) {
	t.Parallel()
	early := delivered()
	early.NotBefore = later(time.Hour)
	for _, step := range []step{
		wantState(t, Core{}, early, morning, Waiting),
		wantState(t, waited(1), delivered(), waited(1).Due-1, Waiting),
		wantState(t, doubted(1), delivered(), doubted(1).Due-1, Unknown),
	} {
		if step.Effects[0] == Prepare {
			t.Errorf("row %q prepares", step.Row)
		}
	}
}

func TestNothingIsPreparedForARepeatThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	at := utcEnd.Add(-time.Minute) // the day is nearly over
	wantEffects(t, wantState(t, doubted(1), asked(NotFound, at), at, Unknown), Append, Schedule, Ack)
}

func TestTimeLostWhilePreparingCounts(t *testing.T) {
	t.Parallel()
	asking := later(time.Hour)
	e := asked(NotFound, asking)
	wantEffects(t, wantState(t, doubted(1), e, asking, Unknown), Prepare)
	wantState(t, doubted(1), readied(e), jakartaEnd, Unknown)
	c := waited(1)
	wantEffects(t, wantState(t, c, delivered(), c.Due, Waiting), Prepare)
	wantState(t, c, deliveredReady(Ready), c.Deadline, Failed)
}

func TestAnothersYoungSendIsLeftAloneEvenPastTheDeadline(t *testing.T) {
	t.Parallel()
	c := sent(1)
	c.Deadline = later(time.Minute)
	step := wantState(t, c, deliveredReady(Ready), c.AskFrom-1, Sending)
	wantEffects(t, step, Schedule, Ack)
	if step.At != c.AskFrom {
		t.Errorf("wait fires at %v, want %v", step.At.Time(), c.AskFrom.Time())
	}
	wantEffects(t, wantState(t, c, delivered(), c.AskFrom, Unknown), Append, Inquire)
}

func TestEverySendIsAnnouncedWithItsOwnWindowAndNonce(t *testing.T) {
	t.Parallel()
	now := later(time.Hour)
	p := Policy{Timeout: 30 * time.Second, Quiet: 45 * time.Second, RetryDeadline: time.Hour, Repeat: RepeatSameDay}
	for _, c := range []struct {
		core  Core
		event Event
		sends int32
	}{
		{Core{}, deliveredReady(Ready), 1}, {waited(2), deliveredReady(Ready), 3}, {doubted(1), readied(asked(NotFound, now)), 2},
	} {
		next := decide(c.core, c.event, now, p).Next
		if next.Sends != c.sends || next.Nonce != 9 || next.Due != 0 || next.Quiet != 45*time.Second {
			t.Errorf("record %+v", next)
		}
		if next.SendBy != now.Add(10*time.Second) || next.AskFrom != now.Add(85*time.Second) || next.SentAt() != now {
			t.Errorf("send_by %v, ask_from %v", next.SendBy.Time(), next.AskFrom.Time())
		}
	}
}
