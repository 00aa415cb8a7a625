//go:build unix

package chaos

import (
	"errors"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

var errNothingHeld = errors.New("nothing is held")

// The worst moment of all: DOKU has moved the money, and the worker dies before
// it learns so.
func TestMoneyMovesOnceThoughTheWorkerIsKilledBetweenCommitAndRecord(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]jobs.Job{"card": card(1), "direct debit": mandiri(1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, s := setup(t, Config{AckWait: 2 * time.Second})
			must(t, s.DOKU.Fault(ctx, `{"match":{"operation":"refund"},"faults":[{"kind":"hold"}]}`))
			first := s.worker(ctx, t, nil)
			must(t, s.Publish(ctx, job))
			must(t, until(ctx, func() error {
				held, err := s.DOKU.Held(ctx)
				if err == nil && len(held) == 0 {
					err = errNothingHeld
				}
				return err
			}))
			book, err := s.DOKU.Book(ctx)
			must(t, err)
			if len(book.Movements) != 1 || book.Total.Amount != job.Amount {
				t.Fatalf("the book shows %+v before the kill, want one movement of %d", book.Movements, job.Amount)
			}
			first.Kill()
			if n, err := s.Ended(ctx); err != nil || n != 0 {
				t.Fatalf("%d results, %v: the answer was not to be known", n, err)
			}

			second := s.worker(ctx, t, nil)
			must(t, s.WaitEnded(ctx, 1))
			a := s.audit(ctx, t, []jobs.Job{job})
			result := a.Refunds[job.RefundID].Results[0]
			proven := result.Evidence == refund.ByInquiry || result.Evidence == refund.ByReplay
			if result.Status != refund.Succeeded || !proven {
				t.Errorf("the result is %s by %q, want succeeded by inquiry or replay", result.Status, result.Evidence)
			}
			refunds, err := s.DOKU.Refunds(ctx, 100)
			must(t, err)
			if len(refunds) != 1 {
				t.Errorf("the refund was sent %d times", len(refunds))
			}
			if !second.Running() {
				t.Errorf("the second worker ended: %s", second.Stderr())
			}
		})
	}
}
