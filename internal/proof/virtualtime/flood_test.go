package virtualtime_test

import (
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/service"
)

// Ten thousand refunds of one channel wait while DOKU throttles that channel
// for an hour: half of them fresh jobs, half waits that fall due meanwhile.
func TestTenThousandWaitWithoutATryWhileTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	const (
		waiting     = 10_000
		rateLimit   = 50
		concurrency = 8
		ledger      = "refunds.ledger.credit_card.>"
	)
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.RateLimit, c.Concurrency = rateLimit, concurrency })
		cards := dokusim.Match{Operation: dokusim.OpRefund, Channel: string(channel.CreditCard)}
		s.script(cards, dokusim.Fault{Kind: dokusim.TooMany, Count: -1, RetryAfter: -1})
		start := time.Now()
		for i := range waiting {
			if i%2 == 0 {
				s.post(channel.CreditCard)
			} else {
				s.post(channel.CreditCard, from(start.Add(20*time.Minute+time.Duration(i)*time.Millisecond)))
			}
		}
		pass(t, time.Minute)
		before, early := s.count(ledger), len(s.doku.RequestsFor(cards))
		var others []posted
		for time.Since(start) < time.Hour {
			others = append(others, s.post(channel.DirectDebitMandiri))
			pass(t, time.Minute)
		}
		tried := len(s.doku.RequestsFor(cards))
		// Openings in a row last 2 s, 4 s, … RETRY_MAX, each at least half of it.
		if most := 5 + concurrency + 9 + 8; tried > most || tried < 8 {
			t.Errorf("%d tries within the hour, most are %d", tried, most)
		}
		// Nor does anybody look at them meanwhile, but for the probe and those among
		// which it was found: each look is a record.
		if records := s.count(ledger) - before; records > (2+concurrency)*(tried-early)+concurrency {
			t.Errorf("%d records of a channel that made %d tries", records, tried-early)
		}
		s.doku.ClearRules()
		s.ended(len(s.posted), 30*time.Minute)
		stories := s.audit()
		s.allSucceeded(stories, s.posted...)
		for _, p := range others {
			if r := stories[p.id].result(); r.CompletedAt.Sub(r.EnqueuedAt) > time.Second {
				t.Errorf("%s of another channel took %s", p.id, r.CompletedAt.Sub(r.EnqueuedAt))
			}
		}
		s.noBurst(cards, rateLimit+concurrency)
	})
}

// noBurst asserts that in no second more calls arrived than most and one, which may be
// due at its very beginning. Between its place under the rate limit and its arrival a call
// has its record stored, which is tried again after ten milliseconds and more where it is
// not answered: so as many calls as are under way at once may arrive closer together than
// they were let go.
func (s *stack) noBurst(m dokusim.Match, most int) {
	s.t.Helper()
	calls := s.doku.RequestsFor(m)
	for i := most + 1; i < len(calls); i++ {
		if d := calls[i].At.Sub(calls[i-most-1].At); d < time.Second {
			s.t.Errorf("%d calls within %s, from %s", most+2, d, calls[i-most-1].At)
			return
		}
	}
}
