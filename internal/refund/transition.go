package refund

// situation is what guards look at.
type situation struct {
	core   Core
	event  Event
	now    Time
	policy Policy
}

func (r *row) matches(s situation) bool {
	if !r.from.has(s.core.State) || !r.on.has(s.event.Kind) {
		return false
	}
	for _, g := range r.when {
		if !g.holds(s) {
			return false
		}
	}
	return true
}

// apply returns the record that follows, and when a scheduled message is due.
func (r *row) apply(s situation) (next Core, at Time) {
	next = s.core
	if r.to != stay {
		next = r.enter(s)
	}
	if r.at != nil {
		return next, r.at(s)
	}
	return next, next.Due
}

// enter builds the record that the row leads to.
func (r *row) enter(s situation) Core {
	c := s.core
	c.Code = r.code
	c.Due = 0
	if c.State == None && c.Sends == 0 {
		c = first(s, r.code)
	}
	if r.code == CodeInvalidJob && s.event.Code != NoCode {
		c.Code = s.event.Code
	}
	switch r.to {
	case Sending:
		c = c.attempt(s)
	case Unknown:
		c = c.markUnknown()
	default: // no other state counts a send or leaves one in doubt
	}
	c.State = r.to
	if r.to == verdictState {
		c.State = s.event.Verdict
	}
	if r.due != nil {
		c = r.due(c, s)
	}
	return c
}

// first begins the record of a refund that has none. A handling that holds an
// answer to its own send, while the ledger lost the record, passes what it
// knows with [None] as state, and keeps that.
func first(s situation, why Code) Core {
	c := Core{Code: why, Nonce: s.event.Nonce, NotBefore: s.event.NotBefore, Deadline: s.event.Deadline}
	if c.Deadline == 0 {
		c.Deadline = max(s.now, c.NotBefore).Add(s.policy.RetryDeadline)
	}
	return c
}

// attempt announces one more send. ask_from keeps the sender's own timeout and
// quiet period: settings differ between processes and change between starts.
func (c Core) attempt(s situation) Core {
	c.Sends++
	c.Nonce = s.event.Nonce
	c.SendBy = s.now.Add(SendWindow)
	c.AskFrom = c.SendBy.Add(s.policy.Timeout + s.policy.Quiet)
	c.Quiet = s.policy.Quiet
	return c
}

// markUnknown marks the first send that may have been executed unseen. The mark
// never goes away: nothing that is learned later makes that send unsent.
func (c Core) markUnknown() Core {
	if c.FirstUnknown == 0 {
		c.FirstUnknown = c.Sends
		c.FirstUnknownAt = c.SentAt()
		c.Delays = 0
	}
	return c
}

// Due times. None lies beyond the deadline but the last question about an
// unknown refund (docs/architecture.md, "States and transitions").

func dueAtNotBefore(c Core, s situation) Core {
	c.Due = min(max(s.now, c.NotBefore), c.Deadline)
	return c
}

func dueAfterDelay(c Core, s situation) Core {
	if s.event.Delay > 0 {
		c.Delays++
	}
	due := s.now.Add(s.event.Delay)
	c.Due = min(due, c.Deadline)
	if c.State == Unknown {
		c.Due = c.lastInquiry(due)
	}
	return c
}

func dueAfterQuiet(c Core, s situation) Core {
	c.Due = c.lastInquiry(s.now.Add(s.policy.Quiet))
	return c
}

func dueNow(c Core, s situation) Core {
	c.Due = s.now
	return c
}

// lastInquiry moves a question that would come after the deadline to the last
// moment at which one is asked.
func (c Core) lastInquiry(due Time) Time {
	if due > c.Deadline {
		return max(c.Deadline, c.AskFrom)
	}
	return due
}

func atAskFrom(s situation) Time { return s.core.AskFrom }
func atDue(s situation) Time     { return s.core.Due }
