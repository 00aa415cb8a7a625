package jobs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/internal/jobs"
)

func TestHeartbeatsKeepALongCall(t *testing.T) {
	t.Parallel()
	s := newStand(t, 450*time.Millisecond)
	s.jobs(3)
	s.dues(3)
	var deliveries atomic.Int64
	done := make(chan struct{}, 6)
	s.run(6, func(_ context.Context, d *jobs.Delivery) {
		deliveries.Add(1)
		<-time.After(1500 * time.Millisecond)
		ack(t, d)
		done <- struct{}{}
	})
	for range 6 {
		receive(t, done, "a handler")
	}
	if n := deliveries.Load(); n != 6 {
		t.Errorf("%d deliveries of 6 messages", n)
	}
}

func TestMessageThatWaitsForASlotIsHeartbeaten(t *testing.T) {
	t.Parallel()
	s := newStand(t, 450*time.Millisecond)
	seen, goOn := make(chan *jobs.Delivery, 10), make(chan struct{})
	s.run(1, func(_ context.Context, d *jobs.Delivery) {
		seen <- d
		<-goOn
		ack(t, d)
	})
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	s.jobs(1)
	receive(t, seen, "the job")
	s.dues(1)
	eventually(t, "the due message is in hand", func() bool { return s.unsettled() == 2 })
	<-time.After(1200 * time.Millisecond)
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
	s.run(2, func(_ context.Context, d *jobs.Delivery) {
		deliveries <- d.Delivered
		if d.Delivered == 1 {
			<-goOn
			return
		}
		ack(t, d)
	}, func(c *jobs.IntakeConfig) { c.Ceiling = 700 * time.Millisecond })
	receive(t, deliveries, "the first delivery")
	if n := receive(t, deliveries, "the second delivery"); n != 2 {
		t.Fatalf("delivery %d", n)
	}
	if after := time.Since(begin); after < 700*time.Millisecond {
		t.Errorf("let go after %v, before the ceiling", after)
	}
	close(goOn)
}

func TestMessageThatWaitsBeyondTheCeilingIsLetGo(t *testing.T) {
	t.Parallel()
	s := newStand(t, 300*time.Millisecond)
	seen, goOn := make(chan *jobs.Delivery, 10), make(chan struct{})
	s.run(1, func(_ context.Context, d *jobs.Delivery) {
		seen <- d
		if d.Source == jobs.Fresh {
			<-goOn
		}
		ack(t, d)
	}, func(c *jobs.IntakeConfig) { c.Ceiling = 400 * time.Millisecond })
	eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
	s.jobs(1)
	receive(t, seen, "the job")
	s.dues(1)
	eventually(t, "the due message is in hand", func() bool { return s.unsettled() == 2 })
	<-time.After(time.Second)
	close(goOn)
	if d := receive(t, seen, "the due message"); d.Delivered != 2 {
		t.Errorf("delivery %d", d.Delivered)
	}
}
