package intake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/intake"
)

func TestDeliveryIsSettledOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, 30*time.Second)
	s.jobs(1)
	deliveries := make(chan *intake.Delivery, 10)
	begin := time.Now()
	r := s.run(1, func(_ context.Context, d *intake.Delivery) {
		if err := d.InProgress(); err != nil {
			t.Errorf("heartbeat: %v", err)
		}
		if d.Delivered == 1 {
			if err := d.Nak(300 * time.Millisecond); err != nil {
				t.Errorf("nak: %v", err)
			}
		} else {
			ack(t, d)
		}
		for what, err := range map[string]error{"ack": d.Ack(), "nak": d.Nak(0), "heartbeat": d.InProgress()} {
			if !errors.Is(err, intake.ErrSettled) {
				t.Errorf("%s again: %v", what, err)
			}
		}
		deliveries <- d
	})
	receive(t, deliveries, "the first delivery")
	if d := receive(t, deliveries, "the second delivery"); d.Delivered != 2 || time.Since(begin) < 300*time.Millisecond {
		t.Errorf("delivery %d after %v", d.Delivered, time.Since(begin))
	}
	r.stop()
	eventually(t, "the server has it settled", func() bool { return s.unsettled() == 0 })
}

func TestDeliveryWithoutAnAckerSaysSo(t *testing.T) {
	t.Parallel()
	d := &intake.Delivery{Stream: "REFUND_JOBS", Sequence: 7}
	for _, err := range []error{d.Ack(), d.Nak(time.Second), d.InProgress()} {
		if !errors.Is(err, intake.ErrNoAcker) || !strings.Contains(err.Error(), "REFUND_JOBS 7") {
			t.Errorf("error %v", err)
		}
	}
}
