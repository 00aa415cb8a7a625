//go:build unix

package chaos

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/proof/long"
	"refundworker.example/refundworker/internal/refund"
)

// A worker that stands still while everybody else continues (a paused machine, a
// process in the debugger) must not send what it announced before: others may
// have asked about it meanwhile. Its connections are pooled and still open, so
// that no handshake stands in the way of a late byte.
func TestNoRequestLeavesAfterItsSendByThoughTheWorkerStoodStill(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	const batch = 2500
	ctx, s := setup(t, Config{AckWait: 2 * time.Second})
	w := s.worker(ctx, t, map[string]string{
		"CHANNELS": "credit_card", "CONCURRENCY": "128", "GOMAXPROCS": "1",
		// Longer than the pause: it must be send_by that ends the call.
		"DOKU_TIMEOUT": "12s",
	})
	var published []jobs.Job
	for try := 0; try < 3 && s.refused(ctx, t) == 0; try++ {
		must(t, w.Signal(syscall.SIGSTOP)) // so that the batch becomes a queue
		for range batch {
			published = append(published, card(len(published)+1))
		}
		must(t, s.Publish(ctx, published[try*batch:]...))
		must(t, w.Signal(syscall.SIGCONT))
		must(t, s.WaitEnded(ctx, try*batch+batch/10)) // connections are pooled by now
		between := s.stopBetweenRecordAndWrite(ctx, t, w)
		pass(ctx, refund.SendWindow+500*time.Millisecond)
		must(t, w.Signal(syscall.SIGCONT))
		pass(ctx, 300*time.Millisecond)
		t.Logf("the worker stopped with %d sends recorded and not written; it refused %d", between, s.refused(ctx, t))
	}
	must(t, s.WaitEnded(ctx, len(published)))

	a := s.audit(ctx, t, published)
	if s.refused(ctx, t) == 0 {
		t.Error("no send was refused: no pause met any")
	}
	// On one processor one goroutine at most can have been stopped between its
	// last look at the clock and the socket; docs/architecture.md, "Clocks"
	// guarantees nothing for it.
	if late := s.late(ctx, t, a); len(late) > 1 {
		t.Errorf("%d requests arrived after their send_by, the first: %+v", len(late), late[0])
	}
}

// refused counts the refunds that wait: DOKU refuses none, so that each of them
// is one whose send the worker itself did not make. A pause may meet none: the
// sends that it cuts off in the append that announces them are of no use here.
func (s *Stack) refused(ctx context.Context, t *testing.T) int {
	t.Helper()
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	must(t, err)
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("refunds.ledger.*.waiting.*"))
	must(t, err)
	return len(info.State.Subjects)
}

// stopBetweenRecordAndWrite stops the worker at a moment at which some of its
// refunds have their record of `sending` and its acknowledgement, but not a byte
// on the wire, and counts those. A short stop lets all acknowledgements arrive;
// a run that is shorter than it takes to send on all of them does the rest.
func (s *Stack) stopBetweenRecordAndWrite(ctx context.Context, t *testing.T, w *Process) (between int) {
	t.Helper()
	const (
		settle = 30 * time.Millisecond // until what was written has arrived
		few    = 5
	)
	for try := range 100 {
		must(t, w.Signal(syscall.SIGSTOP))
		pass(ctx, settle)
		acknowledged := s.announcedOnly(ctx, t)
		must(t, w.Signal(syscall.SIGCONT))
		pass(ctx, time.Duration(300+50*(try%20))*time.Microsecond)
		must(t, w.Signal(syscall.SIGSTOP))
		pass(ctx, settle)
		between, now := 0, s.announcedOnly(ctx, t)
		for key := range acknowledged {
			if now[key] {
				between++
			}
		}
		if between >= few && between < len(acknowledged) {
			return between
		}
		must(t, w.Signal(syscall.SIGCONT))
		pass(ctx, 5*time.Millisecond)
	}
	t.Fatal("the worker could not be stopped between record and write")
	return 0
}

// announcedOnly are the sends that are recorded and have not arrived, by their
// Request-Id. Only what is recent is looked at.
func (s *Stack) announcedOnly(ctx context.Context, t *testing.T) map[string]bool {
	t.Helper()
	const recent = 600
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	must(t, err)
	state := stream.CachedInfo().State
	a := &Audit{Refunds: map[string]*Refund{}}
	must(t, a.read(ctx, stream, max(state.FirstSeq, state.LastSeq-min(state.LastSeq, recent)), state.LastSeq))
	only := map[string]bool{}
	for _, r := range a.Refunds {
		if len(r.Records) > 0 && len(r.Results) == 0 {
			only[r.Records[0].Identity.RequestID] = true
		}
	}
	requests, err := s.DOKU.Refunds(ctx, recent)
	must(t, err)
	for _, q := range requests {
		delete(only, q.Key)
	}
	return only
}

// late are the requests that arrived at a time that no record of a send of
// theirs allows.
func (s *Stack) late(ctx context.Context, t *testing.T, a *Audit) []dokusim.Request {
	t.Helper()
	requests, err := s.DOKU.Refunds(ctx, 100_000)
	must(t, err)
	byKey := make(map[string]*Refund, len(a.Refunds))
	for _, r := range a.Refunds {
		for _, e := range r.Records {
			byKey[e.Identity.RequestID+e.Identity.PartnerRefundNo] = r // a refund has one of the two
		}
	}
	var late []dokusim.Request
	for _, q := range requests {
		if r := byKey[q.Key]; r == nil || !r.announced(refund.At(q.At)) {
			late = append(late, q)
		}
	}
	return late
}

// announced reports whether a record of a send allows a request at that time.
func (r *Refund) announced(at refund.Time) bool {
	for _, e := range r.Records {
		if e.State == refund.Sending && e.At <= at && at <= e.SendBy {
			return true
		}
	}
	return false
}
