//go:build unix

package chaos

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/long"
)

// What would the witnesses say if the worker paid twice? A DOKU that knows a
// request again by its X-EXTERNAL-ID alone, and shows no refunds when asked,
// is one under which the worker is safe; with one mistake planted, a fresh
// X-EXTERNAL-ID for each send, it is not, and the audit has to say so.
func TestAMutationThatPaysTwiceIsSeen(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	if dayEnds(time.Now()) {
		t.Skip("near a day's end nothing unknown is sent again, with or without a mistake")
	}
	hooked(t)
	published := []jobs.Job{mandiri(1), mandiri(2), mandiri(3)}
	mistakes := [...]string{"", "fresh_external_id"}
	var audited [len(mistakes)]*Audit
	var running sync.WaitGroup
	for i, planted := range mistakes {
		running.Go(func() {
			t.Run("planted "+planted, func(t *testing.T) { audited[i] = mistaken(t, planted, published) })
		})
	}
	running.Wait()
	if t.Failed() {
		return
	}
	if found := audited[0].Problems; len(found) > 0 {
		t.Errorf("without the mistake there are problems: %q", found)
	}
	seen := strings.Join(audited[1].Problems, "\n")
	t.Logf("with the mistake:\n%s", seen)
	for _, j := range published {
		if twice := fmt.Sprintf("%s: %v: ", j.RefundID, check.PaidTwice); !strings.Contains(seen, twice) {
			t.Errorf("nothing says %q", twice)
		}
	}
	if !strings.Contains(seen, check.SumDiffers.String()) {
		t.Error("nothing says that the sums differ")
	}
}

// mistaken audits what a worker does whose answers are lost.
func mistaken(t *testing.T, planted string, published []jobs.Job) *Audit {
	t.Helper()
	ctx, s := setup(t, Config{
		AckWait: briefAckWait, Simulator: []string{"--quirks", "partner_refund_no_free,empty_history"},
	})
	must(t, s.DOKU.Fault(ctx, `{"match":{"operation":"refund"},"faults":[{"kind":"reset_after","count":3}]}`))
	must(t, s.Publish(ctx, published...))
	s.victim(t, planted, map[string]string{"RETRY_DEADLINE": "18s"})
	must(t, s.WaitEnded(ctx, len(published)))
	a, err := s.Audit(ctx, published)
	must(t, err)
	return a
}
