package dokusim

import "fmt"

// account finds the payment that a refund names, or registers it when it is new
// and payments may be automatic; fresh says which. It is nil when there is none,
// or when it was another payment's request. Callers hold the book's lock.
func (s *Server) account(channel, invoice, original string, amount int64, exact bool) (from *account, fresh bool) {
	if known, ok := s.book.accounts[payKey{channel, invoice}]; ok {
		if original != "" && known.OriginalRequestID != "" && original != known.OriginalRequestID {
			return nil, false
		}
		return known, false
	}
	if s.cfg.AutoPayments < 0 {
		return nil, false
	}
	p := Payment{Channel: channel, Invoice: invoice, OriginalRequestID: original, Amount: amount, At: s.cfg.Now(), Automatic: true}
	if !exact {
		p.Amount = max(p.Amount, s.cfg.AutoPayments)
	}
	return &account{Payment: p}, true
}

// newRefund is x's, done unless a caller says otherwise.
func (s *Server) newRefund(x *exchange) Refund {
	r := Refund{
		Seq: len(s.book.refunds) + 1, Channel: x.seen.Channel, Invoice: x.seen.Invoice, Key: x.seen.Key,
		Amount: x.seen.Amount, State: Done, At: x.at,
	}
	if x.family == snap {
		r.ExternalID, r.Original = x.seen.ID, x.snap.OriginalExternalID
	} else {
		r.Original = x.card.Payment.Original
	}
	return r
}

// take puts the refund into the entry, with its money unless it failed or is to
// be in progress first.
func (s *Server) take(r *Refund, x *exchange, e *entry) {
	e.Refund = r
	switch {
	case r.State == Failed:
	case x.fault.Kind == InProgress:
		r.State, r.DueAt, r.Looks, r.Fails = Pending, x.at.Add(x.fault.Delay), x.fault.Looks, x.fault.Fails
	default:
		r.DoneAt = x.at
		e.Movement = r.movement(x.at)
	}
}

// remember uses up the id of a request that a fault with Remember refused.
func (s *Server) remember(x *exchange, a answer) answer {
	if !x.fault.Remember || x.op != OpRefund {
		return a
	}
	e := entry{At: x.at}
	if x.family == cards {
		e.Answer = x.stored(a)
	} else {
		e.External = &usedID{s.cfg.day(x.at), x.seen.ID}
	}
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	if err := s.book.commit(e); err != nil {
		s.cfg.Log.Error("book not written", "error", err)
	}
	return a
}

// AddPayment registers a payment, or changes the one with that channel and
// invoice: to settle it, say. What was refunded from it stays refunded. Its
// errors wrap [ErrPayment].
func (s *Server) AddPayment(p Payment) error {
	lengths, known := invoiceSpan(p.Channel)
	switch {
	case !known:
		return fmt.Errorf("%w: no channel is called %.40q", ErrPayment, p.Channel)
	case !lengths.covers(p.Invoice):
		return fmt.Errorf("%w: invoice must have %d to %d characters", ErrPayment, lengths.low, lengths.high)
	case p.Amount < 1 || p.Amount > largestAmount:
		return fmt.Errorf("%w: amount must be 1 to %d rupiah", ErrPayment, largestAmount)
	}
	p.At = s.cfg.Now()
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	return s.book.commit(entry{At: p.At, Payment: &p})
}
