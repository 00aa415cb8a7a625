package sim

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// road is something that happens seldom and must not be missed: a run of some
// size that never took it has proven nothing about it.
type road uint8

const (
	replaySuccess road = iota
	freshExternalID
	noAfterUnknown
	noAfterRepeat
	overRefundRefused
	dayRule
	overMidnightUTC
	overMidnightJakarta
	stoppedBySendBy
	wokenBySlowClock
	executedLate
	ownRecordFound
	appendRepeated
	newJobNotStored
	answerKept
	overdueSwept
	olderWaitWins
	nudgeRebuilt
	breakerOpened
	breakerClosed
	processDied
	diedBeforeCall
	diedWithAnswer
	processStoodStill
	secondDeliveryLeft
	tokenRenewed
	unreadableBuried
	conflictBuried
	operatorCancelled
	broughtForward
	inquirySettled
	inquiryShown
	wordSucceeded
	wordFailed
	operatorRefused
	operatorOutrun
	jobReplayed
	channelPaused
	clockJumped
	handedBackByClock
	heldBackByClock
	recordedUnsure
	repeatedNextDay
	roads
)

var roadNames = [roads]string{
	replaySuccess:       "success learned from a replay",
	freshExternalID:     "fresh X-EXTERNAL-ID after a refusal",
	noAfterUnknown:      "a no after an unknown not believed",
	noAfterRepeat:       "an inquiry's no not believed after a repeat",
	overRefundRefused:   "over-refund refused after our own success",
	dayRule:             "repeat refused by the day rule",
	overMidnightUTC:     "sent on both sides of midnight in UTC",
	overMidnightJakarta: "sent on both sides of midnight in Jakarta",
	stoppedBySendBy:     "late send stopped by send_by",
	wokenBySlowClock:    "woken on time, early by a clock that is behind",
	executedLate:        "executed after the worker had stopped waiting",
	ownRecordFound:      "own record recognised after a lost acknowledgement",
	appendRepeated:      "append refused for no reason and repeated",
	newJobNotStored:     "first record not stored",
	answerKept:          "answer kept until it was stored",
	overdueSwept:        "overdue wait swept",
	olderWaitWins:       "older wait took the newer one with it",
	nudgeRebuilt:        "nudge rebuilt from the ledger",
	breakerOpened:       "breaker opened",
	breakerClosed:       "breaker half-open, probed and closed",
	processDied:         "worker died",
	diedBeforeCall:      "worker died between record and call",
	diedWithAnswer:      "worker died with an answer in hand",
	processStoodStill:   "worker stood still",
	secondDeliveryLeft:  "second delivery in the same process left alone",
	tokenRenewed:        "sent with a renewed customer token",
	unreadableBuried:    "dead letter: unreadable",
	conflictBuried:      "dead letter: refund_id taken",
	operatorCancelled:   "operator: cancelled",
	broughtForward:      "operator: brought forward",
	inquirySettled:      "operator: inquiry settled",
	inquiryShown:        "operator: inquiry proved nothing",
	wordSucceeded:       "operator: word, succeeded",
	wordFailed:          "operator: word, failed",
	operatorRefused:     "operator: refused",
	operatorOutrun:      "operator: record had moved on, decided anew",
	jobReplayed:         "operator: job replayed",
	channelPaused:       "operator: channel paused",
	clockJumped:         "clock jumped",
	handedBackByClock:   "message handed back by a worker not sure of its clock",
	heldBackByClock:     "announced send held back by a worker not sure of its clock",
	recordedUnsure:      "answer recorded by a worker not sure of its clock",
	repeatedNextDay:     "unknown refund sent again beyond the day's end",
}

// rowRoads are the rows of the table that a run must go along. Missing are the
// operator's, which are roads above, and those that no sound run can meet.
var rowRoads = []string{
	"already ended", "bad job", "expired before the first send", "too early", "not ready", "first send",
	"success", "definite no", "definite no replayed", "customer token refused", "refusal replayed", "collision", "collision after a refusal",
	"not executed", "no proof", "late proof: answer", "proof: inquiry", "late answer", "late inquiry",
	"another sends", "takeover", "never sent, given up", "never executed, given up", "waiting, early",
	"never sent, customer token missing", "customer token missing", "waiting, not ready", "next send",
	"unknown, early", "inquiry says no", "contradiction", "asked for the last time", "repeat", "still unknown",
}

func (w *world) road(r road) { w.report.roads[r]++ }

// passed counts what has just been decided.
func (h *handling) passed() {
	row, e := h.steps.Row(), h.steps.Event()
	h.w.report.rows[row]++
	c := h.steps.Core()
	if row == "still unknown" && e.Finding == refund.NotFound && e.AskedAt >= c.AskFrom && h.now < c.Deadline &&
		!e.NoCustomer && h.p.policy.Repeat == refund.RepeatSameDay {
		h.w.road(dayRule)
	}
	if (row == "waiting, early" || row == "unknown, early") && h.w.now >= c.Due {
		h.w.road(wokenBySlowClock)
	}
	if c.State == refund.Unknown && e.Kind == refund.InquiryEnded && e.Finding == refund.FoundFailure && c.Sends > 1 {
		h.w.road(noAfterRepeat)
	}
}

// learned counts what an answer meant.
func (h *handling) learned(e refund.Event) {
	switch {
	case e.Answer == refund.Success && e.Replay:
		h.w.road(replaySuccess)
	case e.Answer == refund.DefiniteNo && !e.Replay && h.entry.record.FirstUnknown > 0:
		h.w.road(noAfterUnknown)
	}
}

// recorded counts what was recorded.
func (h *handling) recorded(r refund.Record) {
	if r.State != refund.Sending {
		return
	}
	before := h.of.sentAt
	h.of.sentAt = r.SentAt()
	if r.Sends < 2 {
		return
	}
	if r.FirstUnknown == 0 && r.Job.Channel != channel.CreditCard {
		h.w.road(freshExternalID)
	}
	if h.job.Job.Customer.AccessToken != h.of.job.Customer.AccessToken {
		h.w.road(tokenRenewed)
	}
	for zone, over := range map[time.Duration]road{0: overMidnightUTC, 7 * time.Hour: overMidnightJakarta} {
		if before.Add(zone)/refund.Time(day) != r.SentAt().Add(zone)/refund.Time(day) {
			h.w.road(over)
			if r.FirstUnknown > 0 {
				h.w.road(repeatedNextDay)
			}
		}
	}
}

// diedBefore counts the deaths at which it matters what comes next.
func (h *handling) diedBefore(next refund.Effect) {
	switch {
	case next == refund.Send:
		h.w.road(diedBeforeCall)
	case next == refund.Append && h.steps.Event().Kind == refund.SendEnded:
		h.w.road(diedWithAnswer)
	}
}
