package virtualtime_test

import (
	"fmt"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// recovery is how long after an outage everything must have ended: a refund's
// own longest delay, and the longest that a breaker may stay open after it.
const recovery = 45 * time.Minute

// both are the channels of a worker, one of each family.
var both = []channel.Channel{channel.CreditCard, channel.DirectDebitMandiri}

// postAll publishes n jobs a channel.
func (s *stack) postAll(n int) (refunds []posted) {
	s.t.Helper()
	for range n {
		for _, ch := range both {
			refunds = append(refunds, s.post(ch))
		}
	}
	return refunds
}

func TestHoursWithoutDOKUEndInOnePaymentEach(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		s.refused.Store(true)
		refunds := s.postAll(10)
		pass(t, 3*time.Hour)
		refunds = append(refunds, s.postAll(2)...)
		pass(t, time.Hour)
		if n := s.count("refunds.results.>"); n > 0 {
			t.Fatalf("%d results without DOKU", n)
		}
		// The first five of a channel open its breaker, with what was under way
		// beside them; later tries are its probes, four an hour once it waits
		// RETRY_MAX, eight with the jitter.
		if tries := s.tries.Load(); tries < 20 || tries > 2*(32+12+8*4) {
			t.Errorf("%d tries to connect in four hours", tries)
		}
		if s.log.count("circuit breaker opened", `"credit_card"`, "unreachable") == 0 {
			t.Error("no breaker opened")
		}
		s.refused.Store(false)
		s.ended(len(refunds), recovery)
		stories := s.audit()
		s.allSucceeded(stories, refunds...)
		for _, p := range refunds {
			if n := len(s.calls(p)); n != 1 {
				t.Errorf("%s: %d requests", p.id, n)
			}
			if r := stories[p.id].result(); p.channel == channel.DirectDebitMandiri && r.Attempts != 1 {
				t.Errorf("%s: %d attempts though there was no token to send with", p.id, r.Attempts)
			}
		}
		if s.log.count("circuit breaker closed") != 2 {
			t.Errorf("%d breakers closed", s.log.count("circuit breaker closed"))
		}
	})
}

func TestHoursOfServerErrorsEndInOnePaymentEach(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		// Half of the answers are lost after the commit, half before it, and
		// nobody can be asked.
		s.script(dokusim.Match{Operation: dokusim.OpInquiry}, dokusim.Fault{Kind: dokusim.ErrorBefore, Status: 503, Count: -1})
		var refunds []posted
		for i := range 10 {
			kind := []dokusim.Kind{dokusim.ErrorAfter, dokusim.ErrorBefore, dokusim.ResetAfter, dokusim.ResetBefore, dokusim.HTMLAfter}[i%5]
			for _, ch := range both {
				s.script(dokusim.Match{Channel: string(ch)}, dokusim.Fault{Kind: kind})
				refunds = append(refunds, s.post(ch))
				pass(t, time.Second)
			}
		}
		pass(t, 4*time.Hour)
		if n := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund})); n != len(refunds) {
			t.Errorf("%d refund calls for %d refunds that nobody could be asked about", n, len(refunds))
		}
		s.doku.ClearRules()
		s.ended(len(refunds), recovery)
		s.allSucceeded(s.audit(), refunds...)
	})
}

func TestHoursOf429EndInOnePaymentEach(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.Concurrency = 4 })
		s.script(dokusim.Match{}, dokusim.Fault{Kind: dokusim.TooMany, Count: -1, RetryAfter: 2 * time.Minute})
		refunds := s.postAll(10)
		pass(t, 4*time.Hour)
		// Retry-After is never undercut: once a breaker is open, a probe comes
		// every two minutes at most.
		calls := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund}))
		if most := 2 * (5 + 4 + 4*30); calls < 20 || calls > most {
			t.Errorf("%d calls to a DOKU that said 429, most are %d", calls, most)
		}
		s.doku.ClearRules()
		s.ended(len(refunds), recovery)
		s.allSucceeded(s.audit(), refunds...)
	})
}

func TestADayOfTokensIsADayWithoutRefusal(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.Channels = both[1:] })
		for range 24 * 6 {
			s.post(channel.DirectDebitMandiri)
			pass(t, 10*time.Minute)
		}
		s.post(channel.DirectDebitMandiri)
		s.ended(len(s.posted), time.Minute)
		tokens := s.doku.Seen()[dokusim.OpTokenB2B]
		if tokens < 24*60/20 || tokens > 24*60/10+1 {
			t.Errorf("%d tokens in a day, each good for 15 minutes", tokens)
		}
		for _, r := range s.doku.Requests() {
			if r.Status != 200 {
				t.Errorf("%s at %s: %d %s", r.Operation, r.At, r.Status, r.Code)
			}
		}
		s.doku.ExpireTokens() // before their time
		last := s.post(channel.DirectDebitMandiri)
		s.ended(len(s.posted), time.Minute)
		stories := s.audit()
		s.allSucceeded(stories, s.posted...)
		if got := stories[last.id].path(); got != "sending waiting sending succeeded" {
			t.Errorf("after a refused token: %s", got)
		}
	})
}

// DOKU may count the number of a request that it refused as used.
func TestRefusedNumbersThatAreUsedUpAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		again := s.plan(channel.DirectDebitMandiri)
		s.script(again.refunds(), dokusim.Fault{Kind: dokusim.TooMany, Count: 4, Remember: true})
		s.publish(again)
		// A Request-Id is forever. Where DOKU keeps the refusal with what was
		// refused, every repeat gets it, and the refund fails at its deadline.
		burnt := s.plan(channel.CreditCard)
		refusal := fmt.Sprintf(`{"order":{"invoice_number":%q},"payment":{"original_request_id":%q},"refund":{"amount":%d},`+
			`"error":{"code":"TOO_MANY_REQUESTS"}}`, burnt.invoice, "REQ-"+burnt.id, burnt.amount)
		s.script(burnt.refunds(), dokusim.Fault{Kind: dokusim.Respond, Status: 429, Body: refusal},
			dokusim.Fault{Kind: dokusim.Respond, Status: 409, Body: refusal, Count: -1})
		s.publish(burnt, until(time.Now().Add(2*time.Hour)))
		// Where it keeps the bare refusal, nobody can tell whose it was: that
		// is said, and nobody else is blamed.
		bare := s.plan(channel.CreditCard)
		s.script(bare.refunds(), dokusim.Fault{Kind: dokusim.TooMany, Remember: true})
		s.publish(bare)
		s.ended(3, 2*time.Hour+recovery)

		stories := s.audit()
		s.allSucceeded(stories, again)
		if r := stories[burnt.id].result(); r.Status != refund.Failed || r.Error.Code != refund.CodeDeadlineExceeded.String() || r.Attempts < 3 {
			t.Errorf("burnt: %s %s after %d attempts (%s)", r.Status, r.Error.Code, r.Attempts, stories[burnt.id].path())
		}
		if r := stories[bare.id].result(); r.Status != refund.Unresolved || r.Error.Code != refund.CodeIdentifierUsed.String() {
			t.Errorf("bare: %s %s (%s)", r.Status, r.Error.Code, stories[bare.id].path())
		}
		numbers := map[string]bool{}
		for _, c := range s.calls(again) {
			numbers[c.ID] = true
		}
		if len(s.calls(again)) != 5 || len(numbers) != 5 {
			t.Errorf("%d calls under %d numbers", len(s.calls(again)), len(numbers))
		}
	})
}
