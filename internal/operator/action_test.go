package operator_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

func refused(t *testing.T, err error) {
	t.Helper()
	var r *operator.RefusedError
	if !errors.As(err, &r) {
		t.Errorf("not refused: %v", err)
	}
}

func TestCancelEndsOnlyWhatWasNeverSent(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.put(t, record("rf-new", refund.Waiting, neverSent))
	f.put(t, record("rf-sent", refund.Waiting))
	f.put(t, record("rf-on", refund.Sending))
	done, err := f.Cancel(ctx, "rf-new", "", "ordered by mistake")
	if r := f.last(t, "rf-new"); err != nil || r.State != refund.Rejected || r.Code != refund.CodeCancelled || r.Operator != "ayu" || done.After.Record.State != refund.Rejected {
		t.Errorf("%+v, %v", r, err)
	}
	if res := ledger.Result(&done.After.Record); res.Error.Code != "cancelled" || !strings.HasSuffix(res.Error.Message, ": ordered by mistake") {
		t.Errorf("result's error is %+v", res.Error)
	}
	for _, id := range []string{"rf-new", "rf-sent", "rf-on"} {
		before := f.last(t, id)
		_, err := f.Cancel(ctx, id, "", "")
		refused(t, err)
		if after := f.last(t, id); after.By != before.By {
			t.Errorf("%s: a refused cancel wrote a record", id)
		}
	}
}

func TestCancelOfAnIDWithoutARecordNeedsItsChannel(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	if _, err := f.Cancel(ctx, "rf-1", "", ""); !errors.Is(err, operator.ErrChannelNeeded) {
		t.Errorf("without a channel: %v", err)
	}
	if _, err := f.Cancel(ctx, "rf-1", channel.EmoneyOVO, ""); err != nil {
		t.Fatal(err)
	}
	if r := f.last(t, "rf-1"); r.State != refund.Rejected || r.Fingerprint != "" || r.Job.Channel != channel.EmoneyOVO {
		t.Errorf("%+v", r)
	}
	f.put(t, record("rf-2", refund.Waiting, neverSent))
	if _, err := f.Cancel(ctx, "rf-2", channel.EmoneyOVO, ""); !errors.Is(err, operator.ErrOtherChannel) {
		t.Errorf("another channel: %v", err)
	}
}

func TestWhatMayNotBeKeptIsNoReason(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.put(t, record("rf-1", refund.Unresolved))
	for _, because := range []string{"", " ", "card 4111 1111 1111 1111", "two\nlines", strings.Repeat("a", 256)} {
		if _, err := f.Resolve(ctx, "rf-1", refund.Succeeded, because); !errors.Is(err, operator.ErrBecause) {
			t.Errorf("%q: %v", because, err)
		}
	}
	f.cfg.Name = ""
	if _, err := operator.New(f.cfg).Resolve(ctx, "rf-1", refund.Succeeded, "why"); !errors.Is(err, operator.ErrOperator) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := f.Resolve(ctx, "rf.*", refund.Succeeded, "why"); !errors.Is(err, operator.ErrRefundID) {
		t.Errorf("a wildcard: %v", err)
	}
}

func TestResolveSettlesUnresolvedOnceAndNamesWhoAndWhy(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.put(t, record("rf-1", refund.Unresolved, func(r *refund.Record) { r.Code = refund.CodeOutcomeUnknown }))
	done, err := f.Resolve(ctx, "rf-1", refund.Failed, "back office shows none")
	if err != nil {
		t.Fatal(err)
	}
	res := ledger.Result(&done.After.Record)
	if r := f.last(t, "rf-1"); r.State != refund.Failed || r.Evidence != refund.ByOperator || r.Operator != "ayu" ||
		res.Evidence != "operator" || !strings.Contains(res.Error.Message, "back office shows none") {
		t.Errorf("%+v\n%+v", r, res)
	}
	_, err = f.Resolve(ctx, "rf-1", refund.Succeeded, "changed my mind")
	refused(t, err)
	if _, err := f.Resolve(ctx, "rf-none", refund.Succeeded, "x"); !errors.Is(err, operator.ErrNoRecord) {
		t.Errorf("without a record: %v", err)
	}
}

func TestFailedIsNotBelievedWhileDOKUMayStillWork(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.put(t, record("rf-1", refund.Unresolved, func(r *refund.Record) { r.AskFrom = refund.At(time.Now()) }))
	_, err := f.Resolve(t.Context(), "rf-1", refund.Failed, "back office shows none")
	refused(t, err)
	if err == nil || !strings.Contains(err.Error(), "from 20") {
		t.Errorf("does not say from when on: %v", err)
	}
}

func TestRetryBringsTheWaitForwardWithItsBodyAndHeaders(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	r := record("rf-1", refund.Waiting, mandiri)
	f.put(t, r)
	f.wait(t, r, `{"customer":{"access_token":"token-7"}}`)
	forwarded, err := f.Retry(ctx, "rf-1", "balance topped up")
	if err != nil || forwarded.WokenUp {
		t.Fatalf("%+v, %v", forwarded, err)
	}
	if got := f.last(t, "rf-1"); got.Code != refund.CodeBroughtForward || got.Due > refund.At(time.Now()) || got.Because != "balance topped up" {
		t.Errorf("%+v", got)
	}
	msg := f.due(t, channel.DirectDebitMandiri)
	if !strings.Contains(string(msg.Data()), "token-7") || msg.Headers().Get("traceparent") != "00-a-b-01" || msg.Headers().Get("Refund-Nudge") != "" {
		t.Errorf("%s %v", msg.Data(), msg.Headers())
	}
}

func TestRetryWakesUpOnlyWhatHasNoMessageLeftAndNeedsNoCustomer(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.put(t, record("rf-lost", refund.Waiting))
	f.put(t, record("rf-queued", refund.Waiting))
	f.put(t, record("rf-customer", refund.Waiting, mandiri))
	if _, err := f.Retry(ctx, "rf-customer", ""); !errors.Is(err, operator.ErrNoCopy) {
		t.Errorf("a wake-up without the token: %v", err)
	}
	if _, err := f.js.Publish(ctx, "refunds.jobs.credit_card", []byte(`{"refund_id":"rf-queued"}`)); err != nil {
		t.Fatal(err)
	}
	if forwarded, err := f.Retry(ctx, "rf-queued", ""); err != nil || forwarded.WokenUp {
		t.Errorf("woken up beside a job: %+v, %v", forwarded, err)
	}
	if forwarded, err := f.Retry(ctx, "rf-lost", ""); err != nil || !forwarded.WokenUp {
		t.Fatalf("not woken up: %+v, %v", forwarded, err)
	}
	if msg := f.due(t, channel.CreditCard); msg.Headers().Get("Refund-Nudge") != "1" || !strings.Contains(string(msg.Data()), "rf-lost") {
		t.Errorf("%s %v", msg.Data(), msg.Headers())
	}
}

func TestRetryRefusesWhatDoesNotWait(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, s := range []refund.State{refund.Sending, refund.Unknown, refund.Unresolved, refund.Succeeded} {
		f.put(t, record("rf-"+s.String(), s))
		_, err := f.Retry(t.Context(), "rf-"+s.String(), "")
		refused(t, err)
	}
}

func TestInquiryByHandSettlesByProofAndShowsTheRest(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	for _, tt := range []struct {
		id      string
		state   refund.State
		finding refund.Finding
		want    refund.State
	}{
		{"rf-yes", refund.Unknown, refund.FoundSuccess, refund.Succeeded},
		{"rf-no", refund.Unresolved, refund.FoundFailure, refund.Failed},
		{"rf-running", refund.Unknown, refund.FoundRunning, refund.Unknown},
		{"rf-none", refund.Unresolved, refund.NotFound, refund.Unresolved},
		{"rf-waiting", refund.Waiting, refund.FoundSuccess, refund.Waiting},
	} {
		f.put(t, record(tt.id, tt.state))
		asked, err := f.asking(doku.InquiryOutcome{Finding: tt.finding, Response: refund.Response{HTTPStatus: 200, Code: "00"}}).Inquire(ctx, tt.id, "")
		if got := f.last(t, tt.id); err != nil || got.State != tt.want || asked.Settled != (tt.want != tt.state) {
			t.Errorf("%s: %s, settled %v, %v", tt.id, got.State, asked.Settled, err)
		}
	}
	if r := f.last(t, "rf-yes"); r.Evidence != refund.ByInquiry || r.Response == nil || r.Response.Code != "00" || r.Operator != "ayu" {
		t.Errorf("%+v", r)
	}
	f.put(t, record("rf-new", refund.Waiting, neverSent))
	_, err := f.asking(doku.InquiryOutcome{}).Inquire(ctx, "rf-new", "")
	refused(t, err)
}

func TestStatusTellsWhoWhenWhyAndWhatDOKUSaid(t *testing.T) {
	t.Parallel()
	f := setup(t)
	said := func(r *refund.Record) { r.Response = &refund.Response{HTTPStatus: 429, Code: "TOO_MANY_REQUESTS"} }
	waiting := record("rf-1", refund.Waiting, said)
	f.put(t, record("rf-1", refund.Sending), waiting)
	f.wait(t, waiting, "{}")
	if _, err := f.Retry(t.Context(), "rf-1", "DOKU is back"); err != nil {
		t.Fatal(err)
	}
	s, err := f.Status(t.Context(), "rf-1")
	if err != nil || len(s.History) != 3 || s.State != "waiting" || s.Next != "is sent again" || s.NextAt.IsZero() {
		t.Fatalf("%+v, %v", s, err)
	}
	h := s.History
	if h[1].Response == nil || h[1].Response.Code != "TOO_MANY_REQUESTS" || h[2].Response != nil {
		t.Errorf("what DOKU said stands at another step than it came: %+v", h)
	}
	if h[1].Operator != "" || h[2].Operator != "ayu" || h[2].Because != "DOKU is back" {
		t.Errorf("an operator stands where none acted: %+v", h)
	}
	if _, err := f.Status(t.Context(), "rf-2"); !errors.Is(err, operator.ErrNoRecord) {
		t.Errorf("a refund that is not there: %v", err)
	}
}

func TestStatusHintsAtARefundThatMayBeLost(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.put(t, record("rf-1", refund.Waiting, func(r *refund.Record) { r.Due = refund.At(time.Now().Add(-time.Hour)) }))
	if s, err := f.Status(t.Context(), "rf-1"); err != nil || !strings.Contains(s.Hint, "sweep") {
		t.Errorf("%+v, %v", s, err)
	}
}
