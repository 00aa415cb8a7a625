package virtualtime_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// ending is a refund whose deadline passes in one state.
type ending struct {
	channel  channel.Channel
	early    bool            // published while no worker runs
	dies     bool            // the process that records the first send ends
	refunds  []dokusim.Fault // what its refund calls meet
	asked    []dokusim.Fault // what inquiries about it meet
	deadline time.Duration   // after its publication
	path     string          // how its states end; "^" is their beginning
	code     string
	calls    int // -1: some
}

var endings = map[string]ending{
	"never taken up in time": {
		channel: channel.CreditCard, early: true, deadline: time.Minute,
		path: "^ rejected", code: refund.CodeDeadlineExceeded.String(),
	},
	"waiting, never sent": { // for there is no B2B token
		channel: channel.DirectDebitMandiri, deadline: time.Hour,
		path: "^ waiting rejected", code: refund.CodeDeadlineExceeded.String(),
	},
	"waiting, sent and not executed": {
		channel: channel.CreditCard, deadline: time.Hour,
		refunds: []dokusim.Fault{{Kind: dokusim.Respond, Status: 503, Body: `{"error":{"code":"MAINTENANCE_MODE"}}`, Count: -1}},
		path:    "sending waiting failed", code: refund.CodeDeadlineExceeded.String(), calls: -1,
	},
	"unknown and paid": {
		channel: channel.CreditCard, deadline: time.Hour,
		refunds: []dokusim.Fault{{Kind: dokusim.ErrorAfter}},
		asked:   []dokusim.Fault{{Kind: dokusim.ErrorBefore, Count: -1}},
		path:    "^ sending unknown unresolved", code: refund.CodeOutcomeUnknown.String(), calls: 1,
	},
	"sending, its process dead": { // the deadline comes before anybody may ask
		channel: channel.CreditCard, dies: true, deadline: 100 * time.Second,
		asked: []dokusim.Fault{missing(channel.CreditCard, -1)},
		path:  "^ sending unknown unresolved", code: refund.CodeOutcomeUnknown.String(),
	},
}

func TestDeadlineEndsEveryStateAsTheContractSays(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(s *stack) {
		t := s.t
		s.script(dokusim.Match{Operation: dokusim.OpTokenB2B}, dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1})
		var die sync.Map // ids of refunds whose process dies once
		refunds := map[string]posted{}
		for _, early := range []bool{true, false} {
			for name, e := range endings {
				if e.early == early {
					refunds[name] = e.begin(s, &die)
				}
			}
			if early {
				pass(t, 2*time.Minute)
				s.startWorker(func(c *service.Config) { c.Interrupt = deathOf(&die) })
			}
		}
		s.ended(len(endings), 3*time.Hour)
		stories := s.audit()
		for name, e := range endings {
			e.judge(s, name, refunds[name], stories[refunds[name].id])
		}
	})
}

func (e ending) begin(s *stack, die *sync.Map) posted {
	p := s.plan(e.channel)
	if len(e.refunds) > 0 {
		s.script(p.refunds(), e.refunds...)
	}
	if len(e.asked) > 0 {
		s.script(p.inquiries(), e.asked...)
	}
	if e.dies {
		die.Store(p.id, true)
	}
	s.publish(p, until(time.Now().Add(e.deadline)))
	return p
}

func (e ending) judge(s *stack, name string, p posted, st story) {
	s.t.Helper()
	if path := "^ " + st.path(); !strings.HasSuffix(path, e.path) || st.result().Error.Code != e.code {
		s.t.Errorf("%s: %s, %s; want %s, %s", name, path, st.result().Error.Code, e.path, e.code)
	}
	if n := len(s.calls(p)); n != e.calls && (e.calls >= 0 || n == 0) {
		s.t.Errorf("%s: %d calls, want %d", name, n, e.calls)
	}
}

// deathOf ends the handling of each refund in die after its next record.
func deathOf(die *sync.Map) func(string, refund.Effect) error {
	return func(id string, done refund.Effect) error {
		if done != refund.Append {
			return nil
		}
		if _, dies := die.LoadAndDelete(id); dies {
			return errDied
		}
		return nil
	}
}
