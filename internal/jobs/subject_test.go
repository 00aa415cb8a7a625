package jobs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

func TestSubjectsAreTheContracts(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		jobs.JobSubject(channel.CreditCard):                             "refunds.jobs.credit_card",
		jobs.RetrySubject(channel.EmoneyOVO, "rf-1"):                    "refunds.retry.emoney_ovo.rf-1",
		jobs.DueSubject(channel.DirectDebitAllo):                        "refunds.due.direct_debit_allo",
		jobs.LedgerSubject(channel.EmoneyDANA, refund.Sending, "rf-1"):  "refunds.ledger.emoney_dana.sending.rf-1",
		jobs.ResultSubject(channel.CreditCard, refund.Rejected, "rf-1"): "refunds.results.credit_card.rejected.rf-1",
		jobs.DeadSubject(channel.DirectDebitBRI):                        "refunds.dead.direct_debit_bri",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParsedSubjectIsWhatItWasBuiltFrom(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("aZ0_-9bY", 8)
	for _, ch := range channel.All() {
		if got, err := jobs.ParseJobSubject(jobs.JobSubject(ch)); got != ch || err != nil {
			t.Errorf("job: %s, %v", got, err)
		}
		if got, err := jobs.ParseDueSubject(jobs.DueSubject(ch)); got != ch || err != nil {
			t.Errorf("due: %s, %v", got, err)
		}
		if got, err := jobs.ParseDeadSubject(jobs.DeadSubject(ch)); got != ch || err != nil {
			t.Errorf("dead: %s, %v", got, err)
		}
		if got, gotID, err := jobs.ParseRetrySubject(jobs.RetrySubject(ch, id)); got != ch || gotID != id || err != nil {
			t.Errorf("retry: %s %s, %v", got, gotID, err)
		}
		for _, state := range []refund.State{refund.Sending, refund.Waiting, refund.Unknown} {
			got, gotState, gotID, err := jobs.ParseLedgerSubject(jobs.LedgerSubject(ch, state, id))
			if got != ch || gotState != state || gotID != id || err != nil {
				t.Errorf("ledger: %s %s %s, %v", got, gotState, gotID, err)
			}
		}
		for _, status := range []refund.State{refund.Succeeded, refund.Failed, refund.Rejected, refund.Unresolved} {
			got, gotStatus, gotID, err := jobs.ParseResultSubject(jobs.ResultSubject(ch, status, id))
			if got != ch || gotStatus != status || gotID != id || err != nil {
				t.Errorf("result: %s %s %s, %v", got, gotStatus, gotID, err)
			}
		}
	}
}

func TestForeignSubjectsAreRefused(t *testing.T) {
	t.Parallel()
	parse := map[string]func(string) error{
		"job":    func(s string) error { _, err := jobs.ParseJobSubject(s); return err },
		"due":    func(s string) error { _, err := jobs.ParseDueSubject(s); return err },
		"dead":   func(s string) error { _, err := jobs.ParseDeadSubject(s); return err },
		"retry":  func(s string) error { _, _, err := jobs.ParseRetrySubject(s); return err },
		"ledger": func(s string) error { _, _, _, err := jobs.ParseLedgerSubject(s); return err },
		"result": func(s string) error { _, _, _, err := jobs.ParseResultSubject(s); return err },
	}
	for kind, subjects := range map[string][]string{
		"job":    {"", "refunds.jobs", "refunds.jobs.", "refunds.jobs.debit_card", "refunds.jobs.credit_card.rf-1", "refunds.due.credit_card", "Refunds.jobs.credit_card"},
		"due":    {"refunds.jobs.credit_card", "refunds.due.*", "x.refunds.due.credit_card"},
		"dead":   {"refunds.dead.>", "refunds.dead.credit_card."},
		"retry":  {"refunds.retry.credit_card", "refunds.retry.credit_card.", "refunds.retry.credit_card.a.b", "refunds.retry.x.rf-1", "refunds.retry.credit_card.*"},
		"ledger": {"refunds.ledger.credit_card.succeeded.rf-1", "refunds.ledger.credit_card.sending", "refunds.ledger.credit_card.sending.r f", "refunds.results.credit_card.failed.rf-1"},
		"result": {"refunds.results.credit_card.sending.rf-1", "refunds.results.x.failed.rf-1", "refunds.results.credit_card.failed." + strings.Repeat("r", 65)},
	} {
		for _, subject := range subjects {
			if err := parse[kind](subject); !errors.Is(err, jobs.ErrBadSubject) {
				t.Errorf("%s %q: %v", kind, subject, err)
			}
		}
	}
}

func TestRefundIDForm(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"a": true, "-": true, "_": true, "0": true, "rf-20210118-0001": true, strings.Repeat("Z", 64): true,
		"": false, strings.Repeat("Z", 65): false, "a.b": false, "a b": false, "*": false, ">": false, "é": false, "a\n": false,
		"RINV/2026/00012": true, "/": true, ":": true, "#": true, "a:b#c/d": true, "a%b": false, "a\\b": false, "$a": false, "a\t": false, " a": false,
	} {
		if jobs.ValidRefundID(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}

func TestTraceParentIsCarriedOnlyWhileSmallAndPrintable(t *testing.T) {
	t.Parallel()
	const sound = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for value, want := range map[string]string{
		sound: sound, "": "", "a\x01b": "", "é": "", strings.Repeat("0", 256): strings.Repeat("0", 256), strings.Repeat("0", 257): "",
	} {
		if got := jobs.TraceParent(nats.Header{"traceparent": {value}}); got != want {
			t.Errorf("%q: %q", value, got)
		}
	}
	if jobs.TraceParent(nil) != "" {
		t.Error("no headers")
	}
}
