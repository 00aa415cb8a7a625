package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
)

// group is the appends of one ledger that are under way. Where that is quicker
// ([pace]) they are stored by group commit: those that come while a batch is
// under way are sent together as the next one. Whoever finds no batch under way
// sends one, then hands over to the first that waits, so that no goroutine is
// needed beside those that append.
//
// Invariant: a batch holds at most one append of a refund. The server compares
// every message of a batch with what was stored before the batch: of two that
// follow the same record it would store both.
type group struct {
	ledger *Ledger
	writer string // begins the name of each batch; nobody else has it

	mu      sync.Mutex
	pace    pace
	alone   int       // appends under way by themselves
	batches uint64    // that were formed
	sending bool      // a batch is under way
	waiting []*member // in the order in which they came
}

func newGroup(l *Ledger) *group {
	return &group{ledger: l, writer: uuid.NewString(), pace: pace{always: l.cfg.AlwaysGroup}}
}

// member is one append in a group.
type member struct {
	msg      *nats.Msg
	refundID string
	turn     chan turn // of capacity one
	leads    bool      // it has been told to send the next batch
}

// turn is what a waiting member is told: to send the next batch, or what became
// of the one that it was in.
type turn struct {
	leads bool
	seq   uint64
	err   error
}

// The largest batch. A server takes 1,000 messages; but a batch that is refused
// costs an append for each of its members.
const (
	mostMembers = 128
	mostBytes   = 512 << 10
)

// publish sends one append, by itself or in a batch, and returns its sequence. It
// waits for the answer as long as for any, and not beyond until (zero: no such
// time). Errors are those of [Ledger.publish].
func (g *group) publish(ctx context.Context, until time.Time, msg *nats.Msg, refundID string) (uint64, error) {
	deadline := time.Now().Add(g.ledger.cfg.RequestTimeout)
	if !until.IsZero() && until.Before(deadline) {
		deadline = until
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	m, underWay := g.enter(msg, refundID)
	if m == nil {
		return g.publishAlone(ctx, msg, underWay)
	}
	select {
	case t := <-m.turn:
		if t.leads {
			return g.lead(ctx, m)
		}
		return g.end(ctx, m, t)
	case <-ctx.Done():
		return 0, g.leave(ctx, m)
	}
}

// enter makes an append a member. nil: it is made by itself, as one of so many.
func (g *group) enter(msg *nats.Msg, refundID string) (m *member, underWay int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.pace.groups(g.ledger.cfg.Now(), g.alone+1) {
		g.alone++
		return nil, g.alone
	}
	m = &member{msg: msg, refundID: refundID, turn: make(chan turn, 1)}
	g.waiting = append(g.waiting, m)
	if !g.sending {
		g.sending = true
		g.handOver()
	}
	return m, 0
}

// publishAlone is an append outside of any batch.
func (g *group) publishAlone(ctx context.Context, msg *nats.Msg, underWay int) (uint64, error) {
	began := g.ledger.cfg.Now()
	seq, err := g.ledger.publish(ctx, msg)
	took := g.ledger.cfg.Now().Sub(began)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alone--
	if err == nil {
		g.pace.stored(took, underWay)
	}
	return seq, err
}

// handOver tells the first that waits to send the next batch. g.mu is held.
func (g *group) handOver() {
	if len(g.waiting) == 0 {
		g.sending = false
		return
	}
	next := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	next.leads = true
	next.turn <- turn{leads: true}
}

// leave takes out a member whose context has ended. One that is in the batch
// under way may be stored.
func (g *group) leave(ctx context.Context, m *member) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, m)
	switch {
	case at >= 0:
		g.waiting = slices.Delete(g.waiting, at, at+1)
	case m.leads:
		g.handOver()
	default:
		return ctx.Err()
	}
	return fmt.Errorf("%w: not sent: %w", ErrNotStored, ctx.Err())
}

// lead sends the next batch, tells its members what became of it, and hands over.
func (g *group) lead(ctx context.Context, m *member) (uint64, error) {
	members, name := g.form(m)
	began := g.ledger.cfg.Now()
	first, err := g.ledger.publishBatch(ctx, name, members)
	g.ended(len(members), g.ledger.cfg.Now().Sub(began), err)
	for i, other := range members[1:] {
		other.turn <- turn{seq: first + 1 + uint64(i), err: err}
	}
	return g.end(ctx, m, turn{seq: first, err: err})
}

// form returns the members of the batch that m sends, m first.
func (g *group) form(m *member) (members []*member, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	members, size := []*member{m}, m.msg.Size()
	refunds := map[string]bool{m.refundID: true}
	g.waiting = slices.DeleteFunc(g.waiting, func(w *member) bool {
		if len(members) == mostMembers || size+w.msg.Size() > mostBytes || refunds[w.refundID] {
			return false
		}
		members, size = append(members, w), size+w.msg.Size()
		refunds[w.refundID] = true
		return true
	})
	g.batches++
	return members, g.writer + "-" + strconv.FormatUint(g.batches, 10)
}

// ended takes note of a batch and lets the next one follow.
func (g *group) ended(members int, took time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handOver()
	before := g.pace.kept()
	var refused *batchError
	switch {
	case errors.As(err, &refused):
		g.pace.refused(g.ledger.cfg.Now(), refused)
	case err == nil:
		g.pace.storedBatch(g.ledger.cfg.Now(), took, members)
	}
	if kept := g.pace.kept(); kept != before {
		g.ledger.cfg.Log.Debug("group commit", "on", kept, "append_alone", g.pace.alone.each(), "append_in_batch", g.pace.batch.each())
	}
}

// end is what became of a member's append. Where its batch was refused, it is
// made again by itself, for only one of the members may be to blame.
func (g *group) end(ctx context.Context, m *member, t turn) (uint64, error) {
	var refused *batchError
	if !errors.As(t.err, &refused) {
		return t.seq, t.err
	}
	seq, err := g.ledger.publish(ctx, m.msg)
	if errors.Is(err, ErrNotStored) && !refused.storedNothing() {
		return 0, fmt.Errorf("%w: %v, after %w", ErrUncertain, err, refused) //nolint:errorlint // it is not ErrNotStored
	}
	return seq, err
}
