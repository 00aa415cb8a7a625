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

// The hour around midnight in Jakarta (17:00 UTC), after which an unknown refund
// is not sent again.
var (
	closes = at(1, 16, 30)
	opens  = at(1, 17, 30)
)

const gatewayPage = "<html><h1>Under maintenance</h1></html>"

// outage is one way in which a DOKU that does nothing still answers.
type outage struct {
	fault dokusim.Fault
	hits  []dokusim.Operation // empty: all
}

var outages = map[string]outage{
	"503":                      {fault: dokusim.Fault{Kind: dokusim.ErrorBefore, Status: 503, Count: -1}},
	"503, and tokens work":     {dokusim.Fault{Kind: dokusim.ErrorBefore, Status: 503, Count: -1}, []dokusim.Operation{dokusim.OpRefund, dokusim.OpInquiry}},
	"500 to refunds alone":     {dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1}, []dokusim.Operation{dokusim.OpRefund}},
	"a page with 502":          {fault: dokusim.Fault{Kind: dokusim.Respond, Status: 502, Body: gatewayPage, Count: -1}},
	"a page with 200":          {fault: dokusim.Fault{Kind: dokusim.HTMLBefore, Count: -1}},
	"firewall's 403":           {fault: dokusim.Fault{Kind: dokusim.Respond, Status: 403, Body: gatewayPage, Count: -1}},
	"time-outs":                {fault: dokusim.Fault{Kind: dokusim.HoldBefore, Count: -1}},
	"time-outs of the refunds": {dokusim.Fault{Kind: dokusim.HoldBefore, Count: -1}, []dokusim.Operation{dokusim.OpRefund}},
}

func (s *stack) begin(o outage) {
	s.t.Helper()
	if len(o.hits) == 0 {
		o.hits = []dokusim.Operation{dokusim.OpAny}
	}
	for _, hit := range o.hits {
		s.script(dokusim.Match{Operation: hit}, o.fault)
	}
}

// everUnknown returns the refunds of a channel that were unknown at some time.
func everUnknown(stories map[string]story, refunds []posted, ch channel.Channel) map[string]bool {
	found := map[string]bool{}
	for _, p := range refunds {
		for _, r := range stories[p.id].records {
			if p.channel == ch && r.State == refund.Unknown {
				found[p.id] = true
			}
		}
	}
	return found
}

// The promise of the fourth cause: an hour of an answering outage over midnight
// leaves no more refunds in doubt than CONCURRENCY, the five that open the
// breaker and the probes, and loses none of the others.
func TestOutageThatAnswersLeavesFewUnknown(t *testing.T) {
	t.Parallel()
	for name, o := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inLongVirtualTime(t, func(s *stack) {
				passUntil(s.t, closes.Add(-time.Minute))
				s.startWorker(func(c *service.Config) { c.Policy.RetryDeadline = 150 * time.Minute })
				passUntil(s.t, closes)
				s.begin(o)
				refunds := s.postAll(60)
				passUntil(s.t, opens)
				s.outlived(refunds, s.probes())
			})
		})
	}
}

// probes counts the times that breakers opened again: each was a probe's doing.
func (s *stack) probes() (byChannel map[channel.Channel]int) {
	byChannel = map[channel.Channel]int{}
	for _, ch := range both {
		byChannel[ch] = s.log.count("circuit breaker opened", fmt.Sprintf("%q", ch), "failing") - 1
	}
	return byChannel
}

// outlived ends the outage and holds what became of the refunds against the
// promise.
func (s *stack) outlived(refunds []posted, probes map[channel.Channel]int) {
	s.t.Helper()
	during := s.read()
	s.doku.ClearRules()
	s.ended(len(refunds), 7*time.Hour)
	stories := s.audit()
	for _, ch := range both {
		doubt := everUnknown(during, refunds, ch)
		if most := 32 + 5 + probes[ch]; len(doubt) > most || probes[ch] < 5 {
			s.t.Errorf("%s: %d refunds in doubt after %d probes, most are %d", ch, len(doubt), probes[ch], most)
		}
		s.t.Logf("%s: %d of %d ever unknown, %d probes", ch, len(doubt), len(refunds)/2, probes[ch])
		for _, p := range refunds {
			r := stories[p.id].result()
			switch {
			case p.channel != ch || r.Status == refund.Succeeded:
			case !doubt[p.id]:
				s.t.Errorf("%s: %s though it was never in doubt (%s)", p.id, r.Status, stories[p.id].path())
			case r.Status != refund.Unresolved || r.Error.Code != refund.CodeOutcomeUnknown.String():
				s.t.Errorf("%s: %s %v (%s)", p.id, r.Status, r.Error, stories[p.id].path())
			}
		}
	}
}

// Ten thousand jobs are queued, and DOKU fails for an hour.
func TestOutageThatAnswersCostsAHandfulOfCallsAMinute(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"503", "500 to refunds alone"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inLongVirtualTime(t, func(s *stack) {
				s.begin(outages[name])
				var refunds []posted
				for range 10_000 {
					refunds = append(refunds, s.post(channel.CreditCard))
				}
				start := time.Now()
				s.startWorker()
				passUntil(s.t, start.Add(time.Hour))
				minutes := map[int]int{}
				for _, r := range s.doku.Requests() {
					minutes[int(r.At.Sub(start)/time.Minute)]++
				}
				for minute, calls := range minutes {
					// The first holds CONCURRENCY and the shortest waits.
					if most := 6; calls > most && (minute > 0 || calls > 32+4*most) {
						s.t.Errorf("%d calls in minute %d", calls, minute)
					}
				}
				s.t.Logf("%d calls within the hour: %v", len(s.doku.Requests()), minutes)
				records := s.count("refunds.ledger.>")
				if records > 2_000 {
					s.t.Errorf("%d records: the queue did not stay queued", records)
				}
				s.doku.ClearRules()
				s.ended(len(refunds), recovery)
				s.allSucceeded(s.audit(), refunds...)
			})
		})
	}
}

// DOKU answers 500 to one refund whatever is asked about it, and works.
func TestRefundThatAlwaysFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		fails := dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1}
		var bad []posted
		for _, ch := range both {
			p := s.plan(ch)
			s.script(p.refunds(), fails)
			if ch == channel.CreditCard { // the other's inquiries find nothing, so that it is sent again and again
				s.script(p.inquiries(), fails)
			}
			s.publish(p, until(time.Now().Add(3*time.Hour)))
			bad = append(bad, p)
		}
		pass(t, time.Hour)
		var others []posted
		for range 60 {
			others = append(others, s.postAll(1)...)
			pass(t, time.Minute)
		}
		s.ended(len(others)+len(bad), 2*time.Hour)
		stories := s.audit()
		s.allSucceeded(stories, others...)
		for _, p := range others {
			if r := stories[p.id].result(); r.CompletedAt.Sub(r.EnqueuedAt) > time.Second {
				t.Errorf("%s took %s", p.id, r.CompletedAt.Sub(r.EnqueuedAt))
			}
		}
		for _, p := range bad {
			if r := stories[p.id].result(); r.Status != refund.Unresolved {
				t.Errorf("%s: %s", p.id, r.Status)
			}
		}
		if n := len(s.calls(bad[1])); n < 5 {
			t.Errorf("%d calls: the test is about a refund that is sent again and again", n)
		}
		if n := s.log.count("circuit breaker opened"); n > 0 {
			t.Errorf("%d breakers opened", n)
		}
	})
}

// An outage leaves its breaker to a refund that fails for reasons of its own:
// the others get the probe.
func TestRefundThatAlwaysFailsDoesNotProlongAnOutage(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.Concurrency, c.Channels = 1, both[:1] })
		fails := dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1}
		p := s.plan(channel.CreditCard)
		s.script(p.refunds(), fails)
		s.publish(p, until(time.Now().Add(4*time.Hour)))
		pass(t, time.Second)
		s.script(dokusim.Match{}, fails)
		others := make([]posted, 0, 20)
		for range 20 {
			others = append(others, s.post(channel.CreditCard))
		}
		pass(t, time.Hour)
		s.doku.ClearRules()
		s.script(p.refunds(), fails)
		s.ended(len(others), recovery)
		if s.log.count("circuit breaker closed") == 0 {
			t.Error("no breaker opened and closed again")
		}
		s.ended(len(others)+1, 4*time.Hour)
		s.allSucceeded(s.audit(), others...)
	})
}

// The only refund of a channel is its only probe.
func TestOnlyRefundOfAChannelGetsThroughAfterAnOutage(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.Channels = both[:1] })
		s.script(dokusim.Match{Operation: dokusim.OpAny}, dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1})
		for range 5 { // they open the breaker, and end
			s.post(channel.CreditCard, until(time.Now().Add(20*time.Minute)))
		}
		s.ended(5, 3*time.Hour)
		left := s.post(channel.CreditCard)
		pass(t, time.Hour)
		s.doku.ClearRules()
		s.ended(6, recovery)
		s.allSucceeded(s.audit(), left)
	})
}

// A status service that is down does not stop refunds that work.
func TestInquiriesThatFailHoldUpNoRefundForLong(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.Channels = both[:1] })
		s.script(dokusim.Match{Operation: dokusim.OpInquiry}, dokusim.Fault{Kind: dokusim.ErrorBefore, Status: 503, Count: -1})
		var lost []posted
		for range 4 {
			p := s.plan(channel.CreditCard)
			s.script(p.refunds(), dokusim.Fault{Kind: dokusim.ErrorAfter})
			s.publish(p)
			lost = append(lost, p)
		}
		s.post(channel.CreditCard)
		pass(t, time.Hour)
		if s.log.count("circuit breaker opened") == 0 {
			t.Error("no breaker opened; the test is about one that does")
		}
		var others []posted
		for range 30 {
			others = append(others, s.post(channel.CreditCard))
			pass(t, 2*time.Minute)
		}
		pass(t, 15*time.Minute)
		stories := s.read()
		s.allSucceeded(stories, others...)
		for _, p := range others {
			if r := stories[p.id].result(); r.CompletedAt.Sub(r.EnqueuedAt) > 15*time.Minute {
				t.Errorf("%s took %s", p.id, r.CompletedAt.Sub(r.EnqueuedAt))
			}
		}
		s.doku.ClearRules()
		s.ended(len(s.posted), recovery)
		s.allSucceeded(s.audit(), lost...)
	})
}
