package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/service"
)

// A producer that sends a refund_id many times at once, with other content, has
// its notices within seconds. Left to AckWait, one message would be handled per
// AckWait, and each of the others would hold one of the consumer's MaxAckPending
// meanwhile.
func TestRepeatsOfARefundInFlightDoNotWaitForAckWait(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: time.Hour}) // nothing comes back by itself
	f.worker(t, func(cfg *service.Config) { cfg.Policy.Timeout = time.Minute })
	d := heldCall(t, f, "burst") // which of them comes first is not left to chance
	body := d.body(t, time.Now())
	const others = 40
	for n := range others {
		f.publish(t, d.channel, strings.Replace(body, d.invoice, fmt.Sprintf("OTHER-%d", n), 1))
	}
	f.DOKU.Release(d.refundCalls())
	f.dead(t, others)
	f.settled(t)
	d.check(t, f)
	f.audit(t)
}
