//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// incident is one point, one passage of it, and what happens there.
type incident struct {
	point point
	nth   int
	mode  mode
}

const (
	// briefAckWait lets a message come again soon.
	briefAckWait = time.Second
	// pastAskFrom is when others have taken over what the victim announced: the
	// time to send, the worker's timeout and its quiet period (Stack.Settings).
	pastAskFrom = refund.SendWindow + 3*time.Second
)

// faults of DOKU that a handful of refunds meets.
var troubles = []string{
	`{"match":{"invoice":"INV-00001"},"faults":[{"kind":"reset_after"}]}`,
	`{"match":{"invoice":"INV-00002"},"faults":[{"kind":"error_before"}]}`,
	`{"match":{"invoice":"INV-00003"},"faults":[{"kind":"too_many"}]}`,
	`{"match":{"invoice":"DD-00001"},"faults":[{"kind":"error_after"}]}`,
	`{"match":{"invoice":"DD-00002"},"faults":[{"kind":"in_progress","looks":1}]}`,
}

// overdrawn is the refund of more than was paid: DOKU answers FAILED.
const overdrawn = `{"channel":"credit_card","invoice":"INV-00004","amount":100}`

// handful is the jobs of an incident, of both families; those that meet trouble
// come first, so that every point is reached early. The one that DOKU refuses
// has a deadline: after a second send no refusal is believed any more.
func handful() []jobs.Job {
	refused := card(4)
	refused.Deadline = time.Now().Add(40 * time.Second).Truncate(time.Second)
	return []jobs.Job{card(1), mandiri(1), card(2), mandiri(2), card(3), mandiri(3), refused, card(5), mandiri(4)}
}

// happens runs one incident: a worker with hooks meets it, a plain one continues,
// and both witnesses are heard.
func (i incident) happens(t *testing.T) {
	cfg := Config{AckWait: briefAckWait, Simulator: []string{"--quirks", "refusals_use_no_id"}}
	if i.point.kind == conflict {
		cfg.Dead = 1
	}
	ctx, s := setup(t, cfg)
	s.trouble(ctx, t, i.point.kind)
	published := handful()
	must(t, s.Publish(ctx, published...))
	victim := s.victim(t, i.asked(), map[string]string{"CONCURRENCY": "2", "GOMAXPROCS": "1"})
	i.arrange(ctx, t, s, victim)
	must(t, victim.reached(ctx, i.point.name))
	i.follow(ctx, t, s, victim, published)

	must(t, s.WaitEnded(ctx, len(published)))
	must(t, s.WaitIdle(ctx))
	a := s.audit(ctx, t, published)
	if i.mode != kill && !victim.Running() {
		t.Errorf("the worker ended: %s", tail(victim.Stderr()))
	}
	i.judge(ctx, t, s, a)
}

func (i incident) asked() string {
	asked := fmt.Sprintf("%s#%d:%s", i.point.name, i.nth, i.mode.asked())
	if i.point.kind == overtake {
		return "after:send#1:stop," + asked
	}
	return asked
}

// trouble makes DOKU fail.
func (s *Stack) trouble(ctx context.Context, t *testing.T, kind kindOfPoint) {
	t.Helper()
	if kind == overtake {
		// No answer of the victim's may be a success: that would be believed
		// whatever the record says.
		must(t, s.DOKU.Fault(ctx, `{"match":{"operation":"refund"},"faults":[{"kind":"error_before","count":4}]}`))
		return
	}
	must(t, s.DOKU.call(ctx, http.MethodPost, "payments", overdrawn, nil))
	for _, rule := range troubles {
		must(t, s.DOKU.Fault(ctx, rule))
	}
}

// arrange does what it takes to let the victim reach its point.
func (i incident) arrange(ctx context.Context, t *testing.T, s *Stack, victim *Process) {
	t.Helper()
	switch i.point.kind {
	case conflict:
		must(t, s.WaitEnded(ctx, 1))
		other := s.settled(ctx, t)
		other.Amount++
		must(t, s.publishRaw(ctx, other))
	case overtake:
		must(t, victim.reached(ctx, "after:send"))
		s.worker(ctx, t, nil)
		pass(ctx, pastAskFrom)
		must(t, victim.Signal(syscall.SIGCONT))
	case ordinary:
	}
}

// settled is one of the jobs that have a result.
func (s *Stack) settled(ctx context.Context, t *testing.T) jobs.Job {
	t.Helper()
	a, err := s.Audit(ctx, handful())
	must(t, err)
	for _, r := range a.Refunds {
		if len(r.Results) > 0 {
			return r.Job
		}
	}
	t.Fatal("no job has a result")
	return jobs.Job{}
}

// follow is what happens next, when the victim has reached its point.
func (i incident) follow(ctx context.Context, t *testing.T, s *Stack, victim *Process, published []jobs.Job) {
	t.Helper()
	if i.mode == kill {
		status, err := victim.Wait(ctx)
		must(t, err)
		if status != -1 {
			t.Errorf("exit status %d: it was not killed: %s", status, tail(victim.Stderr()))
		}
	}
	if i.mode == duplicate {
		must(t, s.publishRaw(ctx, published...))
	}
	s.worker(ctx, t, nil)
	switch i.mode {
	case stop:
		pass(ctx, refund.SendWindow+500*time.Millisecond)
		must(t, victim.Signal(syscall.SIGCONT))
	case duplicate:
		pass(ctx, 5*briefAckWait/2)
		must(t, victim.Signal(syscall.SIGCONT))
	case kill, fail:
	}
}

// publishRaw publishes without Nats-Msg-Id, so that the server takes the same
// bytes again.
func (s *Stack) publishRaw(ctx context.Context, list ...jobs.Job) error {
	for _, j := range list {
		if _, err := s.JS.Publish(ctx, jobs.JobSubject(j.Channel), j.Encode()); err != nil {
			return fmt.Errorf("publish %s again: %w", j.RefundID, err)
		}
	}
	return nil
}

var errQueued = errors.New("messages are left")

// WaitIdle waits until no job and no wait is left.
func (s *Stack) WaitIdle(ctx context.Context) error {
	return until(ctx, func() error {
		for _, name := range []string{stream.Jobs, stream.Waits} {
			stream, err := s.JS.Stream(ctx, name)
			if err != nil {
				return err
			}
			if n := stream.CachedInfo().State.Msgs; n != 0 {
				return fmt.Errorf("%w: %d in %s", errQueued, n, name)
			}
		}
		return nil
	})
}

// judge holds each refund against what became of it at DOKU, beyond the audit.
func (i incident) judge(ctx context.Context, t *testing.T, s *Stack, a *Audit) {
	t.Helper()
	for id, r := range a.Refunds {
		want := []refund.State{refund.Succeeded}
		if id == card(4).RefundID && i.point.kind != overtake {
			want = []refund.State{refund.Failed, refund.Unresolved}
		}
		// What is unknown at a day's end is not sent again.
		if dayEnds(time.Now()) {
			want = append(want, refund.Unresolved)
		}
		if !slices.Contains(want, r.Status()) {
			t.Errorf("%s is %s, want %s; records %v", id, r.Status(), want, r.Records)
		}
	}
	if i.mode == stop && i.nth == 1 && i.point.name == "after:append" && !a.refusedLate() {
		t.Error("the first send was announced before the pause, and nothing says that it was not made after it")
	}
	// Behind the last look at the clock nothing is guaranteed but the money.
	if late := s.late(ctx, t, a); len(late) > 0 && i.point.name != "call:socket" {
		t.Errorf("%d requests arrived after their send_by, the first: %+v", len(late), late[0])
	}
}

// refusedLate reports whether a worker recorded that send_by kept it from a call.
func (a *Audit) refusedLate() bool {
	for _, r := range a.Refunds {
		for _, e := range r.Records {
			if e.Code == refund.CodeNotExecuted && strings.Contains(e.Note, "send_by passed") {
				return true
			}
		}
	}
	return false
}

// dayEnds reports whether a day ended a short while ago or will soon, in Jakarta
// or by UTC.
func dayEnds(now time.Time) bool {
	const near = 3 * time.Minute
	for _, offset := range []time.Duration{0, 7 * time.Hour} {
		at := now.UTC().Add(offset)
		if at.Add(near).Day() != at.Add(-near).Day() {
			return true
		}
	}
	return false
}
