package docs_test

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// Anyone who meets a code of the worker's finds what it means in the contract, what
// to do in the runbook, and a sentence in the result itself.
func TestEveryErrorCodeIsExplained(t *testing.T) {
	t.Parallel()
	contract, runbook := read(t, "contract.md"), read(t, "runbook.md")
	said := map[string]refund.Code{}
	for why := refund.CodeInvalidJob; why <= refund.CodeContradictoryEvidence; why++ {
		if !strings.Contains(contract, "| `"+why.String()+"` |") {
			t.Errorf("contract.md does not list %s", why)
		}
		if !strings.Contains(runbook, "\n### "+why.String()+"\n") {
			t.Errorf("runbook.md has no section %s", why)
		}
		r := refund.Record{Core: refund.Core{State: refund.Unresolved, Code: why, Sends: 2}, Job: refund.Job{Channel: channel.CreditCard}}
		message := ledger.Result(&r).Error.Message
		if other, known := said[message]; message == "" || known {
			t.Errorf("%s is explained as %q, like %s", why, message, other)
		}
		said[message] = why
	}
}
