package ledger_test

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

func TestADoubtfulEndSaysThatAShortNumberMayBeAnothers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id      string
		channel channel.Channel
		why     refund.Code
		said    bool
	}{
		"derived":             {"RINV_2026_00012", channel.DirectDebitMandiri, refund.CodeOutcomeUnknown, true},
		"derived, collision":  {"RINV_2026_00012", channel.DirectDebitBRI, refund.CodeIdentifierCollision, true},
		"derived, contradict": {"RINV_2026_00012", channel.DirectDebitCIMB, refund.CodeContradictoryEvidence, true},
		"the id itself":       {"rf-1", channel.DirectDebitMandiri, refund.CodeOutcomeUnknown, false},
		"a long number":       {"rf_1", channel.EmoneyOVO, refund.CodeOutcomeUnknown, false},
		"a card":              {"rf_1", channel.CreditCard, refund.CodeOutcomeUnknown, false},
		"never sent":          {"RINV_2026_00012", channel.DirectDebitMandiri, refund.CodeDeadlineExceeded, false},
	} {
		r := record(c.id, refund.Unresolved, 0, "a")
		r.Job.Channel, r.Code, r.Identity = c.channel, c.why, refund.Identity{}
		r.Identify()
		text := ledger.Result(r).Error.Message
		if got := strings.Contains(text, "another refund may have the same one"); got != c.said || got && !strings.Contains(text, r.Identity.PartnerRefundNo) {
			t.Errorf("%s: %q", name, text)
		}
	}
}
