package refund

// stay and verdictState stand in the column "to": no record follows, or the state
// that the operator's verdict names.
const (
	stay         = states
	verdictState = states + 1
)

type stateSet uint16

func in(list ...State) stateSet {
	var set stateSet
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

func (set stateSet) has(s State) bool { return set&(1<<s) != 0 }

type kindSet uint8

func on(list ...Kind) kindSet {
	var set kindSet
	for _, k := range list {
		set |= 1 << k
	}
	return set
}

func (set kindSet) has(k Kind) bool { return set&(1<<k) != 0 }

var (
	anyState  = in(None, Sending, Waiting, Unknown, Succeeded, Failed, Rejected, Unresolved)
	recorded  = anyState &^ in(None)
	anyResult = in(Succeeded, Failed, Rejected, Unresolved)
	openState = in(None, Waiting, Sending, Unknown, Unresolved)

	end  = []Effect{Append, Ack}
	wait = []Effect{Append, Schedule, Ack}
)

// row is one line of the transition table.
type row struct {
	name  string
	from  stateSet
	on    kindSet
	when  []guard
	to    State
	code  Code
	proof bool
	due   func(Core, situation) Core
	at    func(situation) Time // when the wait fires; nil: when the record falls due
	then  []Effect
}

// table is tried from the top; the first row that matches decides. It is the
// only place that says what may follow what: [Machine], its tests and
// docs/state-machine.md read it.
var table = []row{
	// What holds for every refund that has a record.
	{
		name: "refund_id taken", from: recorded, on: on(Delivered), when: []guard{not(isWakeUp), not(same)},
		to: stay, then: []Effect{DeadLetter, Ack},
	},
	{
		name: "late success: answer", from: in(Failed, Rejected), on: on(SendEnded), when: []guard{answeredSuccess},
		to: stay, then: []Effect{LateSuccess, Ack},
	},
	{
		name: "late success: inquiry", from: in(Failed, Rejected), on: on(InquiryEnded), when: []guard{foundSuccess},
		to: stay, then: []Effect{LateSuccess, Ack},
	},
	{name: "already ended", from: anyResult, on: on(Delivered), to: stay, then: []Effect{Ack}},

	// No record yet.
	{name: "wake-up without a record", from: in(None), on: on(Delivered), when: []guard{isWakeUp}, to: stay, then: []Effect{Ack}},
	{
		name: "bad job", from: in(None), on: on(Delivered), when: []guard{invalid},
		to: Rejected, code: CodeInvalidJob, then: end,
	},
	{
		name: "expired before the first send", from: in(None), on: on(Delivered), when: []guard{jobExpired},
		to: Rejected, code: CodeDeadlineExceeded, then: end,
	},
	{
		name: "no customer token in the job", from: in(None), on: on(Delivered), when: []guard{noCustomer},
		to: Rejected, code: CodeCustomerTokenInvalid, then: end,
	},
	{
		name: "too early", from: in(None), on: on(Delivered), when: []guard{tooEarly},
		to: Waiting, code: CodeNotBefore, due: dueAtNotBefore, then: wait,
	},
	{name: "get ready", from: in(None), on: on(Delivered), when: []guard{notChecked}, to: stay, then: []Effect{Prepare}},
	{
		name: "not ready", from: in(None), on: on(Delivered), when: []guard{notReady},
		to: Waiting, code: CodeNotReady, due: dueAfterDelay, then: wait,
	},
	{
		name: "first send", from: in(None), on: on(Delivered), when: []guard{ready},
		to: Sending, code: CodeSend, then: []Effect{Append, Send},
	},

	// The answer to our own send.
	{
		name: "success", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredSuccess},
		to: Succeeded, code: CodeAnswered, proof: true, then: end,
	},
	{
		name: "definite no", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredNo, neverUnknown},
		to: Failed, code: CodeAnswered, proof: true, then: end,
	},
	{
		name: "definite no replayed", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredNo, replayed},
		to: Failed, code: CodeAnswered, proof: true, then: end,
	},
	{
		name: "customer token refused", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredTokenRefused, neverUnknown},
		to: Failed, code: CodeCustomerTokenInvalid, proof: true, then: end,
	},
	{
		name: "refusal replayed", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredRefusal, neverUnknown},
		to: Waiting, code: CodeNotExecuted, due: dueAfterDelay, then: wait,
	},
	{
		name: "collision after a refusal", from: in(Sending), on: on(SendEnded),
		when: []guard{own, answeredCollision, neverUnknown, sentBefore},
		to:   Unresolved, code: CodeIdentifierUsed, then: end,
	},
	{
		name: "collision", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredCollision, neverUnknown},
		to: Unresolved, code: CodeIdentifierCollision, then: end,
	},
	{
		name: "not executed", from: in(Sending), on: on(SendEnded), when: []guard{own, answeredNotExecuted, neverUnknown},
		to: Waiting, code: CodeNotExecuted, due: dueAfterDelay, then: wait,
	},
	{
		name: "no proof", from: in(Sending), on: on(SendEnded), when: []guard{own},
		to: Unknown, code: CodeNoAnswer, due: dueAfterQuiet, then: wait,
	},

	// Proof in flight, though the record has moved on or was lost.
	{
		name: "late proof: answer", from: openState, on: on(SendEnded), when: []guard{answeredSuccess},
		to: Succeeded, code: CodeAnswered, proof: true, then: end,
	},
	{
		name: "proof: inquiry", from: openState, on: on(InquiryEnded), when: []guard{foundSuccess},
		to: Succeeded, code: CodeInquiry, proof: true, then: end,
	},
	{name: "late answer", from: anyState, on: on(SendEnded), to: stay, then: []Effect{Reread}},
	{name: "late inquiry", from: anyState, on: on(InquiryEnded), when: []guard{not(own)}, to: stay, then: []Effect{Reread}},

	// Another's send.
	{
		name: "another sends", from: in(Sending), on: on(Delivered), when: []guard{beforeAskFrom},
		to: stay, at: atAskFrom, then: []Effect{Schedule, Ack},
	},
	{
		name: "takeover", from: in(Sending), on: on(Delivered),
		to: Unknown, code: CodeTakenOver, due: dueNow, then: []Effect{Append, Inquire},
	},

	// Waiting: nothing was ever unknown.
	{
		name: "never sent, given up", from: in(Waiting), on: on(Delivered), when: []guard{neverSent, expired},
		to: Rejected, code: CodeDeadlineExceeded, then: end,
	},
	{
		name: "never executed, given up", from: in(Waiting), on: on(Delivered), when: []guard{expired},
		to: Failed, code: CodeDeadlineExceeded, then: end,
	},
	{
		name: "waiting, early", from: in(Waiting), on: on(Delivered), when: []guard{beforeDue},
		to: stay, at: atDue, then: []Effect{Schedule, Ack},
	},
	{
		name: "never sent, customer token missing", from: in(Waiting), on: on(Delivered), when: []guard{neverSent, noCustomer},
		to: Rejected, code: CodeCustomerTokenInvalid, then: end,
	},
	{
		name: "customer token missing", from: in(Waiting), on: on(Delivered), when: []guard{noCustomer},
		to: Failed, code: CodeCustomerTokenInvalid, then: end,
	},
	{name: "waiting, get ready", from: in(Waiting), on: on(Delivered), when: []guard{notChecked}, to: stay, then: []Effect{Prepare}},
	{
		name: "waiting, not ready", from: in(Waiting), on: on(Delivered), when: []guard{notReady},
		to: Waiting, code: CodeNotReady, due: dueAfterDelay, then: wait,
	},
	{
		name: "next send", from: in(Waiting), on: on(Delivered), when: []guard{ready},
		to: Sending, code: CodeSend, then: []Effect{Append, Send},
	},

	// Unknown: asked about, and only then perhaps sent again.
	{
		name: "unknown, early", from: in(Unknown), on: on(Delivered), when: []guard{beforeDue},
		to: stay, at: atDue, then: []Effect{Schedule, Ack},
	},
	{name: "ask", from: in(Unknown), on: on(Delivered), to: stay, then: []Effect{Inquire}},
	{
		name: "inquiry says no", from: in(Unknown), on: on(InquiryEnded), when: []guard{foundFailure, sentOnce},
		to: Failed, code: CodeInquiry, proof: true, then: end,
	},
	{
		name: "contradiction", from: in(Unknown), on: on(InquiryEnded), when: []guard{contradiction},
		to: Unresolved, code: CodeContradictoryEvidence, then: end,
	},
	{
		name: "asked for the last time", from: in(Unknown), on: on(InquiryEnded), when: []guard{lastAsked},
		to: Unresolved, code: CodeOutcomeUnknown, then: end,
	},
	{
		name: "unknown, get ready", from: in(Unknown), on: on(InquiryEnded), when: []guard{mayRepeat, notChecked},
		to: stay, then: []Effect{Prepare},
	},
	{
		name: "repeat", from: in(Unknown), on: on(InquiryEnded), when: []guard{mayRepeat, ready},
		to: Sending, code: CodeRepeat, then: []Effect{Append, Send},
	},
	{
		name: "still unknown", from: in(Unknown), on: on(InquiryEnded),
		to: Unknown, code: CodeInquiry, due: dueAfterDelay, then: wait,
	},
	{name: "inquiry out of place", from: anyState, on: on(InquiryEnded), to: stay, then: []Effect{Reread}},

	// The operator.
	{
		name: "cancelled", from: in(None, Waiting), on: on(Cancelled), when: []guard{neverSent},
		to: Rejected, code: CodeCancelled, then: []Effect{Append},
	},
	{
		name: "brought forward", from: in(Waiting), on: on(BroughtForward),
		to: Waiting, code: CodeBroughtForward, due: dueAtNotBefore, then: []Effect{Append, Schedule},
	},
	{
		name: "operator's inquiry: yes", from: in(Unknown, Unresolved), on: on(OperatorInquired), when: []guard{foundSuccess, not(collided)},
		to: Succeeded, code: CodeInquiry, proof: true, then: []Effect{Append},
	},
	{
		name: "operator's inquiry: no", from: in(Unknown, Unresolved), on: on(OperatorInquired),
		when: []guard{foundFailure, sentOnce, askedAfterAskFrom, not(collided)},
		to:   Failed, code: CodeInquiry, proof: true, then: []Effect{Append},
	},
	{
		name: "operator's verdict: succeeded", from: in(Unresolved), on: on(OperatorVerdict), when: []guard{verdictSucceeded},
		to: verdictState, code: CodeOperator, proof: true, then: []Effect{Append},
	},
	{
		name: "operator's verdict: failed", from: in(Unresolved), on: on(OperatorVerdict), when: []guard{verdictFailed},
		to: verdictState, code: CodeOperator, proof: true, then: []Effect{Append},
	},
	{
		name: "not allowed", from: anyState, on: on(Cancelled, BroughtForward, OperatorInquired, OperatorVerdict),
		to: stay, then: []Effect{Refuse},
	},
}
