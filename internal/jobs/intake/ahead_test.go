package intake_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs/intake"
)

// Slots that become free while a pull is under way are pulled for by the next one
// in advance, up to a quarter of all. What has no slot yet waits, and is requeued
// by a drain.
func TestABatchIsAheadOfTheSlotsThatBecomeFree(t *testing.T) {
	t.Parallel()
	const slots = 8
	s := newStand(t, 30*time.Second)
	s.jobs(40)
	started, goOn := make(chan struct{}, 100), make(chan struct{})
	pulls, hold := make(chan int, 100), make(chan struct{}, 100)
	f := newFront(t, s, func(nc *nats.Conn, pull *nats.Msg) {
		var req struct {
			Batch int `json:"batch"`
		}
		_ = json.Unmarshal(pull.Data, &req)
		forward := func() {
			_ = nc.PublishRequest("$JS.API"+strings.TrimPrefix(pull.Subject, "FRONT"), pull.Reply, pull.Data)
		}
		if len(started) < slots || !strings.Contains(pull.Subject, ".REFUND_JOBS.") {
			forward()
			return
		}
		pulls <- req.Batch
		go func() {
			<-hold
			forward()
		}()
	})
	r := s.run(slots, func(_ context.Context, d *intake.Delivery) {
		started <- struct{}{}
		<-goOn
		ack(t, d)
	}, func(cfg *intake.Config) { cfg.JS = f.js })
	eventually(t, "all slots are taken", func() bool { return r.InFlight() == slots })

	goOn <- struct{}{}
	if n := receive(t, pulls, "a pull"); n != 1 {
		t.Errorf("the first pull asks for %d messages", n)
	}
	for range 4 {
		goOn <- struct{}{}
	}
	eventually(t, "four more slots are free", func() bool { return r.InFlight() == slots-5 })
	hold <- struct{}{}
	if n := receive(t, pulls, "the next pull"); n != 4+slots/4 {
		t.Errorf("the next pull asks for %d messages", n)
	}
	hold <- struct{}{}
	eventually(t, "the slots are taken and a quarter waits", func() bool { return r.InFlight() == slots && s.unsettled() == slots+slots/4 })

	close(goOn)
	close(hold)
	eventually(t, "everything is handled", func() bool { return len(started) == 40 && r.InFlight() == 0 && s.unsettled() == 0 })
}
