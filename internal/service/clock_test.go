package service_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/service"
)

// A worker whose clock is off says so and takes nothing; the job is done by one
// whose clock is right, and by the first when its clock has been set.
func TestWorkerWhoseClockIsOffIsNotReady(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"ahead": 150 * time.Second, "behind": -150 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, devstack.Config{})
			addr := freeAddr(t)
			var by atomic.Int64
			by.Store(int64(off))
			f.worker(t, func(cfg *service.Config) {
				cfg.HTTPAddr, cfg.Channels = addr, []channel.Channel{channel.CreditCard}
				cfg.Now = func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
			})
			first := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("first")
			first.begin(t, f)
			readiness(t, addr, http.StatusServiceUnavailable, "clock is off")
			if n := len(f.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpAny})); n != 0 {
				t.Errorf("%d requests", n)
			}
			other := f.start(t, nil)
			first.check(t, f)
			if err := other.Stop(); err != nil {
				t.Error(err)
			}
			by.Store(0)
			readiness(t, addr, http.StatusOK, "ready")
			second := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("second")
			second.begin(t, f)
			second.check(t, f)
			f.audit(t)
		})
	}
}
