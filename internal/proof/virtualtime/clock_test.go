package virtualtime_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// wallClock is that of a worker's machine: it can be set.
type wallClock struct{ by atomic.Int64 }

func (c *wallClock) set(by time.Duration) { c.by.Store(int64(by)) }
func (c *wallClock) now() time.Time       { return time.Now().Add(time.Duration(c.by.Load())) }

// bothWays is how far a clock is off in these tests.
var bothWays = map[string]time.Duration{"ahead": 150 * time.Second, "behind": -150 * time.Second}

// inBothWays runs scenario once with a clock that is ahead, once with one behind.
func inBothWays(t *testing.T, scenario func(s *stack, c *wallClock, off time.Duration)) {
	t.Helper()
	for name, off := range bothWays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, func(s *stack) { scenario(s, &wallClock{}, off) })
		})
	}
}

// untouched asserts that so much of DOKU and of the ledger has been touched, and
// no more.
func (s *stack) untouched(requests, records int) {
	s.t.Helper()
	if n := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpAny})); n != requests {
		s.t.Errorf("%d requests, want %d", n, requests)
	}
	if n := s.count("refunds.>"); n != records {
		s.t.Errorf("%d records, want %d", n, records)
	}
}

func TestWorkerWhoseClockIsOffTouchesNoRefund(t *testing.T) {
	t.Parallel()
	inBothWays(t, func(s *stack, c *wallClock, off time.Duration) {
		c.set(off)
		refunds := s.postAll(2)
		s.startWorker(func(cfg *service.Config) { cfg.Now = c.now })
		refunds = append(refunds, s.postAll(2)...)
		pass(s.t, 10*time.Minute)
		s.untouched(0, 0)
		c.set(0)
		s.ended(len(refunds), 10*time.Second)
		s.allSucceeded(s.audit(), refunds...)
	})
}

// The clock jumps after an effect of a refund's first send. What rests on it is
// not done any more: another worker, or this one when its clock is right, begins
// where the ledger stands.
func TestClockThatJumpsInTheMiddleOfAnExecutionEndsIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after    refund.Effect
		records  int // while the clock is off
		path     string
		attempts int64
	}{
		"before sending is recorded": {refund.Prepare, 0, "sending succeeded", 1},
		"before the first byte":      {refund.Append, 2, "sending waiting sending succeeded", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBothWays(t, func(s *stack, c *wallClock, off time.Duration) {
				var jumped atomic.Bool
				s.startWorker(func(cfg *service.Config) {
					cfg.Channels, cfg.Now = both[:1], c.now
					cfg.Interrupt = func(_ string, done refund.Effect) error {
						if done == tt.after && jumped.CompareAndSwap(false, true) {
							c.set(off)
						}
						return nil
					}
				})
				p := s.post(both[0])
				pass(s.t, 10*time.Minute)
				s.untouched(0, tt.records)
				c.set(0)
				s.ended(1, 10*time.Minute)
				stories := s.audit()
				s.allSucceeded(stories, p)
				if st := stories[p.id]; st.path() != tt.path || st.result().Attempts != tt.attempts || len(s.calls(p)) != 1 {
					s.t.Errorf("%s, %d attempts, %d calls", st.path(), st.result().Attempts, len(s.calls(p)))
				}
			})
		})
	}
}

// A "not found" allows a repeat: it is not judged by a clock that has jumped
// since the question was asked.
func TestNotFoundIsNotJudgedByAClockThatJumped(t *testing.T) {
	t.Parallel()
	inBothWays(t, func(s *stack, c *wallClock, off time.Duration) {
		p := s.plan(both[0])
		s.script(p.refunds(), dokusim.Fault{Kind: dokusim.ErrorBefore})
		s.script(p.inquiries(), dokusim.Fault{Kind: dokusim.Hold, Count: -1})
		s.startWorker(func(cfg *service.Config) { cfg.Now = c.now })
		s.publish(p)
		for begin := time.Now(); ; { // the first question comes before ask_from
			if s.held(p.inquiries()).At.Sub(begin) >= 130*time.Second {
				break
			}
			s.doku.Release(p.inquiries())
			pass(s.t, time.Second)
		}
		requests := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpAny}))
		records := s.count("refunds.>")
		c.set(off)
		s.doku.Release(p.inquiries())
		pass(s.t, 10*time.Minute)
		s.untouched(requests, records)
		s.doku.ClearRules()
		c.set(0)
		s.ended(1, 10*time.Minute)
		s.allSucceeded(s.audit(), p)
		if n := len(s.calls(p)); n != 2 {
			s.t.Errorf("%d calls, want the one that was not executed and its repeat", n)
		}
	})
}

// held waits for a request whose answer DOKU keeps.
func (s *stack) held(m dokusim.Match) dokusim.Request {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Hour)
	defer cancel()
	held, err := s.doku.WaitHeld(ctx, m)
	if err != nil {
		for _, st := range s.read() {
			s.t.Logf("%s", st.path())
		}
		s.t.Fatalf("no request is held: %v", err)
	}
	return held[0].Request
}

func TestAnswerIsRecordedThoughTheClockJumped(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lost     []dokusim.Fault // what the refund call meets
		held     func(posted) dokusim.Match
		evidence refund.Evidence
	}{
		"answer to the refund call": {nil, posted.refunds, refund.ByResponse},
		"inquiry's yes":             {[]dokusim.Fault{{Kind: dokusim.ErrorAfter}}, posted.inquiries, refund.ByInquiry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBothWays(t, func(s *stack, c *wallClock, off time.Duration) {
				p := s.plan(both[0])
				if tt.lost != nil {
					s.script(p.refunds(), tt.lost...)
				}
				s.script(tt.held(p), dokusim.Fault{Kind: dokusim.Hold})
				s.startWorker(func(cfg *service.Config) { cfg.Now = c.now })
				s.publish(p)
				s.held(tt.held(p))
				c.set(off)
				s.doku.Release(tt.held(p))
				s.ended(1, 10*time.Second)
				stories := s.audit()
				s.allSucceeded(stories, p)
				if got := stories[p.id].result().Evidence; got != tt.evidence {
					s.t.Errorf("evidence %q, want %q", got, tt.evidence)
				}
			})
		})
	}
}

// NATS that does not answer for less than a minute is not a reason to hold
// anything back; after a minute the clock is not known, until it answers again.
func TestIntakeIsHeldOnlyWhileTheClockIsUnknown(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(s *stack) {
		const unsure = "clock not sure"
		s.startWorker()
		pass(s.t, time.Minute)
		s.restart(30 * time.Second)
		pass(s.t, 10*time.Second)
		if n := s.log.count(unsure); n != 0 {
			s.t.Errorf("NATS was away for thirty seconds, and the clock unknown %d times", n)
		}
		s.restart(2 * time.Minute)
		if n := s.log.count(unsure, "not known: last measured"); n != 1 {
			s.t.Errorf("NATS was away for two minutes, and the clock unknown %d times", n)
		}
		refunds := s.postAll(1)
		s.ended(2, 20*time.Second)
		s.allSucceeded(s.audit(), refunds...)
	})
}

// A send that was announced by a clock that is behind looks long over. The
// server's own time of its record says when it really was.
func TestTakeoverGoesByTheServersTimeOfARecord(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(s *stack) {
		p := s.plan(both[0])
		sent := s.announceBehind(p, 150*time.Second)
		s.startWorker(func(cfg *service.Config) { cfg.Channels = both[:1] })
		s.publish(p)
		s.ended(1, 30*time.Minute)
		asked := s.doku.RequestsFor(p.inquiries())
		if askFrom := sent.Add(130 * time.Second); len(asked) == 0 || asked[0].At.Before(askFrom) {
			s.t.Errorf("asked %+v, want not before %s", asked, askFrom)
		}
		s.allSucceeded(s.audit(), p)
	})
}

// announceBehind stores a send of p as a worker would whose clock is behind, and
// dies of it.
func (s *stack) announceBehind(p posted, by time.Duration) time.Time {
	s.t.Helper()
	book := ledger.New(ledger.Config{JS: s.js, ClientID: clientID, Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	now := refund.At(time.Now().Add(-by))
	r := jobs.Read(p.channel, nats.Header{}, p.body(s.t, postings{}), false).FirstRecord(now)
	r.ClientID, r.Environment, r.At, r.By = clientID, "simulator", now, "another-1"
	r.Core = refund.Core{
		State: refund.Sending, Code: refund.CodeSend, Sends: 1, Nonce: 7, Deadline: now.Add(24 * time.Hour),
		SendBy: now.Add(refund.SendWindow), AskFrom: now.Add(130 * time.Second), Quiet: time.Minute,
	}
	r.Identify()
	if _, err := book.Append(s.t.Context(), &r); err != nil {
		s.t.Fatal(err)
	}
	return time.Now()
}
