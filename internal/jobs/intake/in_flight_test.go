package intake_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// beats returns a count of the heartbeats that a stream's messages get, taken
// from what passes the broker.
func (s *stand) beats(stream string) func() int64 {
	s.t.Helper()
	var n atomic.Int64
	sub, err := s.nc.Subscribe("$JS.ACK."+stream+".>", func(msg *nats.Msg) {
		if string(msg.Data) == "+WPI" {
			n.Add(1)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = sub.Unsubscribe() })
	return n.Load
}

func TestHeartbeatsKeepALongCall(t *testing.T) {
	t.Parallel()
	s := newStand(t, 450*time.Millisecond)
	fresh, due := s.beats(stream.Jobs), s.beats(stream.Waits)
	s.jobs(3)
	s.dues(3)
	var deliveries atomic.Int64
	goOn := make(chan struct{})
	r := s.run(6, func(_ context.Context, d *intake.Delivery) {
		deliveries.Add(1)
		<-goOn
		ack(t, d)
	})
	// Three make one AckWait.
	eventually(t, "two AckWaits have passed", func() bool { return fresh() >= 6*3 && due() >= 6*3 })
	close(goOn)
	eventually(t, "all have ended", func() bool { return r.InFlight() == 0 && s.unsettled() == 0 })
	if n := deliveries.Load(); n != 6 {
		t.Errorf("%d deliveries of 6 messages", n)
	}
}

func TestHeartbeatsEndWithTheHandler(t *testing.T) {
	t.Parallel()
	s := newStand(t, 150*time.Millisecond)
	s.jobs(1)
	deliveries := make(chan uint64, 10)
	s.run(1, func(_ context.Context, d *intake.Delivery) {
		deliveries <- d.Delivered
		if d.Delivered == 3 {
			ack(t, d)
		}
	})
	for want := range uint64(3) {
		if n := receive(t, deliveries, "a delivery"); n != want+1 {
			t.Errorf("delivery %d, want %d", n, want+1)
		}
	}
}

func TestMessageThatWaitsForASlotIsHeartbeaten(t *testing.T) {
	t.Parallel()
	s := newStand(t, 450*time.Millisecond)
	seen, goOn := make(chan *intake.Delivery, 10), make(chan struct{})
	s.run(1, func(_ context.Context, d *intake.Delivery) {
		seen <- d
		<-goOn
		ack(t, d)
	})
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	due := s.beats(stream.Waits)
	s.jobs(1)
	receive(t, seen, "the job")
	s.dues(1)
	eventually(t, "two AckWaits have passed", func() bool { return due() >= 6 })
	close(goOn)
	if d := receive(t, seen, "the due message"); d.Delivered != 1 {
		t.Errorf("delivered %d times", d.Delivered)
	}
}

func TestWedgedHandlerLetsItsMessageGo(t *testing.T) {
	t.Parallel()
	s := newStand(t, 300*time.Millisecond)
	s.jobs(1)
	deliveries, goOn := make(chan uint64, 10), make(chan struct{})
	begin := time.Now()
	s.run(2, func(_ context.Context, d *intake.Delivery) {
		deliveries <- d.Delivered
		if d.Delivered == 1 {
			<-goOn
			return
		}
		ack(t, d)
	}, func(c *intake.Config) { c.Ceiling = 700 * time.Millisecond })
	receive(t, deliveries, "the first delivery")
	if n := receive(t, deliveries, "the second delivery"); n != 2 {
		t.Fatalf("delivery %d", n)
	}
	if after := time.Since(begin); after < 700*time.Millisecond {
		t.Errorf("let go after %v, before the ceiling", after)
	}
	close(goOn)
}

// another pulls one message of a consumer as another process would.
func (s *stand) another(c stream.Consumer) jetstream.Msg {
	s.t.Helper()
	consumer, err := s.js.Consumer(s.t.Context(), c.Stream, c.Config.Durable)
	if err != nil {
		s.t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(timeout))
	if err != nil {
		s.t.Fatal(err)
	}
	return msg
}

func TestMessageThatWaitsBeyondTheCeilingIsLetGo(t *testing.T) {
	t.Parallel()
	s := newStand(t, 300*time.Millisecond)
	seen, goOn := make(chan *intake.Delivery, 10), make(chan struct{})
	r := s.run(1, func(_ context.Context, d *intake.Delivery) {
		seen <- d
		if d.Origin == intake.FromJobs {
			<-goOn
		}
		ack(t, d)
	}, func(c *intake.Config) { c.Ceiling = 400 * time.Millisecond })
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	s.jobs(1)
	receive(t, seen, "the job")
	s.dues(1)
	eventually(t, "the due message is in flight", func() bool { return s.unsettled() == 2 })
	if err := s.another(consumers()[1]).Ack(); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	eventually(t, "all is settled", func() bool { return r.InFlight() == 0 && s.unsettled() == 0 })
	for len(seen) > 0 {
		if d := <-seen; d.Origin == intake.FromDue {
			t.Error("the message that was let go was handled")
		}
	}
}
