package refund

// stay and decided stand in the column "to": no record follows, or the state
// that the operator's word names.
const (
	stay    = states
	decided = states + 1
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

// row is one line of the transition table of design.md §4.
type row struct {
	name  string
	from  stateSet
	on    kindSet
	when  []guard
	to    State
	why   Why
	proof bool
	due   func(Core, situation) Core
	at    func(situation) Time // when the wait fires; nil: when the record falls due
	then  []Effect
}

// table is tried from the top; the first row that matches decides. It is the
// only place that says what may follow what: Decide, its tests and
// docs/state-machine.md read it.
var table = []row{
	// What holds for every refund that has a record.
	{
		name: "refund_id taken", from: recorded, on: on(Delivered), when: []guard{not(isNudge), not(same)},
		to: stay, then: []Effect{DeadLetter, Ack},
	},
	{
		name: "late success: answer", from: in(Failed, Rejected), on: on(Answered), when: []guard{saysSuccess},
		to: stay, then: []Effect{LateSuccess, Ack},
	},
	{
		name: "late success: inquiry", from: in(Failed, Rejected), on: on(Asked), when: []guard{foundSuccess},
		to: stay, then: []Effect{LateSuccess, Ack},
	},
	{name: "already ended", from: anyResult, on: on(Delivered), to: stay, then: []Effect{Ack}},

	// No record yet.
	{name: "nudge without a record", from: in(None), on: on(Delivered), when: []guard{isNudge}, to: stay, then: []Effect{Ack}},
	{
		name: "bad job", from: in(None), on: on(Delivered), when: []guard{broken},
		to: Rejected, why: WhyInvalidJob, then: end,
	},
	{
		name: "expired before the first send", from: in(None), on: on(Delivered), when: []guard{jobExpired},
		to: Rejected, why: WhyDeadline, then: end,
	},
	{
		name: "no customer token in the job", from: in(None), on: on(Delivered), when: []guard{noCustomer},
		to: Rejected, why: WhyCustomerToken, then: end,
	},
	{
		name: "too early", from: in(None), on: on(Delivered), when: []guard{tooEarly},
		to: Waiting, why: WhyNotBefore, due: dueAtNotBefore, then: wait,
	},
	{name: "get ready", from: in(None), on: on(Delivered), when: []guard{notAsked}, to: stay, then: []Effect{Prepare}},
	{
		name: "not ready", from: in(None), on: on(Delivered), when: []guard{notReady},
		to: Waiting, why: WhyNotReady, due: dueAfterDelay, then: wait,
	},
	{
		name: "first send", from: in(None), on: on(Delivered), when: []guard{ready},
		to: Sending, why: WhySend, then: []Effect{Append, Send},
	},

	// The answer to our own send.
	{
		name: "success", from: in(Sending), on: on(Answered), when: []guard{own, saysSuccess},
		to: Succeeded, why: WhyAnswered, proof: true, then: end,
	},
	{
		name: "definite no", from: in(Sending), on: on(Answered), when: []guard{own, saysNo, neverUnknown},
		to: Failed, why: WhyAnswered, proof: true, then: end,
	},
	{
		name: "definite no replayed", from: in(Sending), on: on(Answered), when: []guard{own, saysNo, replayed},
		to: Failed, why: WhyAnswered, proof: true, then: end,
	},
	{
		name: "customer token refused", from: in(Sending), on: on(Answered), when: []guard{own, saysToken, neverUnknown},
		to: Failed, why: WhyCustomerToken, proof: true, then: end,
	},
	{
		name: "refusal replayed", from: in(Sending), on: on(Answered), when: []guard{own, saysRefusal, neverUnknown},
		to: Waiting, why: WhyNotExecuted, due: dueAfterDelay, then: wait,
	},
	{
		name: "collision after a refusal", from: in(Sending), on: on(Answered),
		when: []guard{own, saysCollision, neverUnknown, sentBefore},
		to:   Unresolved, why: WhyIdentifierUsed, then: end,
	},
	{
		name: "collision", from: in(Sending), on: on(Answered), when: []guard{own, saysCollision, neverUnknown},
		to: Unresolved, why: WhyCollision, then: end,
	},
	{
		name: "not executed", from: in(Sending), on: on(Answered), when: []guard{own, saysNotRun, neverUnknown},
		to: Waiting, why: WhyNotExecuted, due: dueAfterDelay, then: wait,
	},
	{
		name: "no proof", from: in(Sending), on: on(Answered), when: []guard{own},
		to: Unknown, why: WhyNoAnswer, due: dueAfterQuiet, then: wait,
	},

	// Proof in hand, though the record has moved on or was lost.
	{
		name: "late proof: answer", from: openState, on: on(Answered), when: []guard{saysSuccess},
		to: Succeeded, why: WhyAnswered, proof: true, then: end,
	},
	{
		name: "proof: inquiry", from: openState, on: on(Asked), when: []guard{foundSuccess},
		to: Succeeded, why: WhyAsked, proof: true, then: end,
	},
	{name: "late answer", from: anyState, on: on(Answered), to: stay, then: []Effect{Reconsider}},
	{name: "late inquiry", from: anyState, on: on(Asked), when: []guard{not(own)}, to: stay, then: []Effect{Reconsider}},

	// Another's send.
	{
		name: "another sends", from: in(Sending), on: on(Delivered), when: []guard{beforeAskFrom},
		to: stay, at: atAskFrom, then: []Effect{Schedule, Ack},
	},
	{
		name: "takeover", from: in(Sending), on: on(Delivered),
		to: Unknown, why: WhyTakenOver, due: dueNow, then: []Effect{Append, Ask},
	},

	// Waiting: nothing was ever unknown.
	{
		name: "never sent, given up", from: in(Waiting), on: on(Delivered), when: []guard{neverSent, expired},
		to: Rejected, why: WhyDeadline, then: end,
	},
	{
		name: "never executed, given up", from: in(Waiting), on: on(Delivered), when: []guard{expired},
		to: Failed, why: WhyDeadline, then: end,
	},
	{
		name: "waiting, early", from: in(Waiting), on: on(Delivered), when: []guard{beforeDue},
		to: stay, at: atDue, then: []Effect{Schedule, Ack},
	},
	{
		name: "never sent, customer token missing", from: in(Waiting), on: on(Delivered), when: []guard{neverSent, noCustomer},
		to: Rejected, why: WhyCustomerToken, then: end,
	},
	{
		name: "customer token missing", from: in(Waiting), on: on(Delivered), when: []guard{noCustomer},
		to: Failed, why: WhyCustomerToken, then: end,
	},
	{name: "waiting, get ready", from: in(Waiting), on: on(Delivered), when: []guard{notAsked}, to: stay, then: []Effect{Prepare}},
	{
		name: "waiting, not ready", from: in(Waiting), on: on(Delivered), when: []guard{notReady},
		to: Waiting, why: WhyNotReady, due: dueAfterDelay, then: wait,
	},
	{
		name: "next send", from: in(Waiting), on: on(Delivered), when: []guard{ready},
		to: Sending, why: WhySend, then: []Effect{Append, Send},
	},

	// Unknown: asked about, and only then perhaps sent again.
	{
		name: "unknown, early", from: in(Unknown), on: on(Delivered), when: []guard{beforeDue},
		to: stay, at: atDue, then: []Effect{Schedule, Ack},
	},
	{name: "ask", from: in(Unknown), on: on(Delivered), to: stay, then: []Effect{Ask}},
	{
		name: "inquiry says no", from: in(Unknown), on: on(Asked), when: []guard{foundFailure, sentOnce},
		to: Failed, why: WhyAsked, proof: true, then: end,
	},
	{
		name: "contradiction", from: in(Unknown), on: on(Asked), when: []guard{contradiction},
		to: Unresolved, why: WhyContradiction, then: end,
	},
	{
		name: "asked for the last time", from: in(Unknown), on: on(Asked), when: []guard{lastAsked},
		to: Unresolved, why: WhyOutcomeUnknown, then: end,
	},
	{
		name: "unknown, get ready", from: in(Unknown), on: on(Asked), when: []guard{mayRepeat, notAsked},
		to: stay, then: []Effect{Prepare},
	},
	{
		name: "repeat", from: in(Unknown), on: on(Asked), when: []guard{mayRepeat, ready},
		to: Sending, why: WhyRepeat, then: []Effect{Append, Send},
	},
	{
		name: "still unknown", from: in(Unknown), on: on(Asked),
		to: Unknown, why: WhyAsked, due: dueAfterDelay, then: wait,
	},
	{name: "inquiry out of place", from: anyState, on: on(Asked), to: stay, then: []Effect{Reconsider}},

	// The operator.
	{
		name: "cancelled", from: in(None, Waiting), on: on(Cancelled), when: []guard{neverSent},
		to: Rejected, why: WhyCancelled, then: []Effect{Append},
	},
	{
		name: "brought forward", from: in(Waiting), on: on(Forwarded),
		to: Waiting, why: WhyBroughtForward, due: dueAtNotBefore, then: []Effect{Append, Schedule},
	},
	{
		name: "operator's inquiry: yes", from: in(Unknown, Unresolved), on: on(OperatorAsked), when: []guard{foundSuccess, not(collided)},
		to: Succeeded, why: WhyAsked, proof: true, then: []Effect{Append},
	},
	{
		name: "operator's inquiry: no", from: in(Unknown, Unresolved), on: on(OperatorAsked),
		when: []guard{foundFailure, sentOnce, askedAfterAskFrom, not(collided)},
		to:   Failed, why: WhyAsked, proof: true, then: []Effect{Append},
	},
	{
		name: "operator's word: succeeded", from: in(Unresolved), on: on(Word), when: []guard{wordSucceeded},
		to: decided, why: WhyOperator, proof: true, then: []Effect{Append},
	},
	{
		name: "operator's word: failed", from: in(Unresolved), on: on(Word), when: []guard{wordFailed},
		to: decided, why: WhyOperator, proof: true, then: []Effect{Append},
	},
	{
		name: "not allowed", from: anyState, on: on(Cancelled, Forwarded, OperatorAsked, Word),
		to: stay, then: []Effect{Refuse},
	},
}
