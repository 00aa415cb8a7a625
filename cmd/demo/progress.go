package main

import (
	"cmp"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// tone is what colours are chosen by.
type tone uint8

const (
	idle tone = iota // not published, or on its way
	busy             // sent, or waiting for its next try
	good
	bad
	open // unresolved: a person must look
)

// line is one line of the table.
type row struct {
	name    string
	channel string
	what    string // what the simulator does, in words
	want    string // how it must end; empty: not a scenario
	amount  int64  // rupiah; 0: none known

	state   string
	tone    tone
	attempt int64
	sent    time.Time // of the last attempt, while it has no answer
	next    time.Time // when it is looked at again; zero: not planned
	note    string    // what it is in that state, or how it ended
	ended   string    // as [ending] says it; empty: not yet
	changed int       // number of the change that came last
}

// progress is what the table is drawn from. It has one owner, which applies what
// it is told in the order in which it was seen.
type progress struct {
	rows    []row
	byName  map[string]int
	bySeq   map[uint64]int    // messages that may become dead letters, by their number in REFUND_JOBS
	letters map[uint64]string // dead letters seen before their number was known
	changes int

	breakers map[string]string // channels whose circuit breaker is open, and why
	onChange func(row)         // of every change; may be nil
}

// newProgress has a line for every act.
func newProgress(acts []scenario) *progress {
	b := &progress{byName: map[string]int{}, bySeq: map[uint64]int{}, letters: map[uint64]string{}, breakers: map[string]string{}}
	for _, a := range acts {
		b.byName[a.name()] = len(b.rows)
		b.rows = append(b.rows, row{
			name: a.name(), channel: string(a.job.Channel), what: a.what, want: a.want, amount: a.job.Amount,
		})
	}
	return b
}

// find returns the line of that name, and makes one for a refund that is no
// scenario.
func (b *progress) find(name, channel string) int {
	i, ok := b.byName[name]
	if !ok {
		i = len(b.rows)
		b.byName[name] = i
		b.rows = append(b.rows, row{name: name, channel: channel, what: "not of the demo"})
	}
	return i
}

func (b *progress) change(i int, do func(*row)) {
	r := &b.rows[i]
	do(r)
	b.changes++
	r.changed = b.changes
	if b.onChange != nil {
		b.onChange(*r)
	}
}

// queued tells that a scenario is about to be published.
func (b *progress) queued(name string) {
	b.change(b.find(name, ""), func(r *row) { r.state = "queued" })
}

// posted tells that it is message seq of REFUND_JOBS.
func (b *progress) posted(name string, seq uint64) {
	b.bySeq[seq] = b.find(name, "")
	if reason, ok := b.letters[seq]; ok {
		b.deadLettered(seq, reason)
	}
}

// deadLettered tells that message seq became a dead letter.
func (b *progress) deadLettered(seq uint64, reason string) {
	i, ok := b.bySeq[seq]
	if !ok {
		b.letters[seq] = reason
		return
	}
	b.change(i, func(r *row) {
		r.state, r.tone, r.note, r.ended = "dead letter", bad, "kept in REFUND_DEAD: "+reason, "dead "+reason
	})
}

// recorded tells of a record that is not a result yet.
func (b *progress) recorded(rec refund.Record) {
	i := b.find(rec.Job.RefundID, string(rec.Job.Channel))
	b.change(i, func(r *row) {
		r.amount = cmp.Or(r.amount, rec.Job.Amount)
		r.state, r.tone, r.attempt = rec.State.String(), busy, int64(rec.Sends)
		r.note, r.next, r.sent = words(rec), rec.Due.Time(), time.Time{}
		if rec.State == refund.Sending {
			r.sent, r.next = rec.SentAt().Time(), rec.AskFrom.Time()
		}
	})
}

// settled tells of a result.
func (b *progress) settled(result jobs.Result) {
	i := b.find(result.RefundID, string(result.Channel))
	b.change(i, func(r *row) {
		r.amount = cmp.Or(r.amount, result.Amount)
		r.state, r.tone, r.attempt = result.Status.String(), tones[result.Status], result.Attempts
		r.next, r.sent, r.note, r.ended = time.Time{}, time.Time{}, outcome(result), ending(result)
	})
}

var tones = map[refund.State]tone{
	refund.Succeeded: good, refund.Failed: bad, refund.Rejected: bad, refund.Unresolved: open,
}

// reasons says in words why a record was written.
var reasons = map[refund.Code]string{
	refund.CodeNotBefore:      "not before its time",
	refund.CodeNotReady:       "no B2B token, or the channel pauses",
	refund.CodeSend:           "sent to DOKU",
	refund.CodeRepeat:         "not found: sent again, same ids",
	refund.CodeNotExecuted:    "not executed",
	refund.CodeNoAnswer:       "outcome unknown",
	refund.CodeTakenOver:      "its sender is gone: taken over",
	refund.CodeInquiry:        "asked, no proof yet",
	refund.CodeBroughtForward: "brought forward",
}

func words(rec refund.Record) string {
	text := cmp.Or(reasons[rec.Code], rec.Code.String())
	if rec.Response == nil || rec.State == refund.Sending {
		return text
	}
	if said := cmp.Or(rec.Response.Code, rec.Response.Message); said != "" {
		text += ": DOKU says " + said
	}
	return text
}

// outcome says in words how a refund ended.
func outcome(r jobs.Result) string {
	if r.Status != refund.Succeeded {
		return strings.TrimSuffix(r.Error.Code+": "+r.Error.Message, ": ")
	}
	text := "by " + string(r.Evidence)
	if r.RefundType != "" {
		text = r.RefundType + " " + text
	}
	return text
}

// otherwise lists the lines that ended in another way than the scenario says.
func (b *progress) otherwise() []row {
	var found []row
	for _, r := range b.rows {
		if r.want != "" && r.ended != r.want {
			found = append(found, r)
		}
	}
	return found
}
