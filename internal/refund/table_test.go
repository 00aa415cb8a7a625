package refund

import (
	"slices"
	"testing"
	"time"
)

// rowCase is one situation and all that must follow from it. Every field of
// the next record that the row does not speak of must stay as it was.
type rowCase struct {
	row     string
	core    Core
	event   Event
	now     Time
	next    Core
	at      Time
	effects []Effect
}

func TestEveryRowDoesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	for _, c := range rowCases() {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			step := decide(c.core, c.event, c.now, usual)
			if step.Row != c.row {
				t.Fatalf("row %q matched", step.Row)
			}
			if step.Next != c.next {
				t.Errorf("next record\n got %+v\nwant %+v", step.Next, c.next)
			}
			if !slices.Equal(step.Effects, c.effects) {
				t.Errorf("effects %v, want %v", step.Effects, c.effects)
			}
			if slices.Contains(c.effects, Schedule) && step.At != c.at {
				t.Errorf("wait fires at %v, want %v", step.At.Time(), c.at.Time())
			}
			if wantProof := settles(c.row); step.Proof != wantProof {
				t.Errorf("proof %v, want %v", step.Proof, wantProof)
			}
		})
	}
}

func TestEveryRowHasATestAndAName(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, c := range rowCases() {
		tested[decide(c.core, c.event, c.now, usual).Row] = true
	}
	named := map[string]bool{}
	for _, r := range table {
		if named[r.name] {
			t.Errorf("two rows are called %q", r.name)
		}
		named[r.name] = true
		if !tested[r.name] {
			t.Errorf("no test reaches row %q", r.name)
		}
	}
}

// settles names the rows that end a refund by what DOKU or an operator said,
// apart from the table's own column.
func settles(row string) bool {
	return slices.Contains([]string{
		"success", "definite no", "definite no replayed", "customer token refused", "late proof: answer", "proof: inquiry",
		"inquiry says no", "operator's inquiry: yes", "operator's inquiry: no", "operator's verdict: succeeded",
		"operator's verdict: failed",
	}, row)
}

func rowCases() []rowCase {
	return slices.Concat(anyRecordCases(), noRecordCases(), ownAnswerCases(), movedOnCases(), waitingCases(), unknownCases(),
		operatorCases())
}

// to returns c as a row leaves it: in state s, for the reason w, due when due.
func (c Core) to(s State, w Code, due Time) Core {
	c.State, c.Code, c.Due = s, w, due
	return c
}

// again returns c with one more send, recorded at now.
func (c Core) again(now Time, w Code) Core {
	c = c.to(Sending, w, 0)
	c.Sends++
	c.Nonce, c.SendBy, c.AskFrom, c.Quiet = 9, now.Add(10*time.Second), now.Add(130*time.Second), time.Minute
	return c
}

// doubtful returns c with its last send marked as the first unknown one.
func (c Core) doubtful() Core {
	c.FirstUnknown, c.FirstUnknownAt = c.Sends, c.SendBy.Add(-10*time.Second)
	return c
}

func (c Core) delayed(n int32) Core {
	c.Delays = n
	return c
}

var (
	onlyAck      = []Effect{Ack}
	onlyReread   = []Effect{Reread}
	ending       = []Effect{Append, Ack}
	waiting      = []Effect{Append, Schedule, Ack}
	waitingAgain = []Effect{Schedule, Ack}
)

func anyRecordCases() []rowCase {
	other := delivered()
	other.Same = false
	failed, rejected := doubted(1).in(Failed), waited(0).in(Rejected)
	return []rowCase{
		{"refund_id taken", sent(1), other, morning, sent(1), 0, []Effect{DeadLetter, Ack}},
		{"late success: answer", failed, late(answered(Success)), morning, failed, 0, []Effect{LateSuccess, Ack}},
		{"late success: inquiry", rejected, late(asked(FoundSuccess, morning)), morning, rejected, 0, []Effect{LateSuccess, Ack}},
		{"already ended", sent(1).in(Succeeded), delivered(), morning, sent(1).in(Succeeded), 0, onlyAck},
	}
}

func noRecordCases() []rowCase {
	wakeUp, bad, expired, early := delivered(), delivered(), delivered(), delivered()
	wakeUp.Job = WakeUp
	bad.Job, bad.Code = InvalidJob, CodeCardNumber
	expired.Deadline = morning
	early.NotBefore = later(time.Hour)
	first := Core{Nonce: 9, Deadline: later(24 * time.Hour)}
	expiredFirst, earlyFirst := first, first
	expiredFirst.Deadline = morning
	earlyFirst.NotBefore, earlyFirst.Deadline = later(time.Hour), later(25*time.Hour)
	soon := later(2 * time.Second)
	return []rowCase{
		{"wake-up without a record", Core{}, wakeUp, morning, Core{}, 0, onlyAck},
		{"bad job", Core{}, bad, morning, first.to(Rejected, CodeCardNumber, 0), 0, ending},
		{"expired before the first send", Core{}, expired, morning, expiredFirst.to(Rejected, CodeDeadlineExceeded, 0), 0, ending},
		{
			"no customer token in the job", Core{}, tokenless(delivered()), morning,
			first.to(Rejected, CodeCustomerTokenInvalid, 0), 0, ending,
		},
		{"too early", Core{}, early, morning, earlyFirst.to(Waiting, CodeNotBefore, later(time.Hour)), later(time.Hour), waiting},
		{"get ready", Core{}, delivered(), morning, Core{}, 0, []Effect{Prepare}},
		{"not ready", Core{}, deliveredReady(NotReady), morning, first.to(Waiting, CodeNotReady, soon).delayed(1), soon, waiting},
		{"first send", Core{}, deliveredReady(Ready), morning, first.again(morning, CodeSend), 0, []Effect{Append, Send}},
	}
}

func ownAnswerCases() []rowCase {
	now := later(5 * time.Second)
	soon, quiet := later(7*time.Second), later(65*time.Second)
	replay := answered(DefiniteNo)
	replay.Replay = true
	return []rowCase{
		{"success", sent(1), answered(Success), now, sent(1).to(Succeeded, CodeAnswered, 0), 0, ending},
		{"definite no", sent(1), answered(DefiniteNo), now, sent(1).to(Failed, CodeAnswered, 0), 0, ending},
		{"definite no replayed", repeated(2), replay, now, repeated(2).to(Failed, CodeAnswered, 0), 0, ending},
		{"customer token refused", sent(1), answered(CustomerTokenRefused), now, sent(1).to(Failed, CodeCustomerTokenInvalid, 0), 0, ending},
		{
			"refusal replayed", sent(2), answered(ReplayedRefusal), now,
			sent(2).to(Waiting, CodeNotExecuted, soon).delayed(1), soon, waiting,
		},
		{"collision after a refusal", sent(2), answered(Collision), now, sent(2).to(Unresolved, CodeIdentifierUsed, 0), 0, ending},
		{"collision", sent(1), answered(Collision), now, sent(1).to(Unresolved, CodeIdentifierCollision, 0), 0, ending},
		{
			"not executed", sent(1), answered(NotExecuted), now,
			sent(1).to(Waiting, CodeNotExecuted, soon).delayed(1), soon, waiting,
		},
		{
			"no proof", sent(3).delayed(2), answered(NoProof), now,
			sent(3).to(Unknown, CodeNoAnswer, quiet).doubtful(), quiet, waiting,
		},
	}
}

func movedOnCases() []rowCase {
	after := later(130 * time.Second)
	return []rowCase{
		{
			"late proof: answer", doubted(2), late(answered(Success)), after,
			doubted(2).to(Succeeded, CodeAnswered, 0), 0, ending,
		},
		{
			"proof: inquiry", doubted(1), asked(FoundSuccess, after), after,
			doubted(1).to(Succeeded, CodeInquiry, 0), 0, ending,
		},
		{"late answer", doubted(1), late(answered(DefiniteNo)), after, doubted(1), 0, onlyReread},
		{"late inquiry", repeated(2), late(asked(FoundFailure, after)), after, repeated(2), 0, onlyReread},
		{"another sends", sent(1), delivered(), after - 1, sent(1), after, waitingAgain},
		{
			"takeover", sent(1), delivered(), after,
			sent(1).to(Unknown, CodeTakenOver, after).doubtful(), 0, []Effect{Append, Inquire},
		},
	}
}

func waitingCases() []rowCase {
	due, end := later(time.Minute), later(24*time.Hour)
	next := due.Add(2 * time.Second)
	return []rowCase{
		{"never sent, given up", waited(0), delivered(), end, waited(0).to(Rejected, CodeDeadlineExceeded, 0), 0, ending},
		{"never executed, given up", waited(1), delivered(), end, waited(1).to(Failed, CodeDeadlineExceeded, 0), 0, ending},
		{"waiting, early", waited(1), delivered(), due - 1, waited(1), due, waitingAgain},
		{
			"never sent, customer token missing", waited(0), tokenless(delivered()), due,
			waited(0).to(Rejected, CodeCustomerTokenInvalid, 0), 0, ending,
		},
		{
			"customer token missing", waited(1), tokenless(delivered()), due,
			waited(1).to(Failed, CodeCustomerTokenInvalid, 0), 0, ending,
		},
		{"waiting, get ready", waited(1), delivered(), due, waited(1), 0, []Effect{Prepare}},
		{
			"waiting, not ready", waited(1).delayed(3), deliveredReady(NotReady), due,
			waited(1).to(Waiting, CodeNotReady, next).delayed(4), next, waiting,
		},
		{"next send", waited(1), deliveredReady(Ready), due, waited(1).again(due, CodeSend), 0, []Effect{Append, Send}},
	}
}

func unknownCases() []rowCase {
	due, next, end := later(130*time.Second), later(132*time.Second), later(24*time.Hour)
	prepared := asked(NotFound, due)
	prepared.Ready = Ready
	return []rowCase{
		{"unknown, early", doubted(1), delivered(), later(119 * time.Second), doubted(1), later(2 * time.Minute), waitingAgain},
		{"ask", doubted(1), delivered(), later(2 * time.Minute), doubted(1), 0, []Effect{Inquire}},
		{"inquiry says no", doubted(1), asked(FoundFailure, due), due, doubted(1).to(Failed, CodeInquiry, 0), 0, ending},
		{
			"contradiction", doubted(1), asked(Contradiction, due), due,
			doubted(1).to(Unresolved, CodeContradictoryEvidence, 0), 0, ending,
		},
		{
			"asked for the last time", doubted(1), asked(NotFound, end), end,
			doubted(1).to(Unresolved, CodeOutcomeUnknown, 0), 0, ending,
		},
		{"unknown, get ready", doubted(1), asked(NotFound, due), due, doubted(1), 0, []Effect{Prepare}},
		{"repeat", doubted(1), prepared, due, doubted(1).again(due, CodeRepeat), 0, []Effect{Append, Send}},
		{
			"still unknown", doubted(1), asked(FoundRunning, due), due,
			doubted(1).to(Unknown, CodeInquiry, next).delayed(1), next, waiting,
		},
		{"inquiry out of place", waited(1), asked(NotFound, due), due, waited(1), 0, onlyReread},
	}
}

func operatorCases() []rowCase {
	after := later(time.Hour)
	open := doubted(1).in(Unresolved)
	yes, no := asked(FoundSuccess, after), asked(FoundFailure, after)
	yes.Kind, no.Kind = OperatorInquired, OperatorInquired
	held := waited(1)
	held.NotBefore = later(2 * time.Hour)
	return []rowCase{
		{
			"cancelled", waited(0), Event{Kind: Cancelled}, after,
			waited(0).to(Rejected, CodeCancelled, 0), 0, []Effect{Append},
		},
		{
			"brought forward", held, Event{Kind: BroughtForward}, after,
			held.to(Waiting, CodeBroughtForward, held.NotBefore), held.NotBefore, []Effect{Append, Schedule},
		},
		{"operator's inquiry: yes", open, yes, after, open.to(Succeeded, CodeInquiry, 0), 0, []Effect{Append}},
		{"operator's inquiry: no", open, no, after, open.to(Failed, CodeInquiry, 0), 0, []Effect{Append}},
		{
			"operator's verdict: succeeded", open, Event{Kind: OperatorVerdict, Verdict: Succeeded}, morning,
			open.to(Succeeded, CodeOperator, 0), 0, []Effect{Append},
		},
		{
			"operator's verdict: failed", open, Event{Kind: OperatorVerdict, Verdict: Failed}, later(190 * time.Second),
			open.to(Failed, CodeOperator, 0), 0, []Effect{Append},
		},
		{"not allowed", sent(1), Event{Kind: Cancelled}, after, sent(1), 0, []Effect{Refuse}},
	}
}
