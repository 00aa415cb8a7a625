package virtualtime_test

import (
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// at is an hour and minute, UTC, of the nth day of the scenario, from 1.
func at(day, hour, minute int) time.Time {
	return time.Date(2000, 1, day, hour, minute, 0, 0, time.UTC)
}

// blind makes DOKU execute the refund and lose the answer, and answer every
// question about it with "not found": what a worker that asks and believes
// would pay twice.
func (s *stack) blind(p posted) {
	s.t.Helper()
	s.script(p.refunds(), dokusim.Fault{Kind: dokusim.ErrorAfter})
	s.script(p.inquiries(), missing(p.channel, -1))
}

// missing is an inquiry's "not found".
func missing(ch channel.Channel, count int) dokusim.Fault {
	f := dokusim.Fault{Kind: dokusim.Respond, Status: 404, Count: count, Body: `{"responseCode":"4045501","responseMessage":"not found"}`}
	if ch == channel.CreditCard {
		f.Body = `{"error":{"code":"DATA_NOT_FOUND","message":"not found"}}`
	}
	return f
}

// DOKU forgets its numbers at a midnight, and nobody says whose. In these
// scenarios it is Jakarta's or that of UTC, and a repeat after it would pay twice.
func TestUnknownRefundIsNeverSentAgainNextDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone     *time.Location
		midnight time.Time
		deadline time.Duration
	}{
		"jakarta, with the default deadline": {time.FixedZone("WIB", 7*60*60), at(1, 17, 0), 24*time.Hour - 2*time.Minute},
		"utc":                                {time.UTC, at(2, 0, 0), 3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inLongVirtualTime(t, func(s *stack) {
				s.startDOKU(dokusim.Config{DayZone: c.zone, Quirks: []dokusim.Quirk{dokusim.QuirkIDsEndWithDay}})
				passUntil(s.t, c.midnight.Add(-2*time.Minute))
				s.startWorker()
				for _, ch := range both {
					p := s.plan(ch)
					s.blind(p)
					if c.deadline > 3*time.Hour {
						s.publish(p)
					} else {
						s.publish(p, until(c.midnight.Add(c.deadline)))
					}
				}
				s.ended(2, c.deadline+recovery)
				s.givenUp(c.midnight.Add(c.deadline))
			})
		})
	}
}

// givenUp asserts that all refunds were sent once, asked about until the
// deadline, and then given up.
func (s *stack) givenUp(deadline time.Time) {
	s.t.Helper()
	for id, st := range s.audit() {
		r := st.result()
		if r.Status != refund.Unresolved || r.Error.Code != refund.CodeOutcomeUnknown.String() || r.Attempts != 1 {
			s.t.Errorf("%s: %s %s after %d attempts (%s)", id, r.Status, r.Error.Code, r.Attempts, st.path())
		}
		if r.CompletedAt.Before(deadline) {
			s.t.Errorf("%s: given up at %s, before its deadline", id, r.CompletedAt)
		}
	}
	if n := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpInquiry})); n < 2*10 {
		s.t.Errorf("%d inquiries: a day's end does not end questions", n)
	}
}

// This DOKU pays a partnerRefundNo as often as it comes: within the day only
// the same X-EXTERNAL-ID keeps a repeat from being a second payment.
func TestUnknownRefundIsSentAgainTheSameDay(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startDOKU(dokusim.Config{Quirks: []dokusim.Quirk{dokusim.QuirkPartnerRefundNoFree}})
		passUntil(t, at(1, 5, 0)) // noon in Jakarta
		s.startWorker()
		var lost, blind []posted
		for _, ch := range both {
			p := s.plan(ch)
			s.script(p.refunds(), dokusim.Fault{Kind: dokusim.ErrorBefore})
			s.publish(p)
			lost = append(lost, p)
			p = s.plan(ch)
			s.blind(p)
			s.publish(p, until(at(1, 8, 0)))
			blind = append(blind, p)
		}
		s.ended(4, 4*time.Hour)
		stories := s.audit()
		s.allSucceeded(stories, lost...)
		for _, p := range lost {
			calls := s.calls(p)
			if len(calls) != 2 || calls[0].ID != calls[1].ID || calls[0].Key != calls[1].Key || calls[0].BodyHash != calls[1].BodyHash {
				t.Errorf("%s: the repeat is another request: %+v", p.id, calls)
			}
			// AskFrom is ten seconds to send, the timeout and the quiet period away.
			if len(calls) == 2 && calls[1].At.Sub(calls[0].At) < 2*time.Minute {
				t.Errorf("%s: repeated after %s", p.id, calls[1].At.Sub(calls[0].At))
			}
		}
		for _, p := range blind {
			if n := len(s.calls(p)); n < 2 {
				t.Errorf("%s: %d calls; the test is about repeats", p.id, n)
			}
		}
	})
}

// The checker is only worth something if it sees a second payment. This DOKU
// breaks all that the guarantee rests on: it keeps numbers for minutes, and its
// inquiry lies.
func TestSecondPaymentIsSeenWhereDOKUKeepsNoPromise(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		// Its day ends at 06:00 UTC, where no clock of ours ends one.
		s.startDOKU(dokusim.Config{DayZone: time.FixedZone("nowhere", -6*60*60), Quirks: []dokusim.Quirk{dokusim.QuirkIDsEndWithDay}})
		passUntil(t, at(1, 5, 59))
		s.startWorker()
		p := s.plan(channel.DirectDebitMandiri)
		s.blind(p)
		s.publish(p)
		pass(t, time.Hour)
		_, found := s.judge()
		for _, v := range found {
			if v.ID == p.id && v.Rule == check.PaidTwice {
				return
			}
		}
		t.Errorf("found %v, and %d calls", found, len(s.calls(p)))
	})
}

func TestRefundOfTomorrowWaitsForTomorrow(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker(func(c *service.Config) { c.Channels = both[:1] })
		tomorrow := at(2, 1, 30)
		p := s.post(channel.CreditCard, from(tomorrow))
		pass(t, time.Minute)
		if got := s.read()[p.id].path(); got != "waiting" {
			t.Errorf("a minute later: %q", got)
		}
		s.stopWorker() // nobody looks at it for a day
		passUntil(t, tomorrow.Add(-time.Minute))
		s.startWorker(func(c *service.Config) { c.Channels = both[:1] })
		s.ended(1, 2*time.Minute)
		s.allSucceeded(s.audit(), p)
		if calls := s.calls(p); len(calls) != 1 || calls[0].At.Before(tomorrow) || calls[0].At.After(tomorrow.Add(time.Second)) {
			t.Errorf("sent %+v, not before %s", calls, tomorrow)
		}
	})
}
