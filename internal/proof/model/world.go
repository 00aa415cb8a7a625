package model

import "refundworker.example/refundworker/internal/refund"

// world is everything that can still make a difference, in bytes: it is hashed
// and compared millions of times. Instants are units from the start; 0: none.
type world struct {
	now    int8
	ledger core
	before core // what the ledger would fall back to; kept only where it may lose a record
	// deliveries says that a message is stored which nobody holds, or a wait.
	// The two are alike: a message may come at any time, and a wait may fire at
	// any time, for an older one takes a newer one with it. Several count as
	// one, which forgets a refund sooner than a real server would.
	message bool

	moved     int8 // movements of money
	movedLeft int8 // when the first executed request left its worker
	running   bool // DOKU has accepted a request and not executed it yet
	runKey    int8
	runLeft   int8
	refused   bool // some request was definitely refused
	stranger  bool // somebody else has used our identifier
	book      [keys]entry
	net       [2]request

	spare  int8 // refusals and delays in store
	copied bool
	lost   bool // the ledger has lost a record
	clock  clockState

	executions [2]execution
}

// clockState is how the clock of worker A stands.
type clockState uint8

const (
	right clockState = iota
	off
	setRight // it jumps no more
)

// keys is how many identifiers are told apart.
const keys = 4

// entry is what DOKU keeps of an identifier.
type entry uint8

const (
	fresh entry = iota
	accepted
	paid
	refusedForGood
	refusedForNow
)

// request is one that left a worker and has not arrived.
type request struct {
	live     bool
	owner    int8 // the execution that waits for its answer; -1: none
	key      int8
	left, by int8
}

// core is [refund.Core] less what no decision of the model depends on.
type core struct {
	state        refund.State
	collided     bool
	sends        int8
	firstUnknown int8
	due          int8
	sendBy       int8
	askFrom      int8
	firstAt      int8 // of the first unknown send
}

// event is [refund.Event], likewise.
type event struct {
	kind    refund.Kind
	ready   refund.Readiness
	own     bool
	replay  bool
	answer  refund.Answer
	finding refund.Finding
	asked   int8
	verdict refund.State
}

// phase is where a execution stands: at which effect.
type phase uint8

const (
	idle      phase = iota
	preparing       // core and event decide what follows
	appending       // likewise, decided at at
	sending         // core is announced, the clock not looked at yet
	looked          // on the way to the socket
	calling         // the request has left
	heard           // event is the answer, or the end of an inquiry, not decided on yet
	asking
	scheduling // then the message is acknowledged
	forwarding // operator: schedules, and that is all
	acking
)

// holding says what message an execution has.
type holding uint8

const (
	empty holding = iota
	single
	both // the other execution has the same one: it was delivered again
)

// execution is one execution in one worker, or an operator's.
type execution struct {
	phase  phase
	holds  holding
	stale  bool // the record has moved on since core was read
	unsure bool // the append was made and its acknowledgement lost
	mine   bool // the last record carries the nonce of the append; kept only where a mutation looks at it
	ahead  bool // has sent before recording; a mutation
	at     int8 // when it was decided; while sending: when the monotonic clock ends the time to send
	core   core
	event  event
}

// free takes the message out of execution i, if it holds one, without acknowledging
// it, and forgets the execution.
func (w *world) free(i int) {
	switch w.executions[i].holds {
	case single:
		w.message = true
	case both:
		w.executions[1-i].holds = single
	default:
	}
	w.abandon(i)
	w.executions[i] = execution{}
}

// acknowledge removes the message that execution i holds. The other
// execution's, if it is the same one, is gone with it.
func (w *world) acknowledge(i int) {
	if w.executions[i].holds == both {
		w.executions[1-i].holds = empty
	}
	w.executions[i].holds = empty
}

// abandon leaves execution i's request without anybody who waits for its answer.
func (w *world) abandon(i int) {
	for n, r := range w.net {
		if r.live && int(r.owner) == i {
			w.net[n].owner = -1
		}
	}
}

// forgotten reports whether the refund is open and nothing will ever look at it
// again.
func (w *world) forgotten() bool {
	return !w.ledger.state.Result() && !w.message &&
		w.executions[0].holds == empty && w.executions[1].holds == empty
}

// over reports whether nothing can happen any more that matters.
func (w *world) over() bool {
	return w.ledger.state.Final() && w.executions == [2]execution{} && w.net == [2]request{} && !w.running
}
