package model

import (
	"slices"

	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// decider is how a execution is decided; production's is [decide].
type decider func(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine

func decide(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	return refund.Start(c, e).Decide(now, p)
}

// Mutation is one thing done wrong on purpose: in what is decided, or in how it
// is carried out. The zero value is not a mutation.
type Mutation struct {
	Name string

	// Shown under a behaviour where nothing goes wrong without it.
	Group Group
	Under string
	Want  string // what [Outcome.Broken] then says

	decide decider

	newRequestID  bool // for every send
	newExternalID bool // for every send, an unknown one's repeat included
	ackFirst      func(next refund.State) bool
	sendFirst     bool // then recorded
	earlyAck      bool // an early delivery is acknowledged without a new schedule
	unscheduled   bool // a record is stored, and the message that it needs is not scheduled
	sendLate      bool // nobody looks at send_by
	nonceIsOwn    bool // a record with our nonce is taken for ours, whatever its state
	clockIgnored  bool // a worker that is not sure of its clock continues
	processOwns   bool // any delivery in the process that announced a send may make it
	sharesBatch   bool // two appends of the refund travel in one batch
}

// Mutations returns those that somebody might make, by name.
func Mutations() []Mutation {
	return slices.Concat(wrongDecisions(), wrongEffects())
}

// What [Outcome.Broken] says of them.
var (
	twice     = check.PaidTwice.String()
	unseen    = check.PaidUnseen.String()
	noPath    = check.NoPath.String()
	forgotten = "forgotten: open, with no wait and no message"
)

func wrongDecisions() []Mutation {
	return []Mutation{
		{Name: "over-refund refusal believed after an unknown", Group: Open, Under: amountFirst, Want: unseen, decide: believing(refund.DefiniteNo)},
		{Name: "any no believed after an unknown", Group: Open, Under: flapping, Want: unseen, decide: believing(allNos...)},
		{Name: "not now believed after an unknown", Group: Open, Under: flapping, Want: unseen, decide: believing(refund.NotExecuted)},
		{Name: "repeated after the day's end", Group: Day, Under: "the day ends at once", Want: twice, decide: nextDay},
		{Name: "repeated where that is forbidden", Group: Alone, Under: bare, Want: twice, decide: repeatAnyway},
		{Name: "inquiry's no believed while an earlier send is unknown", Group: Open, Under: flapping, Want: unseen, decide: anyNo},
		{Name: "no answer to an inquiry taken for not found", Group: Told, Under: bare, Want: twice, decide: noAnswerIsNotFound},
		{Name: "409 on the first send called failed", Group: Open, Under: doubled, Want: unseen, decide: collisionIsNo},
		{Name: "an absent history trusted beyond the day's end", Group: Told, Under: blank, Want: twice, decide: anyHistory},
		{Name: "taken over before ask_from", Group: Told, Under: bare, Want: twice, decide: earlyTakeover},
	}
}

func wrongEffects() []Mutation {
	return []Mutation{
		{Name: "new Request-Id after an unknown", Group: Open, Under: "409 with the stored answer", Want: twice, newRequestID: true},
		{Name: "fresh X-EXTERNAL-ID after an unknown", Group: Day, Under: "X-EXTERNAL-ID alone is honoured", Want: twice, newExternalID: true},
		{Name: "acknowledged before it is recorded", Group: Open, Under: bare409, Want: forgotten, ackFirst: isOpen},
		{Name: "result after the acknowledgement", Group: Open, Under: bare409, Want: forgotten, ackFirst: refund.State.Result},
		{Name: "sent before it is recorded", Group: Told, Under: bare, Want: twice, sendFirst: true},
		{Name: "early delivery acknowledged without a new schedule", Group: Open, Under: bare409, Want: forgotten, earlyAck: true},
		{Name: "recorded without a scheduled message", Group: Open, Under: bare409, Want: forgotten, unscheduled: true},
		{Name: "send_by ignored", Group: Told, Under: bare, Want: twice, sendLate: true},
		{Name: "record with our nonce in another state taken for our own", Group: Told, Under: unacknowledged, Want: noPath, nonceIsOwn: true},
		{Name: "a worker whose clock is ahead goes on", Group: Told, Under: ahead, Want: twice, clockIgnored: true},
		{Name: "a worker whose clock is behind goes on", Group: Told, Under: behind, Want: twice, clockIgnored: true},
		{Name: "second delivery in the same process taken for the owner", Group: Told, Under: bare, Want: twice, processOwns: true},
		{Name: "two appends of a refund in one batch", Group: Told, Under: bare, Want: forgotten, sharesBatch: true},
	}
}

// allNos are the answers that say that a request was not executed.
var allNos = []refund.Answer{refund.DefiniteNo, refund.NotExecuted, refund.ReplayedRefusal, refund.CustomerTokenRefused}

// isOpen says of which records [Mutation.ackFirst] comes too early: an announced
// send has no acknowledgement of its own.
func isOpen(s refund.State) bool { return s == refund.Waiting || s == refund.Unknown }

func believing(list ...refund.Answer) decider {
	return func(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
		if e.Kind == refund.SendEnded && e.Own && slices.Contains(list, e.Answer) {
			c.FirstUnknown, c.FirstUnknownAt = 0, 0
		}
		return decide(c, e, now, p)
	}
}

func nextDay(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	if e.Kind == refund.InquiryEnded && c.State == refund.Unknown {
		c.FirstUnknownAt = max(c.FirstUnknownAt, now)
	}
	return decide(c, e, now, p)
}

func repeatAnyway(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	p.Repeat = refund.RepeatSameDay
	return decide(c, e, now, p)
}

func anyNo(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	if e.Finding == refund.FoundFailure {
		c.Sends = 1
	}
	return decide(c, e, now, p)
}

func noAnswerIsNotFound(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	if e.Kind == refund.InquiryEnded && e.Finding == refund.NoAnswer {
		e.Finding = refund.NotFound
	}
	return decide(c, e, now, p)
}

func anyHistory(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	if e.Kind == refund.InquiryEnded && e.Finding == refund.NotFoundNoHistory {
		e.Finding = refund.NotFound
	}
	return decide(c, e, now, p)
}

func collisionIsNo(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	if e.Answer == refund.Collision {
		e.Answer = refund.DefiniteNo
	}
	return decide(c, e, now, p)
}

func earlyTakeover(c refund.Core, e refund.Event, now refund.Time, p refund.Policy) refund.Machine {
	if c.State == refund.Sending && e.Kind == refund.Delivered {
		c.AskFrom = min(c.AskFrom, now)
	}
	return decide(c, e, now, p)
}

// Place is the title of the behaviour under which the mutation is shown.
func (m Mutation) Place() string { return m.Group.String() + ": " + m.Under }
