package virtualtime_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// restart stops the server, lets d go by, and starts it on the same files.
func (s *stack) restart(d time.Duration) {
	s.t.Helper()
	s.node.stop()
	pass(s.t, d)
	s.node.start(s.t, 0)
	s.reach()
}

// reach waits until we are connected again.
func (s *stack) reach() {
	s.t.Helper()
	for !s.nc.IsConnected() {
		pass(s.t, time.Second)
	}
}

func TestWaitsSurviveServerThatIsAwayForHours(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		start := time.Now()
		var refunds []posted
		for i := range 6 { // due before, while and after the server is away
			for _, ch := range both {
				refunds = append(refunds, s.post(ch, from(start.Add(time.Duration(i)*time.Hour))))
			}
		}
		pass(t, 90*time.Minute)
		s.restart(2 * time.Hour)
		s.ended(len(refunds), 4*time.Hour)
		s.allSucceeded(s.audit(), refunds...)
		for i, p := range refunds {
			due := start.Add(time.Duration(i/2) * time.Hour)
			if calls := s.calls(p); len(calls) != 1 || calls[0].At.Before(due) {
				t.Errorf("%s, due %s: %+v", p.id, due, calls)
			}
		}
	})
}

func TestAnswerOutlivesServerThatIsAwayForHours(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		var refunds []posted
		for _, ch := range both {
			p := s.plan(ch)
			s.script(p.refunds(), dokusim.Fault{Kind: dokusim.Hold})
			s.publish(p)
			refunds = append(refunds, p)
		}
		for _, p := range refunds {
			if _, err := s.doku.WaitHeld(t.Context(), p.refunds()); err != nil {
				t.Fatal(err)
			}
		}
		s.node.stop()
		if n := s.doku.Release(dokusim.Match{Operation: dokusim.OpAny}); n != 2 {
			t.Fatalf("%d answers were held", n)
		}
		pass(t, 3*time.Hour)
		s.node.start(t, 0)
		s.reach()
		s.ended(2, 5*time.Minute)
		stories := s.audit()
		s.allSucceeded(stories, refunds...)
		for _, p := range refunds {
			if r := stories[p.id].result(); r.Evidence != refund.ByResponse || len(s.calls(p)) != 1 {
				t.Errorf("%s: evidence %s, %d calls", p.id, r.Evidence, len(s.calls(p)))
			}
		}
	})
}

// A schedule that falls due while the server cannot store stays silent, room or
// no room: only the sweep brings it back.
func TestWaitsThatFellDueWithTheStorageFullAreSweptUp(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(s *stack) {
		t := s.t
		const limit = 8 << 20
		if _, err := s.js.CreateStream(t.Context(), ballast()); err != nil { // less than REFUND_JOBS reserves allows none
			t.Fatal(err)
		}
		s.node.stop()
		s.node.start(t, limit)
		s.reach()
		s.startWorker()
		due := time.Now().Add(30 * time.Minute)
		var refunds []posted
		for range 20 {
			for _, ch := range both {
				refunds = append(refunds, s.post(ch, from(due)))
			}
		}
		pass(t, time.Minute)
		s.fill()
		passUntil(t, due.Add(30*time.Minute))
		if n := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund})); n > 0 {
			t.Fatalf("%d calls though nothing could be recorded", n)
		}
		s.empty()
		s.ended(len(refunds), 15*time.Minute)
		s.allSucceeded(s.audit(), refunds...)
		if s.log.count("overdue messages published again") == 0 {
			t.Error("the sweep had nothing to do: the waits fired by themselves")
		}
	})
}

// fill publishes into the ballast's stream until the server can store no more,
// not even a record.
func (s *stack) fill() {
	s.t.Helper()
	for size := 512 << 10; size > 16; size /= 2 {
		for {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			_, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: "ballast", Data: make([]byte, size)})
			cancel()
			if err != nil {
				break
			}
		}
	}
}

func (s *stack) empty() {
	s.t.Helper()
	if err := s.js.DeleteStream(s.t.Context(), ballast().Name); err != nil {
		s.t.Fatal(err)
	}
}

func ballast() jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: "BALLAST", Subjects: []string{"ballast"}, Storage: jetstream.FileStorage}
}
