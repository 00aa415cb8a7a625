package service_test

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// stored returns every message of a stream, oldest first.
func (f fixture) stored(t *testing.T, stream string) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := f.JS.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		if msg, err := s.GetMsg(t.Context(), seq); err == nil {
			all = append(all, msg)
		}
	}
	return all
}

// twiceInHand is the AckWait where a refund is delivered twice at a time: the
// second delivery is requeued, and comes again.
const twiceInHand = 2 * time.Second

// dead waits for n dead letters.
func (f fixture) dead(t *testing.T, n int) []*jetstream.RawStreamMsg {
	t.Helper()
	var letters []*jetstream.RawStreamMsg
	eventually(t, strconv.Itoa(n)+" dead letters", func() bool {
		letters = slices.DeleteFunc(f.stored(t, stream.Dead), func(m *jetstream.RawStreamMsg) bool {
			return !strings.HasPrefix(m.Subject, "refunds.dead.") // a notice
		})
		return len(letters) >= n
	})
	return letters
}

// neverCalled fails if DOKU has heard of any refund.
func (f fixture) neverCalled(t *testing.T) {
	t.Helper()
	if calls := f.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund}); len(calls) != 0 {
		t.Errorf("DOKU was called: %+v", calls)
	}
}

func TestBadJobIsRejectedAndItsFieldsNamed(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	f.worker(t, nil)
	const bad = `{"refund_id":"bad","channel":"credit_card","invoice_number":"INV-1","amount":-5,"surprise":1,"metadata":{"order":"A-17"}}`
	f.publish(t, channel.DirectDebitMandiri, bad)
	r := f.journal.result(t, "bad")
	for _, field := range []string{"channel", "amount", `"surprise"`, "customer.access_token"} {
		if !strings.Contains(r.Error.Message, field+": ") {
			t.Errorf("%q does not name %s", r.Error.Message, field)
		}
	}
	if r.Status != refund.Rejected || r.Error.Source != jobs.SourceWorker || r.Error.Code != refund.CodeInvalidJob.String() ||
		r.Channel != channel.DirectDebitMandiri || r.InvoiceNumber != "INV-1" || r.Amount != 0 || r.Attempts != 0 ||
		r.RequestID != "" || r.Evidence != "" || r.Metadata["order"] != "A-17" {
		t.Errorf("result = %+v", r)
	}

	// The same bytes again are the same job; a mended job is another.
	f.publish(t, channel.DirectDebitMandiri, bad)
	f.settled(t)
	const mended = `{"refund_id":"bad","channel":"direct_debit_mandiri","invoice_number":"INV-1","amount":5,"customer":{"access_token":"tok"}}`
	f.publish(t, channel.DirectDebitMandiri, mended)
	letters := f.dead(t, 1)
	if got := letters[0].Header.Get("Refund-Dead-Reason"); len(letters) != 1 || got != "refund_id_conflict" || string(letters[0].Data) != mended {
		t.Errorf("%d dead letters, the first %s: %s", len(letters), got, letters[0].Data)
	}
	f.settled(t)
	f.neverCalled(t)
	f.audit(t)
}

func TestCardNumberIsRejectedAndKeptNowhere(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	log := f.loggingWorker(t)
	f.publish(t, channel.CreditCard, `{"refund_id":"pan","channel":"credit_card","invoice_number":"INV-1","original_request_id":"R","amount":5,`+
		`"reason":"card 4111 1111-1111 1111","metadata":{"note":"5500005555555559"}}`)
	if r := f.journal.result(t, "pan"); r.Status != refund.Rejected || r.Error.Code != refund.CodeCardNumber.String() || len(r.Metadata) != 0 {
		t.Errorf("result = %+v", r)
	}
	f.settled(t)
	for _, stream := range []string{stream.Jobs, stream.Waits, stream.Refunds, stream.Dead} {
		for _, msg := range f.stored(t, stream) {
			log.add(stream, msg)
		}
	}
	for _, number := range []string{"4111 1111", "41111111", "5500005555555559"} {
		if at := bytes.Index(log.bytes(), []byte(number)); at >= 0 {
			t.Errorf("%s stands somewhere", number)
		}
	}
	f.neverCalled(t)
}

func TestUnreadableMessageBecomesADeadLetterVerbatim(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, nil)
	bodies := []string{
		`{"refund_id":"x","amount":`,
		"",
		`{"refund_id":"x"}{}`,
		`{"refund_id":"no id!"}`,
		`{"refund_id":"x","reason":"` + strings.Repeat("r", 17<<10) + `"}`,
	}
	for _, body := range bodies {
		f.publish(t, channel.EmoneyOVO, body, "Nats-Msg-Id", "m"+strconv.Itoa(len(body)), "Status", "503", "X-Secret", "s")
	}
	found := map[string]bool{}
	for _, letter := range f.dead(t, len(bodies)) {
		found[string(letter.Data)] = true
		h := letter.Header
		if letter.Subject != "refunds.dead.emoney_ovo" || h.Get("Refund-Dead-Reason") != "unreadable" ||
			h.Get("Refund-Dead-Subject") != "refunds.jobs.emoney_ovo" || len(h) != 4 ||
			h.Get("Nats-Msg-Id") != "REFUND_JOBS."+h.Get("Refund-Dead-Sequence") {
			t.Errorf("%s: %v", letter.Subject, h)
		}
	}
	for _, body := range bodies {
		if !found[body] {
			t.Errorf("not kept verbatim: %.40q", body)
		}
	}
	f.settled(t)
	f.neverCalled(t)
	if results, _ := f.journal.ended(); len(results) != 0 {
		t.Errorf("%d results", len(results))
	}
}

func TestTheSameJobAgainIsNoSecondRefund(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("again")
	body := d.body(t, time.Now())
	for range 5 {
		f.publish(t, d.channel, body) // five are queued before the worker starts
	}
	f.worker(t, nil)
	f.journal.result(t, d.id)
	other := strings.Replace(body, `"metadata":`, ` "deadline":"2199-01-01T00:00:00Z", "metadata":`, 1)
	if other == body {
		t.Fatal("the second text is no other")
	}
	f.publish(t, d.channel, other) // the content is the same, though the text is not
	f.settled(t)
	d.check(t, f)
	f.audit(t)
	if letters := f.stored(t, stream.Dead); len(letters) != 0 {
		t.Errorf("%d dead letters", len(letters))
	}
}

func TestOtherContentUnderAUsedRefundIDIsADeadLetter(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	f.worker(t, nil)
	waiting := scenario{channel: channel.CreditCard, notBefore: time.Hour, want: paidAtOnce("")}.trial("waits")
	ended := scenario{channel: channel.EmoneyOVO, want: paidAtOnce("")}.trial("ended")
	waiting.begin(t, f)
	ended.begin(t, f)
	f.journal.state(t, waiting.id, refund.Waiting)
	f.journal.result(t, ended.id)
	before, _ := f.journal.of(ended.id)

	others := []string{
		strings.Replace(ended.body(t, time.Now()), `"amount":10000`, `"amount":10001`, 1),
		strings.Replace(ended.body(t, time.Now()), `"amount":10000`, `"amount":-1`, 1),
	}
	for _, body := range others {
		f.publish(t, ended.channel, body)
	}
	moved := strings.Replace(waiting.body(t, time.Now()), waiting.invoice, "ANOTHER", 1)
	f.publish(t, waiting.channel, moved)
	for _, letter := range f.dead(t, 3) {
		if h := letter.Header; h.Get("Refund-Dead-Reason") != "refund_id_conflict" || len(h) != 4 {
			t.Errorf("dead letter: %v", h)
		}
		if text := string(letter.Data); text != others[0] && text != others[1] && text != moved {
			t.Errorf("dead letter holds %s", text)
		}
	}
	f.settled(t)
	ended.check(t, f)
	if after, _ := f.journal.of(ended.id); len(after) != len(before) {
		t.Errorf("%d records, then %d", len(before), len(after))
	}
	if entries, _ := f.journal.of(waiting.id); path(entries) != "waiting" {
		t.Errorf("the waiting refund went %s", path(entries))
	}
}

// A wake-up from the ledger has no customer. Producers can set its header on a
// job, where it must change nothing, but cannot publish on the due subjects.
func TestWakeUpHeaderIsHonouredOnDueSubjectsAlone(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	f.worker(t, nil)
	const bare = `{"refund_id":"%","channel":"direct_debit_mandiri","invoice_number":"INV","amount":5}`
	f.publish(t, channel.DirectDebitMandiri, strings.Replace(bare, "%", "job", 1), "Refund-Nudge", "1")
	if r := f.journal.result(t, "job"); r.Error.Code != refund.CodeInvalidJob.String() || !strings.Contains(r.Error.Message, "customer.access_token") {
		t.Errorf("on a job: %+v", r)
	}

	f.wakeUp(t, channel.DirectDebitMandiri, strings.Replace(bare, "%", "unheard", 1))
	card := scenario{channel: channel.CreditCard, notBefore: later,
		want: outcome{
			path: "waiting sending succeeded", attempts: 1, status: refund.Succeeded, evidence: refund.ByResponse, refundType: "PARTIAL_REFUND", moved: 1,
		},
	}.trial("card")
	mandiri := scenario{channel: channel.DirectDebitMandiri, notBefore: later, want: paidAtOnce("")}.trial("mandiri")
	for _, d := range []trial{card, mandiri} {
		body := d.body(t, time.Now())
		f.publish(t, d.channel, body)
		f.settled(t)
		without, _, _ := strings.Cut(body, `"customer":{`)
		if _, rest, found := strings.Cut(body, `},"invoice`); found {
			without += `"invoice` + rest
		}
		f.wakeUp(t, d.channel, without)
	}
	if r := f.journal.result(t, mandiri.id); r.Status != refund.Rejected || r.Error.Code != refund.CodeCustomerTokenInvalid.String() {
		t.Errorf("a wake-up without a token: %+v", r)
	}
	card.check(t, f)
	f.emptied(t, stream.Waits)
	if entries, _ := f.journal.of("unheard"); len(entries) != 0 {
		t.Errorf("a wake-up started a refund: %s", path(entries))
	}
	f.settled(t)
	f.audit(t)
}

func (f fixture) wakeUp(t *testing.T, ch channel.Channel, body string) {
	t.Helper()
	f.post(t, "refunds.due."+string(ch), body, "Refund-Nudge", "1")
}

// emptied waits until nothing is left in a stream.
func (f fixture) emptied(t *testing.T, stream string) {
	t.Helper()
	s, err := f.JS.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "an empty "+stream, func() bool {
		info, err := s.Info(context.WithoutCancel(t.Context()))
		return err == nil && info.State.Msgs == 0
	})
}

func TestPublishingAgainRenewsTheCustomersToken(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	const wait = 6 * time.Second // time enough to publish again
	f.worker(t, func(cfg *service.Config) { cfg.Retry.Max = wait })
	// A 429 comes before DOKU looks at the customer's token.
	late := dokusim.Fault{Kind: dokusim.TooMany, RetryAfter: wait}
	renewed := scenario{channel: channel.DirectDebitBRI, token: "expired-1", refunds: []dokusim.Fault{late}, want: retried("")}.trial("renewed")
	forgotten := scenario{channel: channel.DirectDebitCIMB, token: "expired-2", refunds: []dokusim.Fault{late},
		want: outcome{
			path: "sending waiting sending failed", attempts: 2, status: refund.Failed, evidence: refund.ByResponse, source: jobs.SourceWorker, code: refund.CodeCustomerTokenInvalid.String(),
		},
	}.trial("forgotten")
	renewed.begin(t, f)
	forgotten.begin(t, f)
	f.journal.state(t, renewed.id, refund.Waiting)
	again := renewed
	again.token = "good"
	body := again.body(t, time.Now())
	f.publish(t, again.channel, body)
	f.settled(t)
	waits, err := f.JS.Stream(t.Context(), stream.Waits)
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := waits.GetLastMsgForSubject(t.Context(), "refunds.retry.direct_debit_bri."+renewed.id); err != nil || string(msg.Data) != body {
		t.Errorf("the wait holds %v, %v", msg, err)
	}
	renewed.check(t, f)
	forgotten.check(t, f)
	f.audit(t)
}
