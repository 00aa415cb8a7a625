package model

import (
	"slices"
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

// Two short cuts of the model rest on the table; where it changes, these tests
// say so before a mutation is hidden.

func first(t *testing.T, m *model, c core, e event, now int8) refund.Effect {
	t.Helper()
	effect, more := decide(m.full(c), m.whole(e), m.instant(now), m.rules).Effect()
	if !more {
		t.Fatalf("nothing to do for %+v on %+v", e, c)
	}
	return effect
}

// events lists what an execution may have learned, of every kind.
func events(own bool) []event {
	var list []event
	for a := refund.NoProof; a <= refund.Collision; a++ {
		for _, replay := range []bool{false, true} {
			list = append(list, event{kind: refund.SendEnded, own: own, answer: a, replay: replay})
		}
	}
	for f := refund.NoAnswer; f <= refund.NotFoundNoHistory; f++ {
		for _, ready := range []refund.Readiness{refund.NotChecked, refund.Ready, refund.NotReady} {
			for _, asked := range []int8{1, 5, 20} {
				list = append(list, event{kind: refund.InquiryEnded, own: own, finding: f, asked: asked, ready: ready})
			}
		}
	}
	return list
}

// What an execution has learned is held against the last record without the append
// that would be refused first: there must be such an append.
func TestWhatIsLearnedBeginsWithAnAppend(t *testing.T) {
	t.Parallel()
	m := newModel(told, Mutation{})
	harmless := []refund.Effect{refund.Append, refund.Prepare, refund.Reread}
	for _, c := range []core{
		{state: refund.Sending, sends: 1, sendBy: 2, askFrom: 5},
		{state: refund.Sending, sends: 2, sendBy: 6, askFrom: 9, firstUnknown: 1, firstAt: 1},
		{state: refund.Unknown, sends: 1, askFrom: 5, firstUnknown: 1, firstAt: 1},
		{state: refund.Unknown, sends: 2, askFrom: 5, firstUnknown: 1, firstAt: 1},
	} {
		for _, e := range events(true) {
			for _, now := range []int8{1, 5, 20} {
				if got := first(t, m, c, e, now); !slices.Contains(harmless, got) {
					t.Errorf("%+v on %+v at %d begins with %v", e, c, now, got)
				}
			}
		}
	}
}

// What may still happen to a refund that has ended is not walked.
func TestNothingIsDoneToARefundThatHasEnded(t *testing.T) {
	t.Parallel()
	m := newModel(told, Mutation{})
	harmless := []refund.Effect{refund.LateSuccess, refund.Ack, refund.Reread, refund.Refuse}
	for _, s := range []refund.State{refund.Succeeded, refund.Failed, refund.Rejected} {
		list := append(events(false), event{kind: refund.Delivered}, event{kind: refund.Cancelled},
			event{kind: refund.BroughtForward}, event{kind: refund.OperatorInquired, finding: refund.FoundSuccess},
			event{kind: refund.OperatorVerdict, verdict: refund.Failed})
		for _, e := range list {
			if got := first(t, m, core{state: s}, e, 20); !slices.Contains(harmless, got) {
				t.Errorf("%+v on %v begins with %v", e, s, got)
			}
		}
	}
}
