package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// earlier is a refund whose job was accepted by a worker of before rules became
// stricter: an invoice that ends in a space, an address that is a name, a device
// id of a hundred characters, an emoji among full-width digits in the reason.
type earlier struct {
	id     string
	record refund.Record
}

const earlierReason = "card ４１１１１１１１１１１１１１１１ 😀"

func newEarlier(id string, now time.Time, change func(*refund.Record)) earlier {
	job := refund.Job{
		RefundID: id, Channel: channel.EmoneyDANA, InvoiceNumber: "INV " + id + " ", OriginalRequestID: " 7",
		Amount: amount, Currency: "IDR", Reason: earlierReason,
	}
	r := refund.Record{
		V: refund.RecordVersion, ClientID: devstack.ClientID, Environment: "simulator", Job: job,
		Fingerprint: jobs.Job{
			Channel: job.Channel, InvoiceNumber: job.InvoiceNumber, OriginalRequestID: job.OriginalRequestID,
			Amount: job.Amount, Reason: job.Reason,
		}.Fingerprint().String(),
		EnqueuedAt: refund.At(now), At: refund.At(now), By: "of before",
		Core: refund.Core{State: refund.Waiting, Code: refund.CodeNotReady, Nonce: 1, Due: refund.At(now), Deadline: refund.At(now.Add(time.Hour))},
	}
	r.Identify()
	if change != nil {
		change(&r)
	}
	return earlier{id, r}
}

// inDoubt makes the refund one that may have been executed, long enough ago for
// a question and a repeat, but on this very day: the clock of the record is in
// the past by less than a minute.
func inDoubt(r *refund.Record) {
	now := r.At.Time()
	r.Core = refund.Core{
		State: refund.Sending, Code: refund.CodeSend, Sends: 2, FirstUnknown: 1, FirstUnknownAt: refund.At(now.Add(-20 * time.Second)),
		Nonce: 1, Deadline: refund.At(now.Add(time.Hour)), SendBy: refund.At(now.Add(-10 * time.Second)), AskFrom: refund.At(now.Add(-time.Second)),
	}
	r.Identify()
	r.State, r.Due = refund.Unknown, refund.At(now)
}

func (e earlier) body(t *testing.T, device string) string {
	t.Helper()
	j := e.record.Job
	text, err := json.Marshal(map[string]any{
		"refund_id": j.RefundID, "channel": j.Channel, "invoice_number": j.InvoiceNumber, "original_request_id": j.OriginalRequestID,
		"amount": j.Amount, "reason": j.Reason, "customer": map[string]string{"ip_address": "localhost", "device_id": device},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := jobs.Decode(j.Channel, text); got.Outcome != jobs.Invalid {
		t.Fatalf("today's rules accept it: %+v", got)
	}
	return string(text)
}

func (e earlier) append(t *testing.T, f fixture) {
	t.Helper()
	if _, err := f.ledger.Append(t.Context(), &e.record); err != nil {
		t.Fatal(err)
	}
}

func (e earlier) wait(t *testing.T, f fixture, body string) {
	t.Helper()
	if err := f.ledger.Schedule(t.Context(), ledger.ScheduledMessage{
		Channel: e.record.Job.Channel, RefundID: e.id, At: time.Now().Add(time.Second), Body: []byte(body),
	}); err != nil {
		t.Fatal(err)
	}
}

// paid checks that the refund was sent once more and under the job's own words.
func (e earlier) paid(t *testing.T, f fixture, reason string) {
	t.Helper()
	if r := f.journal.result(t, e.id); r.Status != refund.Succeeded {
		t.Errorf("%s: result %+v", e.id, r)
	}
	moved := f.DOKU.Book().MovedFor(string(e.record.Job.Channel), e.record.Job.InvoiceNumber)
	if len(moved) != 1 {
		t.Errorf("%s: money moved %+v", e.id, moved)
	}
	for _, r := range f.DOKU.Book().Refunds {
		if r.Invoice == e.record.Job.InvoiceNumber && r.Reason != reason {
			t.Errorf("%s: sent with reason %q, want %q", e.id, r.Reason, reason)
		}
	}
}

// A refund that has a record is not looked at by rules that came after it: its
// own wait would become a dead letter, and nobody would ever finish it.
func TestStricterRuleStopsNoRecordedRefund(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	now := time.Now()
	waiting, unknown := newEarlier("waiting", now, nil), newEarlier("unknown", now, inDoubt)
	published := newEarlier("published", now, func(r *refund.Record) { r.Due = refund.At(now.Add(-time.Second)) })
	ended := newEarlier("ended", now, func(r *refund.Record) {
		inDoubt(r)
		r.State, r.Due, r.Code, r.Evidence = refund.Succeeded, 0, refund.CodeAnswered, refund.ByResponse
	})
	for _, e := range []earlier{waiting, unknown, published, ended} {
		e.append(t, f)
	}
	device := strings.Repeat("d", 100)
	waiting.wait(t, f, waiting.body(t, device))
	unknown.wait(t, f, unknown.body(t, device))
	f.worker(t, nil)
	f.publish(t, channel.EmoneyDANA, published.body(t, device))
	f.publish(t, channel.EmoneyDANA, ended.body(t, device))

	const folded = "card 4111111111111111"
	waiting.paid(t, f, folded) // its first send is of today
	published.paid(t, f, folded)
	unknown.paid(t, f, earlierReason) // a repeat is the very same request
	f.settled(t)
	if letters := f.stored(t, stream.Dead); len(letters) != 0 {
		t.Errorf("%d dead letters, the first %s", len(letters), letters[0].Data)
	}
	if calls := f.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund, Invoice: ended.record.Job.InvoiceNumber}); len(calls) != 0 {
		t.Errorf("an ended refund was sent: %+v", calls)
	}
	for _, e := range []earlier{waiting, unknown, published} {
		calls := f.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund, Invoice: e.record.Job.InvoiceNumber})
		if len(calls) != 1 {
			t.Errorf("%s: %d calls", e.id, len(calls))
		}
	}
}

// What today's rules refuse is still refused where no record accepted it, and
// where a record of today's rules did not.
func TestStricterRuleRejectsFirstMessagesAndBrokenRepeats(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	f.worker(t, nil)
	first := newEarlier("first", time.Now(), nil)
	f.publish(t, channel.EmoneyDANA, first.body(t, "d"))
	r := f.journal.result(t, "first")
	for _, field := range []string{"invoice_number", "original_request_id", "reason", "customer.ip_address"} {
		if !strings.Contains(r.Error.Message, field+": ") {
			t.Errorf("%q does not name %s", r.Error.Message, field)
		}
	}
	if r.Status != refund.Rejected || r.Error.Code != refund.CodeInvalidJob.String() || r.InvoiceNumber != "" {
		t.Errorf("result %+v", r)
	}
	f.publish(t, channel.EmoneyDANA, first.body(t, "d")) // the same bytes again
	f.settled(t)

	sound := scenario{channel: channel.EmoneyDANA, notBefore: time.Hour, want: paidAtOnce("")}.trial("sound")
	body := sound.body(t, time.Now())
	f.publish(t, channel.EmoneyDANA, body)
	f.journal.state(t, sound.id, refund.Waiting)
	malformed := strings.Replace(body, "10.20.30.40", "localhost", 1)
	f.publish(t, channel.EmoneyDANA, malformed)
	letters := f.dead(t, 1)
	if len(letters) != 1 || string(letters[0].Data) != malformed || letters[0].Header.Get("Refund-Dead-Reason") != "refund_id_conflict" {
		t.Errorf("%d dead letters: %s", len(letters), letters[0].Data)
	}
	f.settled(t)
	f.neverCalled(t)
}

// The text that a refund was first sent with is recorded, and every repeat sends
// it: also where this program would fold the reason to another one.
func TestRepeatSendsTheRecordedReason(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	other := "as another version of the tables has it"
	e := newEarlier("other-tables", time.Now(), func(r *refund.Record) {
		inDoubt(r)
		r.SentReason = &other
	})
	e.append(t, f)
	e.wait(t, f, e.body(t, "d"))
	f.worker(t, nil)
	e.paid(t, f, other)
}

func TestReasonIsSentInDOKUsCharactersAndKeptAsItCame(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, nil)
	for i, c := range []struct {
		reason string
		sent   string
		folded bool
	}{
		{"Request by customer", "Request by customer", false},
		{"Barang rusak 😢 – café №12", "Barang rusak     cafe No12", true},
		{"退款", "", true},
		{" a ", "a", true},
	} {
		for _, ch := range []channel.Channel{channel.CreditCard, channel.EmoneyOVO} {
			id := fmt.Sprintf("%s-%d", ch, i)
			f.publish(t, ch, fmt.Sprintf(`{"refund_id":%q,"channel":%q,"invoice_number":%q,"original_request_id":"R","amount":10000,"reason":%q}`,
				id, ch, id, c.reason))
			if r := f.journal.result(t, id); r.Status != refund.Succeeded {
				t.Fatalf("%s: %+v", id, r)
			}
			for _, r := range f.DOKU.Book().Refunds {
				if r.Invoice == id && r.Reason != c.sent {
					t.Errorf("%s: sent %q, want %q", id, r.Reason, c.sent)
				}
			}
			last, err := f.ledger.Last(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if got := last.Record; got.Job.Reason != c.reason || got.ReasonToSend() != c.sent || (got.SentReason != nil) != c.folded {
				t.Errorf("%s: recorded %q, sent %q (%v)", id, got.Job.Reason, got.ReasonToSend(), got.SentReason)
			}
		}
	}
}

// Accounting systems number refunds with characters that subjects, headers and
// shells know.
func TestRefundIDMayHoldSlashesColonsAndHashes(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	f.worker(t, nil)
	const id, waits = "RINV/2026/00012:a#1", "#/:-_"
	card := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial(id)
	card.invoice = "INV-1"
	mandiri := scenario{channel: channel.DirectDebitMandiri, notBefore: later,
		want: outcome{
			path: "waiting sending succeeded", attempts: 1, status: refund.Succeeded, evidence: refund.ByResponse, moved: 1,
		},
	}.trial(waits)
	mandiri.invoice = "INV-2"
	for _, d := range []trial{card, mandiri} {
		body := d.body(t, time.Now())
		f.publish(t, d.channel, body)
		f.publish(t, d.channel, body)
		f.publish(t, d.channel, strings.Replace(body, `"amount":10000`, `"amount":1`, 1))
	}
	card.check(t, f)
	mandiri.check(t, f)
	f.dead(t, 2)
	f.settled(t)
	for subject, want := range map[string]string{
		"refunds.results.credit_card.succeeded." + id: id + ".succeeded", "refunds.results.direct_debit_mandiri.succeeded." + waits: waits + ".succeeded",
	} {
		stream, err := f.JS.Stream(t.Context(), stream.Refunds)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil || msg.Header.Get("ce-id") != want {
			t.Errorf("%s: %v, %v", subject, msg, err)
		}
	}
	ids, err := f.ledger.Refunds(t.Context(), "", "")
	if err != nil || strings.Join(ids, " ") != waits+" "+id {
		t.Errorf("ids %q, %v", ids, err)
	}
	f.audit(t)
}
