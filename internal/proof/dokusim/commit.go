package dokusim

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
)

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

// working is the payments that are being refunded at the moment.
type working struct {
	mu    sync.Mutex
	calls map[payKey]bool
}

// begin is false when a refund of the same payment is being worked on.
func (w *working) begin(r Request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := payKey{r.Channel, r.Invoice}
	if w.calls[key] {
		return false
	}
	if w.calls == nil {
		w.calls = map[payKey]bool{}
	}
	w.calls[key] = true
	return true
}

func (w *working) end(r Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.calls, payKey{r.Channel, r.Invoice})
}

// refundInProgress refuses a refund because of another of the same payment. It
// uses up no id: the same request may come again. Nobody says which code DOKU
// has for it.
func (s *Server) refundInProgress(x *exchange) answer {
	if x.family == snap {
		return s.snapRefusal(x, http.StatusForbidden, "06", "")
	}
	return cardInvalid("refund_in_progress", "Another refund of this transaction is in progress")
}

// pendingBeside tells whether another refund of the payment is in progress,
// where that matters. Callers hold the book's lock.
func (s *Server) pendingBeside(x *exchange) bool {
	from := s.book.accounts[payKey{x.seen.Channel, x.seen.Invoice}]
	return s.cfg.has(QuirkOneRefundAtATime) && from != nil && slices.ContainsFunc(from.refunds, func(at int) bool {
		r := s.book.refunds[at]
		return r.State == Pending && r.Key != x.seen.Key
	})
}

// take puts the refund into the entry, with its money unless it failed or is to
// be in progress first.
func (s *Server) take(r *Refund, x *exchange, e *entry) {
	e.Refund, x.taken = r, true
	switch {
	case r.State == Failed:
	case x.fault.Kind == InProgress:
		r.State, r.DueAt, r.Looks, r.Fails = Pending, x.at.Add(x.fault.Delay), x.fault.Looks, x.fault.Fails
	default:
		r.DoneAt = x.at
		e.Movement = r.movement(x.at)
	}
}

// remember uses up the id of a request that a fault refused: with Remember, or
// because the server counts every refused request.
func (s *Server) remember(x *exchange, a answer) answer {
	if !x.fault.Remember || x.op != OpRefund {
		return s.usedUp(x, a)
	}
	s.use(x, x.stored(a))
	return a
}

// usedUp does so under [QuirkRefusalsUseID]: from then on the id was used, and
// its answer is not told.
func (s *Server) usedUp(x *exchange, a answer) answer {
	refused := a.status >= http.StatusBadRequest && a.status < http.StatusInternalServerError && a.cut != cutReset
	if s.cfg.has(QuirkRefusalsUseID) && x.op == OpRefund && x.seen.ID != "" && refused && !x.taken && !x.known {
		stored := x.stored(a)
		stored.Refused = true
		s.use(x, stored)
	}
	return a
}

func (s *Server) use(x *exchange, stored *storedAnswer) {
	e := entry{At: x.at}
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	if old, there := s.book.answers[x.seen.ID]; x.family == cards && there && !old.Refused && stored.Refused {
		return
	}
	if x.family == cards {
		e.Answer = stored
	} else {
		e.External = &usedID{s.cfg.day(x.at), x.seen.ID}
	}
	if err := s.book.commit(e); err != nil {
		s.cfg.Log.Error("book not written", "error", err)
	}
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
