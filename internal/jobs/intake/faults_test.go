package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func TestIntakeSurvivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	got := make(chan string, 10)
	r := s.run(4, func(_ context.Context, d *intake.Delivery) { ack(t, d); got <- name(d) }, func(c *intake.Config) {
		// A long poll that was lost with its server would be missed in an hour.
		c.PollHeartbeat, c.PollWait, c.StallAfter = time.Hour, 2*time.Hour, 2*time.Hour
	})
	s.jobs(1)
	receive(t, got, "the job before")
	for range 2 {
		s.stopServer()
		eventually(t, "the status tells", func() bool { return errors.Is(r.Status(), intake.ErrDisconnected) })
		s.startServer()
		eventually(t, "connected again", s.nc.IsConnected)
		s.jobs(1)
		s.dues(1)
		receive(t, got, "a message after")
		receive(t, got, "a message after")
		eventually(t, "pulling again", func() bool { return r.Status() == nil })
	}
}

func TestIntakeStartsBeforeItsServerAndDrainsWithoutIt(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(1)
	s.stopServer()
	got := make(chan string, 10)
	handle := func(_ context.Context, d *intake.Delivery) { ack(t, d); got <- name(d) }
	away := s.run(4, handle)
	eventually(t, "the status tells", func() bool { return errors.Is(away.Status(), intake.ErrDisconnected) })
	away.stop()

	s.run(4, handle)
	s.startServer()
	receive(t, got, "the job")
}

func TestDeletedConsumerIsMissedAndFoundAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	got := make(chan string, 10)
	r := s.run(4, func(_ context.Context, d *intake.Delivery) { ack(t, d); got <- name(d) }, func(c *intake.Config) {
		// A long poll that was lost with its server would be missed in an hour.
		c.PollHeartbeat, c.PollWait, c.StallAfter = time.Hour, 2*time.Hour, 2*time.Hour
	})
	s.jobs(1)
	receive(t, got, "the job before")
	for _, c := range consumers() {
		eventually(t, "both long polls stand", func() bool { return s.waiting() == 2 })
		if err := s.js.DeleteConsumer(t.Context(), c.Stream, c.Config.Durable); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the status tells", func() bool {
			err := r.Status()
			return errors.Is(err, jetstream.ErrConsumerNotFound) && strings.Contains(err.Error(), c.Config.Durable)
		})
		if _, err := s.js.CreateConsumer(t.Context(), c.Stream, c.Config); err != nil {
			t.Fatal(err)
		}
		eventually(t, "pulling again", func() bool { return r.Status() == nil })
		s.publish(c.Config.FilterSubject, 1)
		receive(t, got, "the message after")
	}
}

// A pull that is sent after the deletion is answered by nobody.
func TestConsumerDeletedBetweenTwoPullsIsMissed(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(1)
	started, goOn := make(chan struct{}, 1), make(chan struct{})
	r := s.run(1, func(_ context.Context, d *intake.Delivery) {
		started <- struct{}{}
		<-goOn
	}, quick)
	receive(t, started, "the job")
	if err := s.js.DeleteConsumer(t.Context(), stream.Jobs, stream.WorkerConsumer(channel.CreditCard)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody notices while no pull is sent", func() bool { return r.Status() == nil })
	close(goOn)
	eventually(t, "the status tells", func() bool { return errors.Is(r.Status(), jetstream.ErrConsumerNotFound) })
}

func TestOneConsumerGoneDoesNotStopTheOther(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	if err := s.js.DeleteConsumer(t.Context(), stream.Waits, stream.DueConsumer(channel.CreditCard)); err != nil {
		t.Fatal(err)
	}
	w := newWatch(100)
	r := s.run(4, func(_ context.Context, d *intake.Delivery) { w.enter(d); ack(t, d); w.leave() })
	s.jobs(100)
	receive(t, w.all, "the last job")
	eventually(t, "the status names the missing one only", func() bool {
		err := r.Status()
		return errors.Is(err, jetstream.ErrConsumerNotFound) && !strings.Contains(err.Error(), "worker_")
	})
}

func TestPausedOrFullConsumerIsNoStall(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]func(t *testing.T, s *stand){
		"paused": func(t *testing.T, s *stand) {
			t.Helper()
			for _, c := range consumers() {
				_, err := s.js.PauseConsumer(t.Context(), c.Stream, c.Config.Durable, time.Now().Add(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
			}
			s.jobs(5)
		},
		"full": func(t *testing.T, s *stand) {
			t.Helper()
			s.alter(func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 3 })
			s.jobs(5)
			consumer, err := s.js.Consumer(t.Context(), stream.Jobs, stream.WorkerConsumer(channel.CreditCard))
			if err != nil {
				t.Fatal(err)
			}
			batch, err := consumer.Fetch(3) // another process
			if err != nil {
				t.Fatal(err)
			}
			for range batch.Messages() {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, 30*time.Second)
			block(t, s)
			asked := make(chan struct{}, 100)
			sub, err := s.nc.Subscribe("$JS.API.CONSUMER.INFO."+stream.Jobs+".>", func(*nats.Msg) { asked <- struct{}{} })
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Unsubscribe()
			r := s.run(4, func(context.Context, *intake.Delivery) { t.Error("a message came") }, quick)
			for range 1 + 2 { // the look-up, then two check-ups
				receive(t, asked, "a question about the consumer")
			}
			r.stop()
			if strings.Contains(r.log.String(), intake.ErrStalled.Error()) {
				t.Errorf("log %s", r.log)
			}
		})
	}
}

// quick shortens what would take minutes.
func quick(c *intake.Config) {
	c.AnswerWait, c.PollHeartbeat, c.PollWait = 200*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond
	c.StallAfter = 500 * time.Millisecond
}

// front stands between intake and broker as another API prefix, and can lose
// or answer pulls itself.
type front struct {
	js    jetstream.JetStream
	pulls func(nc *nats.Conn, msg *nats.Msg) // nil: the broker gets them
	wrong atomic.Bool                        // whether pulls is used
}

func newFront(t *testing.T, s *stand, pulls func(*nats.Conn, *nats.Msg)) *front {
	t.Helper()
	f := &front{pulls: pulls}
	f.wrong.Store(true)
	sub, err := s.nc.Subscribe("FRONT.>", func(msg *nats.Msg) {
		if strings.HasPrefix(msg.Subject, "FRONT.CONSUMER.MSG.NEXT.") && f.wrong.Load() {
			f.pulls(s.nc, msg)
			return
		}
		_ = s.nc.PublishRequest("$JS.API"+strings.TrimPrefix(msg.Subject, "FRONT"), msg.Reply, msg.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	if f.js, err = jetstream.NewWithAPIPrefix(s.nc, "FRONT"); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPullsThatGoWrongAreReportedAndOvercome(t *testing.T) {
	t.Parallel()
	word := func(status string) func(*nats.Conn, *nats.Msg) {
		return func(nc *nats.Conn, pull *nats.Msg) {
			msg := nats.NewMsg(pull.Reply)
			msg.Header.Set("Status", status)
			msg.Header.Set("Description", "Something New")
			_ = nc.PublishMsg(msg)
		}
	}
	for name, c := range map[string]struct {
		pulls func(*nats.Conn, *nats.Msg)
		want  error
	}{
		"no answer":     {func(*nats.Conn, *nats.Msg) {}, intake.ErrNoAnswer},
		"unknown word":  {word("409"), intake.ErrPullRefused},
		"no responders": {word("503"), intake.ErrPullRefused},
		"ended early":   {word("408"), intake.ErrPullRefused},
		"stalled":       {emptyHanded, intake.ErrStalled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, 30*time.Second)
			s.jobs(3)
			f := newFront(t, s, c.pulls)
			w := newWatch(3)
			r := s.run(4, func(_ context.Context, d *intake.Delivery) { w.enter(d); ack(t, d); w.leave() }, quick,
				func(cfg *intake.Config) { cfg.JS = f.js })
			eventually(t, "the log tells", func() bool { return strings.Contains(r.log.String(), c.want.Error()) })
			f.wrong.Store(false)
			receive(t, w.all, "the last job")
			eventually(t, "pulling again", func() bool { return r.Status() == nil })
		})
	}
}

// emptyHanded answers every pull as if nothing were there, in due time.
func emptyHanded(nc *nats.Conn, pull *nats.Msg) {
	var req struct {
		Expires time.Duration `json:"expires"`
	}
	if json.Unmarshal(pull.Data, &req) != nil {
		return
	}
	tenth := int64(req.Expires / 10)
	for tenths, status := range map[int64]string{3: "100", 6: "100", 9: "408"} {
		time.AfterFunc(time.Duration(tenths*tenth), func() {
			msg := nats.NewMsg(pull.Reply)
			msg.Header.Set("Status", status)
			_ = nc.PublishMsg(msg)
		})
	}
}

func TestPullsThatKeepFailingAreNoBusyLoop(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	pulls := make(chan time.Time, 100)
	f := newFront(t, s, func(nc *nats.Conn, pull *nats.Msg) {
		if strings.HasSuffix(pull.Subject, stream.WorkerConsumer(channel.CreditCard)) {
			pulls <- time.Now()
		}
		msg := nats.NewMsg(pull.Reply)
		msg.Header.Set("Status", "409")
		_ = nc.PublishMsg(msg)
	})
	s.run(4, func(context.Context, *intake.Delivery) {}, quick, func(c *intake.Config) { c.JS = f.js })
	last := receive(t, pulls, "the first pull")
	for _, least := range []int64{90, 140, 210} { // about: it grows by half
		next := receive(t, pulls, "another pull")
		if pause := next.Sub(last); pause.Milliseconds() < least {
			t.Errorf("pulled again after %v, want %d ms at least", pause, least)
		}
		last = next
	}
}
