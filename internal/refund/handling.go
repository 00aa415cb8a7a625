package refund

// Machine is where the handling of one event in one process stands: between
// two effects. It is the one interpreter of steps; whoever carries effects out
// (the worker, a model, a simulation) asks it for the next, does it, and tells
// it how that went. It is comparable, and forgotten when the process dies.
type Machine struct {
	core    Core
	event   Event
	next    Core
	at      Time
	row     int16 // of the table, while effects are left
	done    uint8 // effects carried out
	decided bool
}

// Start starts a handling of e on the record c.
func Start(c Core, e Event) Machine { return Machine{core: c, event: e} }

// Decide decides what follows, where that is open.
func (h Machine) Decide(now Time, p Policy) Machine {
	if h.decided {
		return h
	}
	s := situation{core: h.core, event: h.event, now: now, policy: p}
	for i := range table {
		if table[i].matches(s) {
			step := table[i].apply(s)
			h.next, h.at, h.row, h.done, h.decided = step.Next, step.At, int16(i), 0, true
			return h
		}
	}
	panic("no row for " + h.core.State.String()) // a test reaches every state by every event
}

// Effect returns what has to be done next; false when the handling has ended.
func (h Machine) Effect() (Effect, bool) {
	if effects := table[h.row].then; h.decided && int(h.done) < len(effects) {
		return effects[h.done], true
	}
	return 0, false
}

// Core returns the record that is decided from.
func (h Machine) Core() Core { return h.core }

// Event returns what is being handled.
func (h Machine) Event() Event { return h.event }

// Next returns the record to append, At when the wait to schedule fires.
func (h Machine) Next() Core { return h.next }

// At returns when the wait to schedule fires.
func (h Machine) At() Time { return h.at }

// Row returns the name of the row that was decided by.
func (h Machine) Row() string { return table[h.row].name }

// Proof reports whether what is appended settles the refund by what DOKU said.
func (h Machine) Proof() bool { return table[h.row].proof }

// Advance goes on to the next effect. After [Append] the appended record is the one
// that is decided from.
func (h Machine) Advance() Machine {
	if effect, _ := h.Effect(); effect == Append {
		h.core = h.next
	}
	h.done++
	return h
}

// Observe goes on with what an effect led to: [Prepare], [Send] and [Inquire] to an
// event on the same record.
func (h Machine) Observe(e Event) Machine { return Start(h.core, e) }

// Moved goes on from a refused append: c is the refund's record now. What was
// learned from DOKU is held against it, no longer as its owner; a delivery is
// looked at anew, as delivered makes it. A record that is gone (c is zero)
// leaves what this handling knows itself: that the refund may have been sent.
func (h Machine) Moved(c Core, delivered Event) Machine {
	if c.State == None {
		c = h.core
		c.State = None
	}
	e := h.event
	e.Own = false
	if e.Kind == Delivered {
		e = delivered
	}
	return Start(c, e)
}
