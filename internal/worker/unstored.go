package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// unstored counts the answers of DOKU that could not be stored yet. It keeps new
// jobs away from the moment that storing one fails until storing any of them
// succeeds: by then the stream works again, and the others are stored soon after.
type unstored struct {
	mu     sync.Mutex
	count  int
	opened chan struct{} // closed when jobs may be taken; nil while they may
}

// add changes the count; when it is 0, jobs may be taken.
func (u *unstored) add(n int) (now int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count += n; u.count == 0 {
		u.release()
	}
	return u.count
}

func (u *unstored) any() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.count > 0
}

// shut keeps jobs away while an answer is unstored.
func (u *unstored) shut() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.opened == nil && u.count > 0 {
		u.opened = make(chan struct{})
	}
}

// open lets jobs in: an answer has been stored.
func (u *unstored) open() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.release()
}

func (u *unstored) release() {
	if u.opened != nil {
		close(u.opened)
		u.opened = nil
	}
}

func (u *unstored) wait(ctx context.Context) error {
	for {
		u.mu.Lock()
		opened := u.opened
		u.mu.Unlock()
		if opened == nil {
			return ctx.Err()
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// storeAnswer tries to store an answer until it succeeds. Meanwhile the channel
// takes no new job, and the process is not ready.
func (e *execution) storeAnswer(ctx context.Context, r *refund.Record) (uint64, error) {
	key := "answer not stored: " + string(e.channel)
	counted := false
	seq, err := e.storeAnswerOfAnySize(ctx, r, func(err error) {
		if !counted {
			counted = true
			e.unstored.add(1)
			e.cfg.Health.Block(key, fmt.Sprintf("%s: an answer from DOKU cannot be stored", e.channel))
		}
		e.unstored.shut()
		e.log.Error("answer from DOKU not stored yet", "refund_id", e.id(), "state", r.State, "error", err)
	})
	if err == nil {
		e.unstored.open()
	}
	if counted && e.unstored.add(-1) == 0 {
		e.cfg.Health.Clear(key)
	}
	return seq, err
}

// storeAnswerOfAnySize stores an answer that the server refuses for its size
// without the texts that decide nothing. If that is refused too, trying on would
// change nothing: the refund stays as it is, and DOKU will be asked about it.
func (e *execution) storeAnswerOfAnySize(ctx context.Context, r *refund.Record, failed func(error)) (uint64, error) {
	seq, err := e.cfg.Ledger.AppendUntilStored(ctx, time.Time{}, r, failed)
	if !errors.Is(err, ledger.ErrTooLarge) {
		return seq, err
	}
	e.log.Error("answer from DOKU stored without its texts: too large for the server", "refund_id", e.id(), "state", r.State, "error", err)
	*r = ledger.WithoutTexts(*r)
	return e.cfg.Ledger.AppendUntilStored(ctx, time.Time{}, r, failed)
}
