package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
)

// A producer that sends a refund_id many times at once, with other content, has
// its notices within seconds. Left to AckWait, one message would go through each
// half minute, and each of the others would hold one of the consumer's
// MaxAckPending meanwhile.
func TestRepeatsOfARefundInHandAreLookedAtWithinSeconds(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{}) // AckWait as in production
	d := cardDone("in flight", "PARTIAL_REFUND", dokusim.Payment{}).drive("burst")
	body := d.body(t, time.Now())
	f.publish(t, d.channel, body) // all are queued before the worker starts
	const others = 40
	for n := range others {
		f.publish(t, d.channel, strings.Replace(body, d.invoice, fmt.Sprintf("OTHER-%d", n), 1))
	}
	began := time.Now()
	f.worker(t, nil)
	f.dead(t, others)
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("took %s", took)
	}
	f.settled(t)
	d.judge(t, f)
	f.audit(t)
}
