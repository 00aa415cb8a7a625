package refund

// Handling is where the handling of one event in one process stands: between
// two effects. It is the one interpreter of steps; whoever carries effects out
// (the worker, a model, a simulation) asks it for the next, does it, and tells
// it how that went. It is comparable, and forgotten when the process dies.
type Handling struct {
	core    Core
	event   Event
	next    Core
	at      Time
	row     int16 // of the table, while effects are left
	done    uint8 // effects carried out
	decided bool
}

// Begin starts a handling of e on the record c.
func Begin(c Core, e Event) Handling { return Handling{core: c, event: e} }

// Decide decides what follows, where that is open.
func (h Handling) Decide(now Time, p Policy) Handling {
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
func (h Handling) Effect() (Effect, bool) {
	if effects := table[h.row].then; h.decided && int(h.done) < len(effects) {
		return effects[h.done], true
	}
	return 0, false
}

// Core returns the record that is decided from.
func (h Handling) Core() Core { return h.core }

// Event returns what is being handled.
func (h Handling) Event() Event { return h.event }

// Next returns the record to append, At when the wait to schedule fires.
func (h Handling) Next() Core { return h.next }

// At returns when the wait to schedule fires.
func (h Handling) At() Time { return h.at }

// Row returns the name of the row that was decided by.
func (h Handling) Row() string { return table[h.row].name }

// Proof reports whether what is appended settles the refund by what DOKU said.
func (h Handling) Proof() bool { return table[h.row].proof }

// Did goes on to the next effect. After [Append] the appended record is the one
// that is decided from.
func (h Handling) Did() Handling {
	if effect, _ := h.Effect(); effect == Append {
		h.core = h.next
	}
	h.done++
	return h
}

// Got goes on with what an effect led to: [Prepare], [Send] and [Ask] to an
// event on the same record.
func (h Handling) Got(e Event) Handling { return Begin(h.core, e) }

// Moved goes on from a refused append: c is the refund's record now. What was
// learned from DOKU is held against it, no longer as its owner; a delivery is
// looked at anew, as delivered makes it. A record that is gone (c is zero)
// leaves what this handling knows itself: that the refund may have been sent.
func (h Handling) Moved(c Core, delivered Event) Handling {
	if c.State == None {
		c = h.core
		c.State = None
	}
	e := h.event
	e.Own = false
	if e.Kind == Delivered {
		e = delivered
	}
	return Begin(c, e)
}
