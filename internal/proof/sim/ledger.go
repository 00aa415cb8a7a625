package sim

import (
	"encoding/json"
	"errors"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// What an append came to, besides stored.
var (
	// errMoved is returned where another record stands than the one expected.
	errMoved = errors.New("record has moved on")
	// errNotStored is returned where NATS stores nothing.
	errNotStored = errors.New("not stored")
	// errUncertain is returned where no answer came for longer than the caller
	// waits; the record may be stored.
	errUncertain = errors.New("uncertain")
)

// store appends with compare-and-set, and settles by reading what got no yes.
func (w *world) store(a *account, r refund.Record) error {
	for {
		switch {
		case !w.stores:
			return errNotStored
		case a.last.seq != r.Prev && !w.sharesBatch(a, r):
			return errMoved
		case w.chance(10): // refused for no reason of its own, as all members of a batch are for one: append again
			w.cover(appendRepeated)
			continue
		}
		w.keep(a, r)
		if w.chance(4) {
			return errUncertain
		}
		return nil
	}
}

// sharesBatch is a mutation: the server compares r with what stood before the
// batch, where the last record stood too.
func (w *world) sharesBatch(a *account, r refund.Record) bool {
	return w.mutation == sharedBatch && a.last.record.Prev == r.Prev
}

// keep stores the record. A result is read back as its consumers read it.
func (w *world) keep(a *account, r refund.Record) {
	w.sequence++
	if w.sequence%sampled == 0 {
		r = w.reread(a, r)
	}
	a.last = entry{record: r, seq: w.sequence, stored: w.now}
	a.states = append(a.states, r.State)
	w.checkRecord(a, &r)
	if r.State == refund.Sending {
		w.checkSending(a, &r)
	}
	if !r.State.Result() {
		return
	}
	if len(a.results) == 0 {
		a.ended = w.now
	}
	published := ledger.Result(&r)
	body := published.Encode()
	read, err := jobs.DecodeResult(body)
	if err != nil {
		w.problem("%s: %v", a.id, err)
		return
	}
	a.results = append(a.results, read.Status)
	w.checkResult(a, &r, read)
	w.report.results[r.State]++
	if r.State == refund.Succeeded {
		w.report.channels[a.channelNo]++
	}
	for _, v := range check.Secrets("results", body, tokenPrefix) {
		w.problem("%s: %v", a.id, v)
	}
}

// sampled: every so many records goes through its stored form; all of them
// would take as long as all the rest.
const sampled = 8

// reread is the record as it is read from the stream.
func (w *world) reread(a *account, r refund.Record) refund.Record {
	text, err := json.Marshal(r)
	if err != nil {
		w.problem("%s: %v", a.id, err)
		return r
	}
	for _, v := range check.Secrets("ledger", text, tokenPrefix) {
		w.problem("%s: %v", a.id, v)
	}
	var back refund.Record
	if err := json.Unmarshal(text, &back); err != nil || back.Core != r.Core || back.Identity != r.Identity || back.Job.Amount != r.Job.Amount {
		w.problem("%s: record reads back as another: %v", a.id, err)
	}
	return back
}

// appendTimeout is how long an append is tried that carries no answer.
const appendTimeout = 15 * time.Second
