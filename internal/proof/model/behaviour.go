package model

import "refundworker.example/refundworker/internal/proof/check"

// Behaviour is a DOKU, with the promise that holds there.
type Behaviour struct {
	DOKU

	Group  Group
	Broken check.Rule // what the design cannot prevent there; [check.Kept] under the assumptions
}

// Group is the assumption that a behaviour fulfils.
type Group uint8

// The conditions under which nothing is paid twice (docs/safety.md), and what
// lies outside of them.
const (
	Open    Group = iota // an identifier is honoured as long as the refund is open
	Day                  // or until the day's end, and no request is late
	Told                 // the inquiry tells the truth, and no worker stalls
	Alone                // nothing is sent again
	Outside              // none of these, or something that the assumptions exclude
)

var groupNames = [...]string{
	Open:    "Identifiers are honoured as long as the refund is open",
	Day:     "Identifiers are honoured until the day's end, and no request arrives late",
	Told:    "The inquiry tells the truth, and no worker stalls before the socket",
	Alone:   "REPEAT_AFTER_UNKNOWN=never",
	Outside: "Outside the assumptions",
}

// String returns the condition.
func (g Group) String() string { return groupNames[g] }

// The conditions, at their barest: all that a condition does not promise is as
// bad as it can be. In each there is time for a send, a question, a repeat and
// the last question; the clock jumps as far as the instants allow that matter.
var (
	open = DOKU{
		Keeps: KeptOpen, Body: true, Bare: true, Spare: 1,
		Step: 3, Timeout: 1, Quiet: 1, Deadline: 7, DayEnd: 100,
	}
	day = DOKU{
		Keeps: KeptDay, Punctual: true, Body: true, Bare: true, Spare: 1,
		Step: 2, Timeout: 1, Quiet: 1, Deadline: 8, DayEnd: 11,
	}
	told = DOKU{
		Inquiry: Exact, Prompt: true, Spare: 1,
		Step: 2, Timeout: 2, Quiet: 1, Deadline: 8, DayEnd: 100,
	}
	alone = DOKU{
		Never: true, Spare: 2,
		Step: 3, Timeout: 1, Quiet: 1, Deadline: 7, DayEnd: 100,
	}
)

// Names of behaviours under which mutation are shown.
const (
	amountFirst    = "the amount is looked at before the identifier"
	ahead          = "a worker's clock jumps ahead"
	bare           = "no identifier is honoured"
	bare409        = "a bare 409"
	behind         = "a worker's clock jumps behind"
	blank          = "trusted beyond the day's end; identifiers end with the day, and an absent history may be a lie"
	doubled        = "requests are repeated on the way, and none is refused"
	flapping       = "refusals that flap"
	unacknowledged = "appends whose acknowledgement is lost"
)

// but is d under another name, and changed.
func (d DOKU) but(name string, change func(*DOKU)) DOKU {
	d.Name = name
	change(&d)
	return d
}

// Behaviours lists what the documents leave open, one possibility at a time,
// then all of them at once, and at the end what the assumptions exclude.
func Behaviours() []Behaviour {
	var list []Behaviour
	add := func(g Group, dokus []DOKU) {
		for _, d := range dokus {
			list = append(list, Behaviour{DOKU: d, Group: g})
		}
	}
	add(Open, openDOKUs())
	add(Day, dayDOKUs())
	add(Told, toldDOKUs())
	add(Alone, aloneDOKUs())
	return append(list, outside()...)
}

func openDOKUs() []DOKU {
	return []DOKU{
		open.but("409 with the stored answer", func(d *DOKU) { d.Bare = false }),
		open.but(bare409, func(d *DOKU) { d.Body = false }),
		open.but(flapping, func(d *DOKU) { d.Flaps = true }),
		open.but("refused identifiers count as used", func(d *DOKU) { d.Burned = true }),
		open.but(amountFirst, func(d *DOKU) { d.Over = true }),
		open.but("in progress first", func(d *DOKU) { d.Progress = true }),
		open.but("an inquiry that finds nothing", func(d *DOKU) { d.Inquiry = Empty }),
		open.but("an operator at work", func(d *DOKU) { d.Operator = true }),
		open.but(unacknowledged, func(d *DOKU) { d.Unsure = true }),
		open.but("full refunds only, and no identifier is honoured", func(d *DOKU) { d.Keeps, d.Full = NotKept, true }),
		open.but("the ledger loses a write (not paid twice, and no more)", func(d *DOKU) {
			d.Loses, d.Twice, d.Flaps, d.Over, d.Deadline = true, true, true, true, 4
		}),
		open.but("requests are repeated on the way (not paid twice, and no more)", func(d *DOKU) {
			d.Copies, d.Twice, d.Flaps, d.Over = true, true, true, true
		}),
		open.but(doubled, func(d *DOKU) { d.Copies, d.Spare = true, 0 }),
		open.but("somebody else uses our identifier (not paid twice, and no more)", func(d *DOKU) { d.Strangers, d.Twice = true, true }),
		open.but("trusted beyond the day's end", func(d *DOKU) { d.Trust, d.DayEnd = true, 5 }),
		open.but("all at once", everything),
	}
}

func dayDOKUs() []DOKU {
	return []DOKU{
		day.but("the day ends in Jakarta, before the deadline", func(d *DOKU) { d.Deadline = 12 }),
		day.but("the day ends in UTC, after the deadline", func(d *DOKU) { d.Midnight, d.Deadline, d.DayEnd = UTC, 10, 13 }),
		day.but("the day ends at once", func(d *DOKU) { d.Deadline, d.DayEnd = 10, 5 }),
		day.but("X-EXTERNAL-ID alone is honoured", func(d *DOKU) { d.External = true }),
		day.but(flapping, func(d *DOKU) { d.Flaps, d.Over = true, true }),
		day.but("refused identifiers count as used", func(d *DOKU) { d.External, d.Burned = true, true }),
		day.but("in progress first", func(d *DOKU) { d.Progress, d.Spare = true, 0 }),
		day.but("an operator at work", func(d *DOKU) { d.Operator, d.Spare = true, 0 }),
		day.but(ahead, clockAhead),
		day.but(behind, clockBehind),
	}
}

func toldDOKUs() []DOKU {
	return []DOKU{
		told.but(bare, func(*DOKU) {}),
		told.but(flapping, func(d *DOKU) { d.Flaps = true }),
		told.but("in progress first", func(d *DOKU) { d.Progress = true }),
		told.but("an operator at work", func(d *DOKU) { d.Operator = true }),
		told.but(unacknowledged, func(d *DOKU) { d.Unsure = true }),
		told.but("trusted beyond the day's end", trusting),
		told.but("trusted beyond the day's end, refusals that flap", func(d *DOKU) { trusting(d); d.Flaps = true }),
		told.but("trusted beyond the day's end, an operator at work", func(d *DOKU) { trusting(d); d.Operator = true }),
		told.but(blank, func(d *DOKU) {
			trusting(d)
			d.Keeps, d.Punctual, d.Body, d.Blank, d.DayEnd = KeptDay, true, true, true, 11
			d.Deadline = 14
		}),
		told.but(ahead, clockAhead),
		told.but(behind, clockBehind),
		told.but("all at once", func(d *DOKU) { everything(d); d.Deadline = 6 }),
	}
}

func aloneDOKUs() []DOKU {
	return []DOKU{
		alone.but(bare, func(*DOKU) {}),
		alone.but("all at once", func(d *DOKU) { everything(d); d.Spare = 1 }),
	}
}

// everything that the documents leave open may happen.
func everything(d *DOKU) {
	d.Flaps, d.Over, d.Progress, d.Operator, d.Unsure = true, true, true, true, true
}

// trusting is REPEAT_AFTER_UNKNOWN=trust-inquiry, and a day that ends before
// anything could be repeated within it.
func trusting(d *DOKU) { d.Trust, d.DayEnd = true, 4 }

// The clock of one worker jumps by more than an attempt takes. Workers are no
// longer alike, which doubles the worlds: there is just time for one repeat.
func clockAhead(d *DOKU) { d.Skew, d.Spare, d.Deadline = 4, 0, d.Deadline-2 }

func clockBehind(d *DOKU) {
	clockAhead(d)
	d.Skew = -d.Skew
	d.Deadline -= d.Skew // a walk begins later
}

// outside lists what the assumptions exclude, and what comes of it.
func outside() []Behaviour {
	list := []Behaviour{}
	add := func(d DOKU, broken check.Rule) {
		list = append(list, Behaviour{DOKU: d, Group: Outside, Broken: broken})
	}
	add(told.but("no identifier is honoured, and the inquiry is late or stale", func(d *DOKU) { d.Inquiry = Stale }), check.PaidTwice)
	add(told.but("the inquiry tells the truth, and a worker stalls before the socket", func(d *DOKU) { d.Prompt = false }), check.PaidTwice)
	add(day.but("honoured until the day's end, and a request arrives late", func(d *DOKU) { d.Punctual = false }), check.PaidTwice)
	add(told.but("trusted beyond the day's end, and the inquiry is late or stale", func(d *DOKU) {
		trusting(d)
		d.Inquiry = Stale
	}), check.PaidTwice)
	add(told.but("trusted beyond the day's end, and a worker stalls before the socket", func(d *DOKU) {
		trusting(d)
		d.Prompt = false
	}), check.PaidTwice)
	add(day.but("trusted beyond the day's end, and identifiers are honoured until then", func(d *DOKU) {
		trusting(d)
	}), check.PaidTwice)
	add(told.but("the inquiry tells the truth, and a worker does not know that its clock is ahead", func(d *DOKU) {
		clockAhead(d)
		d.Unnoticed = true
	}), check.PaidTwice)
	add(told.but("the inquiry tells the truth, and a worker does not know that its clock is behind", func(d *DOKU) {
		clockBehind(d)
		d.Unnoticed = true
	}), check.PaidTwice)
	add(told.but("the inquiry tells the truth, and requests are repeated on the way", func(d *DOKU) { d.Copies = true }), check.PaidTwice)
	add(alone.but("nothing is sent again, but for requests repeated on the way", func(d *DOKU) { d.Copies = true }), check.PaidTwice)
	add(told.but("the inquiry tells the truth, and the ledger loses a write", func(d *DOKU) { d.Loses, d.Twice = true, true }), check.PaidTwice)
	add(day.but("honoured until the day's end, and the ledger loses a write", func(d *DOKU) {
		d.Loses, d.Twice, d.DayEnd = true, true, 5
	}), check.PaidTwice)
	add(alone.but("nothing is sent again, and the ledger loses a write", func(d *DOKU) { d.Loses, d.Twice = true, true }), check.PaidTwice)
	add(day.but("X-EXTERNAL-ID alone is honoured, and refusals are lies (whether or not they are reported)", func(d *DOKU) {
		d.External, d.Lies, d.Twice = true, true, true
	}), check.PaidTwice)
	add(open.but("honoured as long as open, and refusals are lies", func(d *DOKU) { d.Lies = true }), check.PaidUnseen)
	add(open.but("somebody else uses our identifier", func(d *DOKU) { d.Strangers = true }), check.PaidNever)
	return list
}

// Title names a behaviour together with the condition that holds.
func (b Behaviour) Title() string { return b.Group.String() + ": " + b.Name }
