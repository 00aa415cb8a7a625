package model

import (
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// unit is what the model counts time in: as long as the window of a send.
const unit = refund.SendWindow

// Keep says how long DOKU honours an identifier: a request that repeats one is
// not executed again.
type Keep uint8

// The ways in which an identifier is honoured.
const (
	NotKept  Keep = iota
	KeptDay       // from the arrival of a request that was not refused until that day's end
	KeptOpen      // as long as the refund is open
)

// Inquiry says what DOKU's status inquiry is worth.
type Inquiry uint8

// The kinds of inquiry.
const (
	Stale Inquiry = iota // may not show what happened, or show what was refused and not what was paid
	Empty                // never finds anything
	Exact                // tells the truth about every request that left longer than the quiet period ago
)

// Midnight says whose day it is that ends in the model's time.
type Midnight uint8

// The two midnights.
const (
	Jakarta Midnight = iota
	UTC
)

// DOKU is one way in which the other side, and what lies between, may behave.
// Where a field is a possibility, the model walks the paths with and without
// it. The zero value honours nothing and proves nothing.
type DOKU struct {
	Name string

	Keeps    Keep
	External bool // what is honoured is X-EXTERNAL-ID alone, not what stays the same forever
	Burned   bool // refused identifiers count as used
	Flaps    bool // a definite refusal now, and none when asked again
	Body     bool // a 409 may carry the stored answer
	Bare     bool // a 409 may carry none
	Over     bool // a second movement of the whole amount may be refused before the identifier is looked at
	Full     bool // the whole amount is never moved twice, whatever else
	Progress bool // accepted first, executed or refused later
	Inquiry  Inquiry
	Blank    bool // an inquiry may show no history, whatever happened

	Punctual bool // no request arrives later than DOKU_TIMEOUT after its send_by
	Prompt   bool // no worker stalls longer than the assumptions allow between the clock and the socket

	Never bool // REPEAT_AFTER_UNKNOWN=never
	Trust bool // REPEAT_AFTER_UNKNOWN=trust-inquiry

	Skew      int8 // how far the clock of worker A jumps, once, in units; 0: it does not
	Unnoticed bool // and the worker does not know

	// What the assumptions exclude.
	Copies    bool // something on the way repeats a request
	Strangers bool // somebody else uses our identifier
	Lies      bool // a refusal of what is executed
	Loses     bool // the ledger loses its last record, once

	Twice    bool // nothing is guaranteed but that money does not move twice
	Operator bool // acts at any time
	Unsure   bool // the acknowledgement of an append may be lost
	Spare    int8 // how many refusals and delays are in store

	Timeout  int8 // DOKU_TIMEOUT, in units
	Quiet    int8 // INQUIRY_DELAY, in units
	Step     int8 // how far the clock moves at once, in units
	Deadline int8 // in units from the start
	DayEnd   int8 // likewise
	Midnight Midnight
}

var midnights = [...]time.Time{
	Jakarta: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC),
	UTC:     time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
}

func (d *DOKU) policy() refund.Policy {
	p := refund.Policy{
		Timeout: time.Duration(d.Timeout) * unit, Quiet: time.Duration(d.Quiet) * unit,
		RetryDeadline: time.Hour, Repeat: refund.RepeatSameDay,
	}
	switch {
	case d.Never:
		p.Repeat = refund.RepeatNever
	case d.Trust:
		p.Repeat = refund.RepeatTrustInquiry
	}
	return p
}

// first is when a walk begins: so late that no clock shows a time before 1, for
// 0 stands for none.
func (d *DOKU) first() int8 { return 1 - min(d.Skew, 0) }

// last is when the clock stops: the last question is asked by then, and an
// operator's verdict is taken.
func (d *DOKU) last() int8 { return d.Deadline + d.Timeout + 2*d.Quiet + 1 }

// start is the instant of which all others are counted; 0 stands for none.
func (d *DOKU) start() refund.Time {
	return refund.At(midnights[d.Midnight]).Add(-time.Duration(d.DayEnd) * unit)
}

// tooLate reports whether r can no longer arrive. An inquiry that is exact has
// seen all that left longer than the quiet period ago.
func (d *DOKU) tooLate(r request, now int8) bool {
	return d.Punctual && now > r.by+d.Timeout || d.Inquiry == Exact && now > r.left+d.Quiet
}

// stalledTooLong reports whether a worker that looked at the clock by send_by
// may not be still on its way to the socket. The assumption takes twenty
// seconds off the timeout for clocks that differ; here one unit stands for
// them.
func (d *DOKU) stalledTooLong(sendBy, now int8) bool {
	return d.Prompt && now > sendBy+d.Timeout-1
}

// bounded reports whether all that was sent is over at some time.
func (d *DOKU) bounded() bool { return d.Punctual || d.Inquiry == Exact && d.Prompt }
