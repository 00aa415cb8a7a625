package refund

// Machine runs the state machine for one event in one process. Whoever carries
// effects out (the worker, an operator's action, the model, the simulation)
// lets it decide, carries out the effects that it names, and tells it what was
// observed. It is comparable, and forgotten when the process dies.
//
//	m := Start(record, event).Decide(now, policy)
//	for effect, more := m.Effect(); more; effect, more = m.Effect() {
//		// carry effect out, then either m = m.Advance(), or, where something
//		// was observed, m = m.Observe(event).Decide(now, policy)
//	}
type Machine struct {
	core    Core
	event   Event
	next    Core
	at      Time
	row     int16 // of the table, while effects are left
	done    uint8 // effects carried out
	decided bool
}

// Start returns a machine that has to decide on e, from the record c.
func Start(c Core, e Event) Machine { return Machine{core: c, event: e} }

// Decide finds the row that matches. It changes nothing where that is done
// already.
func (m Machine) Decide(now Time, p Policy) Machine {
	if m.decided {
		return m
	}
	s := situation{core: m.core, event: m.event, now: now, policy: p}
	for i := range table {
		if table[i].matches(s) {
			m.next, m.at = table[i].apply(s)
			m.row, m.done, m.decided = int16(i), 0, true
			return m
		}
	}
	panic("no row for " + m.core.State.String()) // a test reaches every state by every event
}

// Effect returns what has to be done next; false when nothing is left.
func (m Machine) Effect() (Effect, bool) {
	if effects := table[m.row].then; m.decided && int(m.done) < len(effects) {
		return effects[m.done], true
	}
	return 0, false
}

// Core returns the record that is decided from.
func (m Machine) Core() Core { return m.core }

// Event returns the event that is decided on.
func (m Machine) Event() Event { return m.event }

// Next returns the record to append.
func (m Machine) Next() Core { return m.next }

// At returns when the message to schedule is due.
func (m Machine) At() Time { return m.at }

// Row returns the name of the row that matched.
func (m Machine) Row() string { return table[m.row].name }

// Proof reports whether the record to append settles the refund by what DOKU or
// an operator said.
func (m Machine) Proof() bool { return table[m.row].proof }

// HoldsAnswer reports whether the record to append holds what DOKU answered: it
// must not be lost while the process lives.
func (m Machine) HoldsAnswer() bool { return m.event.Kind == SendEnded || m.Proof() }

// NeedsClock reports whether the next effect depends on the time that this
// process believes it is. An answer of DOKU's is recorded whatever the clock
// says, and so is an inquiry's success; a send that was announced must end, if
// with no byte sent.
func (m Machine) NeedsClock() bool {
	if m.event.Kind == SendEnded || m.event.Kind == InquiryEnded && m.event.Finding == FoundSuccess {
		return false
	}
	effect, _ := m.Effect()
	return effect != Send
}

// Advance continues to the next effect. After [Append] the appended record is the
// one that is decided from.
func (m Machine) Advance() Machine {
	if effect, _ := m.Effect(); effect == Append {
		m.core = m.next
	}
	m.done++
	return m
}

// Observe continues with the event that an effect led to: [Prepare], [Send] and
// [Inquire] lead to one, on the same record.
func (m Machine) Observe(e Event) Machine { return Start(m.core, e) }

// Moved continues from an append that was refused because c is the refund's
// record now. What was learned from DOKU is compared with c, no longer as the
// owner of the record; a delivery is looked at anew, as the event delivered.
// Where the record is gone (c is zero), what this process knows itself remains:
// that the refund may have been sent.
func (m Machine) Moved(c Core, delivered Event) Machine {
	if c.State == None {
		c = m.core
		c.State = None
	}
	e := m.event
	e.Own = false
	if e.Kind == Delivered {
		e = delivered
	}
	return Start(c, e)
}
