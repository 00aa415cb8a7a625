package dokusim

import (
	"fmt"
	"sync"
	"time"
)

// State is where a refund stands in the book.
type State string

// The three states. Only Done has moved money.
const (
	Done    State = "done"
	Pending State = "pending"
	Failed  State = "failed"
)

// Payment is what a customer paid and refunds are taken from.
type Payment struct {
	Channel           string    `json:"channel"`
	Invoice           string    `json:"invoice"`
	OriginalRequestID string    `json:"original_request_id,omitempty"` // empty: any is accepted
	Amount            int64     `json:"amount"`                        // rupiah
	Unsettled         bool      `json:"unsettled,omitzero"`            // cards: only a VOID of the whole amount passes
	Manual            bool      `json:"manual,omitzero"`               // cards: refunded by people, MANUAL_*
	Automatic         bool      `json:"automatic,omitzero"`            // registered on first sight
	At                time.Time `json:"at"`                            // when it was registered
}

// Refund is one refund that DOKU took on: done, in progress or failed. Requests
// that were refused before that are in [Server.Requests] only.
type Refund struct {
	Seq        int       `json:"seq"` // 1 for the first
	Channel    string    `json:"channel"`
	Invoice    string    `json:"invoice"`
	Key        string    `json:"key"`                   // cards: Request-Id; SNAP: partnerRefundNo
	ExternalID string    `json:"external_id,omitempty"` // SNAP: X-EXTERNAL-ID
	Amount     int64     `json:"amount"`                // rupiah
	Original   string    `json:"original,omitempty"`    // original_request_id or originalExternalId, as sent
	Reason     string    `json:"reason,omitempty"`
	Type       string    `json:"type,omitempty"` // cards: VOID, FULL_REFUND, …
	State      State     `json:"state"`
	Message    string    `json:"message,omitempty"` // why it failed
	At         time.Time `json:"at"`                // when it was taken on
	DoneAt     time.Time `json:"done_at,omitzero"`
	DueAt      time.Time `json:"due_at,omitzero"` // pending: not before
	Looks      int       `json:"looks,omitzero"`  // pending: inquiries that still see it so
	Fails      bool      `json:"fails,omitzero"`  // pending: how it will end
}

// Movement is money that left the merchant: the only thing that counts.
type Movement struct {
	At         time.Time `json:"at"`
	Channel    string    `json:"channel"`
	Invoice    string    `json:"invoice"`
	Key        string    `json:"key"` // of the refund
	ExternalID string    `json:"external_id,omitempty"`
	Amount     int64     `json:"amount"` // rupiah
	Type       string    `json:"type,omitempty"`
}

type (
	payKey struct{ channel, invoice string }
	refKey struct {
		card bool
		key  string
	}
	usedID struct {
		Day string `json:"day"`
		ID  string `json:"id"`
	}
	// storedAnswer is what a repeated Request-Id gets.
	storedAnswer struct {
		ID      string    `json:"id"`
		Hash    string    `json:"hash"` // of the request body
		Body    string    `json:"body"`
		Open    bool      `json:"open,omitzero"`    // the refund is still in progress
		Refused bool      `json:"refused,omitzero"` // nothing was taken on, and a repeat is told no more
		At      time.Time `json:"at"`
		Status  int       `json:"status"`
	}
)

// entry is one change of the book, whole or not at all: a line of the journal.
type entry struct {
	At       time.Time     `json:"at"`
	Payment  *Payment      `json:"payment,omitempty"`
	Refund   *Refund       `json:"refund,omitempty"`
	Movement *Movement     `json:"movement,omitempty"`
	Answer   *storedAnswer `json:"answer,omitempty"`
	External *usedID       `json:"external,omitempty"`
}

// account is a payment and what was taken from it.
type account struct {
	Payment
	taken   int64 // done and pending
	refunds []int // indexes
}

// Sum counts the money moved on one channel.
type Sum struct {
	Movements int   `json:"movements"`
	Amount    int64 `json:"amount"` // rupiah
}

// book is changed by apply alone, live and when a journal is read again.
// Callers hold mu.
type book struct {
	mu         sync.Mutex
	accounts   map[payKey]*account
	order      []payKey          // of accounts, as they came
	byOriginal map[string]payKey // cards: original request id
	refunds    []Refund
	byKey      map[refKey][]int // indexes
	pending    map[int]struct{}
	movements  []Movement
	sums       map[string]Sum
	answers    map[string]storedAnswer
	used       map[string]map[string]struct{} // day, X-EXTERNAL-ID
	journal    *journal                       // nil: memory only
	build      func(Refund) []byte            // the stored answer of a finished card refund
}

func newBook(build func(Refund) []byte) *book {
	return &book{
		accounts:   map[payKey]*account{},
		byOriginal: map[string]payKey{},
		byKey:      map[refKey][]int{},
		pending:    map[int]struct{}{},
		sums:       map[string]Sum{},
		answers:    map[string]storedAnswer{},
		used:       map[string]map[string]struct{}{},
		build:      build,
	}
}

// commit journals e, then applies it. An error means that nothing happened.
func (b *book) commit(e entry) error {
	if err := b.journal.append(e); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	b.apply(e)
	return nil
}

// restore applies an entry of a journal that may hold anything.
func (b *book) restore(e entry) error {
	if r := e.Refund; r != nil {
		if err := b.fits(*r, e.Payment); err != nil {
			return err
		}
	}
	b.apply(e)
	return nil
}

// fits checks that a refund has its payment, in the book or in its own entry,
// and is the next one, or a change of one that is there.
func (b *book) fits(r Refund, fresh *Payment) error {
	own := fresh != nil && fresh.Channel == r.Channel && fresh.Invoice == r.Invoice
	switch {
	case !own && b.accounts[payKey{r.Channel, r.Invoice}] == nil:
		return fmt.Errorf("refund %d has no payment", r.Seq)
	case r.Seq < 1 || r.Seq > len(b.refunds)+1:
		return fmt.Errorf("refund %d is out of order", r.Seq)
	case r.Seq > len(b.refunds):
		return nil
	}
	if old := b.refunds[r.Seq-1]; old.Channel != r.Channel || old.Invoice != r.Invoice || old.Key != r.Key || old.Amount != r.Amount {
		return fmt.Errorf("refund %d was another", r.Seq)
	}
	return nil
}

func (b *book) apply(e entry) {
	if e.Payment != nil {
		b.applyPayment(*e.Payment)
	}
	if e.Refund != nil {
		b.applyRefund(*e.Refund)
	}
	if m := e.Movement; m != nil {
		b.movements = append(b.movements, *m)
		sum := b.sums[m.Channel]
		b.sums[m.Channel] = Sum{sum.Movements + 1, sum.Amount + m.Amount}
	}
	if e.Answer != nil {
		b.answers[e.Answer.ID] = *e.Answer
	}
	if e.External != nil {
		b.applyExternal(*e.External)
	}
}

func (b *book) applyPayment(p Payment) {
	key := payKey{p.Channel, p.Invoice}
	if known, ok := b.accounts[key]; ok {
		known.Payment = p
	} else {
		b.accounts[key] = &account{Payment: p}
		b.order = append(b.order, key)
	}
	if p.Channel == CreditCard && p.OriginalRequestID != "" {
		b.byOriginal[p.OriginalRequestID] = key
	}
}

// applyRefund adds the refund, or replaces the one of the same number.
func (b *book) applyRefund(r Refund) {
	at := r.Seq - 1
	from := b.accounts[payKey{r.Channel, r.Invoice}]
	if at < len(b.refunds) {
		from.taken -= reserved(b.refunds[at])
		b.refunds[at] = r
	} else {
		b.refunds = append(b.refunds, r)
		key := refKey{r.Channel == CreditCard, r.Key}
		b.byKey[key] = append(b.byKey[key], at)
		from.refunds = append(from.refunds, at)
	}
	from.taken += reserved(r)
	delete(b.pending, at)
	if r.State == Pending {
		b.pending[at] = struct{}{}
	}
}

// applyExternal forgets all days but the newest two: on either side of midnight
// both are asked for.
func (b *book) applyExternal(u usedID) {
	ids, ok := b.used[u.Day]
	if !ok {
		ids = map[string]struct{}{}
		b.used[u.Day] = ids
		for len(b.used) > 2 {
			b.forgetOldestDay()
		}
	}
	ids[u.ID] = struct{}{}
}

func (b *book) forgetOldestDay() {
	oldest := ""
	for day := range b.used {
		if oldest == "" || day < oldest {
			oldest = day
		}
	}
	delete(b.used, oldest)
}

// latest returns the newest refund under key.
func (b *book) latest(key refKey) (Refund, bool) {
	found := b.byKey[key]
	if len(found) == 0 {
		return Refund{}, false
	}
	return b.refunds[found[len(found)-1]], true
}

// settle ends refunds in progress whose time has come.
func (b *book) settle(now time.Time) error {
	for at := range b.pending {
		if r := b.refunds[at]; r.Looks <= 0 && !now.Before(r.DueAt) {
			if err := b.finish(r, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// look is an inquiry's: a refund in progress counts those that saw it so.
func (b *book) look(r Refund, now time.Time) error {
	if r.State != Pending || r.Looks <= 0 {
		return nil
	}
	r.Looks--
	return b.commit(entry{At: now, Refund: &r})
}

func (b *book) finish(r Refund, now time.Time) error {
	e := entry{At: now, Refund: &r}
	r.DoneAt = now
	if r.State = Done; r.Fails {
		r.State, r.Message = Failed, "Refund was declined"
	} else {
		e.Movement = r.movement(now)
	}
	if stored, ok := b.answers[r.Key]; ok && r.Channel == CreditCard {
		stored.Open, stored.Body = false, string(b.build(r))
		e.Answer = &stored
	}
	return b.commit(e)
}

func (r Refund) movement(now time.Time) *Movement {
	return &Movement{At: now, Channel: r.Channel, Invoice: r.Invoice, Key: r.Key, ExternalID: r.ExternalID, Amount: r.Amount, Type: r.Type}
}

func reserved(r Refund) int64 {
	if r.State == Failed {
		return 0
	}
	return r.Amount
}
