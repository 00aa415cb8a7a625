package sim

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// cover is something that happens seldom and must not be missed: a run of some
// size that never took it has proven nothing about it.
type coverage uint8

const (
	replaySuccess coverage = iota
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
	wakeUpMade
	wakeUpWithoutRecord
	breakerOpened
	breakerClosed
	processDied
	diedBeforeCall
	diedWithAnswer
	processStoodStill
	secondDeliveryLeft
	tokenRenewed
	unreadableDeadLettered
	conflictDeadLettered
	operatorCancelled
	broughtForward
	inquirySettled
	inquiryShown
	verdictSucceeded
	verdictFailed
	operatorRefused
	operatorOvertaken
	jobReplayed
	channelPaused
	clockJumped
	requeuedByClock
	heldBackByClock
	recordedUnsure
	repeatedNextDay
	coveragePoints
)

var coverageNames = [coveragePoints]string{ //nolint:gosec // no credentials: some points are about tokens
	replaySuccess:          "success learned from a replay",
	freshExternalID:        "fresh X-EXTERNAL-ID after a refusal",
	noAfterUnknown:         "a no after an unknown not believed",
	noAfterRepeat:          "an inquiry's no not believed after a repeat",
	overRefundRefused:      "over-refund refused after our own success",
	dayRule:                "repeat refused by the day rule",
	overMidnightUTC:        "sent on both sides of midnight in UTC",
	overMidnightJakarta:    "sent on both sides of midnight in Jakarta",
	stoppedBySendBy:        "late send stopped by send_by",
	wokenBySlowClock:       "woken on time, early by a clock that is behind",
	executedLate:           "executed after the worker had stopped waiting",
	ownRecordFound:         "own record recognised after a lost acknowledgement",
	appendRepeated:         "append refused for no reason and repeated",
	newJobNotStored:        "first record not stored",
	answerKept:             "answer kept until it was stored",
	overdueSwept:           "overdue wait swept",
	olderWaitWins:          "older wait took the newer one with it",
	wakeUpMade:             "wake-up made from the ledger",
	wakeUpWithoutRecord:    "wake-up for a refund without a record",
	breakerOpened:          "breaker opened",
	breakerClosed:          "breaker half-open, probed and closed",
	processDied:            "worker died",
	diedBeforeCall:         "worker died between record and call",
	diedWithAnswer:         "worker died with an answer that is not stored",
	processStoodStill:      "worker stood still",
	secondDeliveryLeft:     "second delivery in the same process left alone",
	tokenRenewed:           "sent with a renewed customer token",
	unreadableDeadLettered: "dead letter: unreadable",
	conflictDeadLettered:   "dead letter: refund_id taken",
	operatorCancelled:      "operator: cancelled",
	broughtForward:         "operator: brought forward",
	inquirySettled:         "operator: inquiry settled",
	inquiryShown:           "operator: inquiry proved nothing",
	verdictSucceeded:       "operator: verdict, succeeded",
	verdictFailed:          "operator: verdict, failed",
	operatorRefused:        "operator: refused",
	operatorOvertaken:      "operator: record had moved on, decided anew",
	jobReplayed:            "operator: job replayed",
	channelPaused:          "operator: channel paused",
	clockJumped:            "clock jumped",
	requeuedByClock:        "message requeued by a worker not sure of its clock",
	heldBackByClock:        "announced send held back by a worker not sure of its clock",
	recordedUnsure:         "answer recorded by a worker not sure of its clock",
	repeatedNextDay:        "unknown refund sent again beyond the day's end",
}

// rowCoverage are the rows of the table that a run must go along. Missing are the
// operator's, which are paths above, and those that no sound run can meet.
var rowCoverage = []string{
	"already ended", "bad job", "expired before the first send", "too early", "not ready", "first send",
	"success", "definite no", "definite no replayed", "customer token refused", "refusal replayed", "collision", "collision after a refusal",
	"not executed", "no proof", "late proof: answer", "proof: inquiry", "late answer", "late inquiry",
	"another sends", "takeover", "never sent, given up", "never executed, given up", "waiting, early",
	"never sent, customer token missing", "customer token missing", "waiting, not ready", "next send",
	"unknown, early", "inquiry says no", "contradiction", "asked for the last time", "repeat", "still unknown",
}

func (w *world) cover(r coverage) { w.report.covered[r]++ }

// passed counts what has just been decided.
func (h *execution) passed() {
	row, e := h.machine.Row(), h.machine.Event()
	h.w.report.rows[row]++
	c := h.machine.Core()
	if row == "still unknown" && e.Finding == refund.NotFound && e.AskedAt >= c.AskFrom && h.decided < c.Deadline &&
		!e.NoCustomer && h.p.policy.Repeat == refund.RepeatSameDay {
		h.w.cover(dayRule)
	}
	if (row == "waiting, early" || row == "unknown, early") && h.w.now >= c.Due {
		h.w.cover(wokenBySlowClock)
	}
	if c.State == refund.Unknown && e.Kind == refund.InquiryEnded && e.Finding == refund.FoundFailure && c.Sends > 1 {
		h.w.cover(noAfterRepeat)
	}
}

// learned counts what an answer meant.
func (h *execution) learned(e refund.Event) {
	switch {
	case e.Answer == refund.Success && e.Replay:
		h.w.cover(replaySuccess)
	case e.Answer == refund.DefiniteNo && !e.Replay && h.entry.record.FirstUnknown > 0:
		h.w.cover(noAfterUnknown)
	}
}

// recorded counts what was recorded.
func (h *execution) recorded(r refund.Record) {
	if r.State != refund.Sending {
		return
	}
	before := h.of.sentAt
	h.of.sentAt = r.SentAt()
	if r.Sends < 2 {
		return
	}
	if r.FirstUnknown == 0 && r.Job.Channel != channel.CreditCard {
		h.w.cover(freshExternalID)
	}
	if h.job.Job.Customer.AccessToken != h.of.job.Customer.AccessToken {
		h.w.cover(tokenRenewed)
	}
	for zone, over := range map[time.Duration]coverage{0: overMidnightUTC, 7 * time.Hour: overMidnightJakarta} {
		if before.Add(zone)/refund.Time(day) != r.SentAt().Add(zone)/refund.Time(day) {
			h.w.cover(over)
			if r.FirstUnknown > 0 {
				h.w.cover(repeatedNextDay)
			}
		}
	}
}

// diedBefore counts the deaths at which it matters what comes next.
func (h *execution) diedBefore(next refund.Effect) {
	switch {
	case next == refund.Send:
		h.w.cover(diedBeforeCall)
	case next == refund.Append && h.machine.Event().Kind == refund.SendEnded:
		h.w.cover(diedWithAnswer)
	}
}
