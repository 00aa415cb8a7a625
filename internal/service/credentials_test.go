package service_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/secret"
	"refundworker.example/refundworker/internal/service"
)

func (f fixture) tokensAskedFor() int { return f.DOKU.Seen()[dokusim.OpTokenB2B] }

func TestAnExpiredB2BTokenIsRenewedAndTheCallMadeAgainAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.Retry = retry.Policy{Initial: time.Minute, Max: time.Hour} // only "at once" comes before the test's end
	})
	first := scenario{channel: channel.DirectDebitMandiri, want: paidAtOnce("")}.trial("first")
	first.begin(t, f)
	first.check(t, f)
	if n := f.tokensAskedFor(); n != 1 {
		t.Errorf("%d tokens for one refund", n)
	}
	f.DOKU.ExpireTokens()
	second := scenario{channel: channel.DirectDebitBRI, want: retried("")}.trial("second")
	second.begin(t, f)
	second.check(t, f)
	third := scenario{channel: channel.EmoneyOVO, want: paidAtOnce("")}.trial("third")
	third.begin(t, f)
	third.check(t, f)
	if n := f.tokensAskedFor(); n != 2 {
		t.Errorf("%d tokens, want the first and one renewal", n)
	}
	f.audit(t)
}

// readiness waits until /readyz says what it should.
func readiness(t *testing.T, addr string, status int, line string) {
	t.Helper()
	eventually(t, "readiness "+http.StatusText(status)+": "+line, func() bool {
		got, text := fetch(t, addr, "/readyz")
		return got == status && strings.Contains(text, line)
	})
}

func TestASecondRefusalInARowStopsThatChannelAlone(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.HTTPAddr = addr
		cfg.Retry = retry.Policy{Initial: 4 * time.Second, Max: 4 * time.Second}
	})
	refused := scenario{channel: channel.EmoneyOVO, refunds: snapCode("4010700", 2),
		want: outcome{
			path: "sending waiting sending waiting sending succeeded", attempts: 3, status: refund.Succeeded, evidence: refund.ByResponse, moved: 1,
		},
	}.trial("refused")
	refused.begin(t, f)
	readiness(t, addr, http.StatusOK, "emoney_ovo: circuit breaker open: unauthorized")
	if _, text := fetch(t, addr, "/metrics"); !strings.Contains(text, `doku_circuit_open{channel="emoney_ovo"} 1`) ||
		!strings.Contains(text, `doku_circuit_open{channel="credit_card"} 0`) {
		t.Error("doku_circuit_open does not show it")
	}
	behind := scenario{channel: channel.EmoneyOVO, want: paidAtOnce("")}.trial("behind")
	behind.begin(t, f)
	other := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("other")
	other.begin(t, f)
	other.check(t, f)
	if calls := f.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund, Channel: dokusim.EmoneyOVO}); len(calls) != 2 {
		t.Errorf("%d calls on the stopped channel, want the two that were refused", len(calls))
	}
	// Half-open lets one through, and that one closes it.
	refused.check(t, f)
	behind.check(t, f)
	eventually(t, "readiness without a complaint", func() bool {
		status, text := fetch(t, addr, "/readyz")
		return status == http.StatusOK && !strings.Contains(text, "breaker")
	})
	f.settled(t)
	f.audit(t)
}

func TestNoChannelLeftIsNotReady(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		cfg.HTTPAddr = addr
		cfg.Channels = []channel.Channel{channel.EmoneyOVO}
		cfg.Retry = retry.Policy{Initial: 3 * time.Second, Max: 3 * time.Second}
	})
	readiness(t, addr, http.StatusOK, "ready")
	d := scenario{channel: channel.EmoneyOVO, refunds: snapCode("4010700", 2),
		want: outcome{
			path: "sending waiting sending waiting sending succeeded", attempts: 3, status: refund.Succeeded, evidence: refund.ByResponse, moved: 1,
		},
	}.trial("d")
	d.begin(t, f)
	readiness(t, addr, http.StatusServiceUnavailable, "emoney_ovo: circuit breaker open: unauthorized")
	d.check(t, f)
	readiness(t, addr, http.StatusOK, "ready")
}

// A worker with a wrong key harms nothing: another with the right one continues.
func TestAWrongSecretSettlesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	addr := freeAddr(t)
	wrong := f.start(t, func(cfg *service.Config) {
		cfg.HTTPAddr, cfg.Secret = addr, secret.New("SK-of-somebody-else")
	})
	trials := []trial{
		scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("card"),
		scenario{channel: channel.EmoneyDANA, want: paidAtOnce("")}.trial("snap"),
	}
	for _, d := range trials {
		d.begin(t, f)
	}
	readiness(t, addr, http.StatusOK, "credit_card: circuit breaker open: unauthorized")
	readiness(t, addr, http.StatusOK, "emoney_dana: circuit breaker open: unauthorized")
	if err := wrong.Stop(); err != nil {
		t.Errorf("worker ended with %v", err)
	}
	if results, _ := f.journal.ended(); len(results) != 0 || f.DOKU.Book().Total.Movements != 0 {
		t.Errorf("%d results, %d movements", len(results), f.DOKU.Book().Total.Movements)
	}
	f.worker(t, nil)
	for _, d := range trials {
		if r := f.journal.result(t, d.id); r.Status != refund.Succeeded || r.Evidence != refund.ByResponse {
			t.Errorf("result = %+v", r)
		}
	}
	f.settled(t)
	f.audit(t)
}

func TestWithoutAB2BTokenNothingIsSent(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	if err := f.DOKU.Script(dokusim.Match{Operation: dokusim.OpTokenB2B}, dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1}); err != nil {
		t.Fatal(err)
	}
	f.worker(t, patientCalls)
	late := scenario{channel: channel.DirectDebitMandiri, deadline: later,
		want: outcome{
			path: "rejected", status: refund.Rejected, source: jobs.SourceWorker, code: refund.CodeDeadlineExceeded.String(),
		},
	}.trial("late")
	patient := scenario{channel: channel.EmoneyOVO, want: paidAtOnce("")}.trial("patient")
	late.begin(t, f)
	patient.begin(t, f)
	for _, d := range []trial{late, patient} { // [path] leaves it out
		f.journal.state(t, d.id, refund.Waiting)
		if entries, _ := f.journal.of(d.id); entries[0].Code != refund.CodeNotReady {
			t.Errorf("%s waits because %s", d.id, entries[0].Code)
		}
	}
	late.check(t, f)
	f.DOKU.ClearRules()
	patient.check(t, f)
	f.settled(t)
	f.audit(t)
}

// What never left is never in doubt.
func TestARefundThatCannotBeSentIsNeverUnknown(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr, nowhere := freeAddr(t), "http://"+freeAddr(t)
	f.worker(t, func(cfg *service.Config) { cfg.HTTPAddr, cfg.BaseURL = addr, nowhere })
	d := scenario{channel: channel.CreditCard, deadline: giveUp, want: paidAtOnce("")}.trial("d")
	d.begin(t, f)
	readiness(t, addr, http.StatusOK, "credit_card: circuit breaker open: unreachable")
	r := f.journal.result(t, d.id)
	if r.Status != refund.Failed || r.Error.Code != refund.CodeDeadlineExceeded.String() || r.Attempts < 5 || r.Evidence != "" {
		t.Errorf("result = %+v", r)
	}
	entries, _ := f.journal.of(d.id)
	for _, e := range entries {
		if e.State == refund.Unknown {
			t.Fatalf("in doubt: %s", path(entries))
		}
	}
	f.settled(t)
	f.audit(t)
}

func TestWithoutRepeatsAnUnknownRefundIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.Policy.Repeat = refund.RepeatNever
	})
	trials := []trial{
		scenario{channel: channel.CreditCard, deadline: giveUp, refunds: fault(dokusim.ResetBefore), want: unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown, 1)}.trial("card"),
		scenario{channel: channel.DirectDebitMandiri, deadline: giveUp, refunds: fault(dokusim.ResetBefore), want: unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown, 1)}.trial("snap"),
		scenario{channel: channel.CreditCard, refunds: fault(dokusim.ResetAfter), want: foundPaid()}.trial("done"),
	}
	for _, d := range trials {
		d.begin(t, f)
	}
	for _, d := range trials {
		d.check(t, f)
	}
	f.settled(t)
	f.audit(t)
}
