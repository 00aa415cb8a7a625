package sim

import (
	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// account is one refund as the order system means it, with all that the streams
// and DOKU hold about it.
type account struct {
	n         int // in its batch
	id        string
	channel   channel.Channel
	channelNo int // the channel's number
	job       jobs.Job
	first     []byte // the message as it was first published
	customers []jobs.Customer
	spoilt    bool // first is not a good job
	// otherAmount: a job of one rupiah more was published under the identifier.
	otherAmount bool

	// In the streams.
	last       entry
	enqueued   []refund.Time  // when jobs under its identifier were stored
	states     []refund.State // of the records
	results    []refund.State // as a consumer of results reads them
	ended      refund.Time    // when the first result was stored
	wait       *wait          // stored, not fired
	queued     int            // messages not acknowledged
	deadLetter []byte         // the last dead letter under its identifier
	sentAt     refund.Time    // when the last send was recorded
	announced  []announced    // the sends that records announce
	busy       [processes]bool

	// At DOKU.
	payment  int64 // rupiah that can be given back
	fate     fate
	foreign  bool // somebody else has used our identifiers
	flying   int  // refund calls that left and will arrive
	requests []*request
	moved    int64
	times    int // that money moved
}

// entry is a record and where it is stored; seq 0: there is none.
type entry struct {
	record refund.Record
	seq    uint64
	stored refund.Time
}

// read is the last record as a worker decides from it.
func (a *account) read() entry {
	e := a.last
	e.record.Core = e.record.CoreStored(e.stored)
	return e
}

// fate is what DOKU's people, limits and rules make of a refund.
type fate uint8

const (
	grants   fate = iota
	declines      // always
	wavers        // each time anew
)

// deadline is when the refund is given up.
func (a *account) deadline() refund.Time {
	if a.last.seq > 0 && a.last.record.Deadline > 0 {
		return a.last.record.Deadline
	}
	return refund.At(a.job.Deadline)
}

// outside is what stands outside the worker about the refund.
func (a *account) outside() check.Refund {
	return check.Refund{
		ID: a.id, Amount: a.last.record.Job.Amount, Movements: a.times, Moved: a.moved,
		States: a.states, Results: a.results,
	}
}
