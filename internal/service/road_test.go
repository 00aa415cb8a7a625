package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/service"
)

// road is one way that a refund can go: what DOKU does, and what must follow.
type road struct {
	name    string // the promise
	channel channel.Channel

	payment   dokusim.Payment // where the automatic one does not do; channel and invoice are filled in
	refunds   []dokusim.Fault // what refund calls meet, in order; {invoice} and {original} are filled in
	inquiries []dokusim.Fault // what inquiries meet; {request_id} and {partner} as well
	token     string          // the customer's, where the channel has one; default: a good one
	deadline  time.Duration   // of the job, from its publication; 0: none
	notBefore time.Duration   // likewise
	putOff    time.Duration   // how long the first wait lasts at least

	// DOKU counts the number of a refused request as used. Where the refusal is
	// lost, nothing proves any more that the number is free
	// (docs/architecture.md, "Identifiers").
	burnsRefused bool

	path     string // of the records, each run of one state once
	status   refund.State
	code     string // of the error
	source   string // of the error
	evidence refund.Evidence
	kind     string // refund_type
	attempts int64
	calls    int
	moved    int
}

// drive is one refund on its way down a road.
type drive struct {
	road

	id, invoice string
}

const roadAmount = 10000

func (r road) drive(id string) drive {
	d := drive{road: r, id: id, invoice: "IN-" + id}
	if r.channel == channel.DirectDebitAllo {
		d.invoice += strings.Repeat("A", 32-len(d.invoice))
	}
	return d
}

func (d drive) original() string { return "REQ-" + d.id }

// body is the job as an order system writes it.
func (d drive) body(t *testing.T, now time.Time) string {
	t.Helper()
	job := map[string]any{
		"refund_id": d.id, "channel": string(d.channel), "invoice_number": d.invoice, "amount": roadAmount,
		"original_request_id": d.original(), "metadata": map[string]string{"road": d.name},
	}
	facts := d.channel.Facts()
	customer := map[string]string{}
	if facts.CustomerToken != channel.Unused {
		customer["access_token"] = d.customerToken()
	}
	if facts.IPAddress != channel.Unused {
		customer["ip_address"] = "10.20.30.40"
	}
	if facts.DeviceID != channel.Unused {
		customer["device_id"] = "device"
	}
	if len(customer) > 0 {
		job["customer"] = customer
	}
	if d.notBefore != 0 {
		job["not_before"] = now.Add(d.notBefore).Format(time.RFC3339Nano)
	}
	if d.deadline != 0 {
		job["deadline"] = now.Add(d.deadline).Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (d drive) customerToken() string {
	if d.token != "" {
		return d.token
	}
	return "token-" + d.id
}

// begin prepares DOKU and publishes the job.
func (d drive) begin(t *testing.T, f fixture) {
	t.Helper()
	if d.payment.Amount != 0 {
		p := d.payment
		p.Channel, p.Invoice = string(d.channel), d.invoice
		if err := f.DOKU.AddPayment(p); err != nil {
			t.Fatal(err)
		}
	}
	d.script(t, f, d.refundCalls(), d.refunds)
	d.script(t, f, d.inquiryCalls(), d.inquiries)
	f.publish(t, d.channel, d.body(t, time.Now()))
}

func (d drive) script(t *testing.T, f fixture, m dokusim.Match, faults []dokusim.Fault) {
	t.Helper()
	if len(faults) == 0 {
		return
	}
	faults = slices.Clone(faults)
	for i := range faults {
		faults[i].Body = strings.NewReplacer("{invoice}", d.invoice, "{original}", d.original(),
			"{request_id}", refund.RequestID(devstack.ClientID, d.id), "{partner}", d.partner()).Replace(faults[i].Body)
	}
	if err := f.DOKU.Script(m, faults...); err != nil {
		t.Fatal(err)
	}
}

func (d drive) partner() string {
	return refund.PartnerRefundNo(devstack.ClientID, d.id, d.channel.Facts().PartnerRefundNo)
}

func (d drive) refundCalls() dokusim.Match {
	return dokusim.Match{Operation: dokusim.OpRefund, Channel: string(d.channel), Invoice: d.invoice}
}

// inquiryCalls: a card inquiry names no invoice, a SNAP one no refund.
func (d drive) inquiryCalls() dokusim.Match {
	if d.channel == channel.CreditCard {
		return dokusim.Match{Operation: dokusim.OpInquiry, Key: refund.RequestID(devstack.ClientID, d.id)}
	}
	return dokusim.Match{Operation: dokusim.OpInquiry, Channel: string(d.channel), Invoice: d.invoice}
}

// judge holds result, ledger, DOKU's log and DOKU's book against the promise.
func (d drive) judge(t *testing.T, f fixture) {
	t.Helper()
	result := f.journal.result(t, d.id)
	history, err := f.ledger.History(t.Context(), d.id)
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := f.journal.of(d.id)
	if got := path(entries); got != d.path {
		t.Errorf("path: %s; want: %s", got, d.path)
	}
	if len(history) != len(entries) {
		t.Errorf("the ledger tells %d records, the stream %d", len(history), len(entries))
	}
	last := history[len(history)-1].Record
	d.judgeResult(t, result, last)
	d.judgeCalls(t, f, entries)
	if moved := f.DOKU.Book().MovedFor(string(d.channel), d.invoice); len(moved) != d.moved {
		t.Errorf("money moved: %+v; want %d movements", moved, d.moved)
	}
}

func (d drive) judgeResult(t *testing.T, r jobs.Result, last refund.Record) {
	t.Helper()
	type told struct {
		id, invoice, original, currency, environment, metadata string
		channel                                                channel.Channel
		amount, attempts                                       int64
		status                                                 refund.State
		source, code                                           string
		evidence                                               refund.Evidence
		kind                                                   string
	}
	got := told{
		r.RefundID, r.InvoiceNumber, r.OriginalRequestID, r.Currency, r.Environment, r.Metadata["road"], r.Channel, r.Amount, r.Attempts,
		r.Status, r.Error.Source, r.Error.Code, r.Evidence, r.RefundType,
	}
	want := told{
		d.id, d.invoice, d.original(), "IDR", "simulator", d.name, d.channel, roadAmount, d.attempts,
		d.status, d.source, d.code, d.evidence, d.kind,
	}
	if got != want {
		t.Errorf("result:\n%+v\nwant:\n%+v", got, want)
	}
	d.judgeNumbers(t, r, last)
	if r.EnqueuedAt.IsZero() || r.CompletedAt.Before(r.EnqueuedAt) || !r.CompletedAt.Equal(last.At.Time()) {
		t.Errorf("enqueued at %v, completed at %v, recorded at %v", r.EnqueuedAt, r.CompletedAt, last.At.Time())
	}
	if d.source != "" && r.Error.Message == "" && d.source == jobs.SourceWorker {
		t.Errorf("error %s does not explain itself", d.code)
	}
}

// judgeNumbers: the identifiers of the result are those that were sent.
func (d drive) judgeNumbers(t *testing.T, r jobs.Result, last refund.Record) {
	t.Helper()
	request, partner := refund.RequestID(devstack.ClientID, d.id), ""
	if d.channel != channel.CreditCard {
		request, partner = last.Identity.ExternalID, d.partner()
	}
	if r.Attempts == 0 {
		request, partner = "", ""
	}
	if r.RequestID != request || r.PartnerRefundNo != partner {
		t.Errorf("request_id %q, partner_refund_no %q; want %q, %q", r.RequestID, r.PartnerRefundNo, request, partner)
	}
}

// judgeCalls: each call is one that a record announced, and every call of one
// refund has the same body.
func (d drive) judgeCalls(t *testing.T, f fixture, entries []entry) {
	t.Helper()
	calls := f.DOKU.RequestsFor(d.refundCalls())
	if len(calls) != d.calls {
		t.Errorf("%d refund calls, want %d: %+v", len(calls), d.calls, calls)
	}
	i := 0
	for _, e := range entries {
		// Beside it a refund may wait for a breaker that its neighbours' faults
		// opened.
		if e.Code == refund.CodeNotExecuted && e.Due.Time().Sub(e.At.Time()) < d.putOff {
			t.Errorf("waits from %v to %v, less than %v", e.At.Time(), e.Due.Time(), d.putOff)
		}
		if e.State != refund.Sending || i == len(calls) {
			continue
		}
		c := calls[i]
		i++
		if c.ID != e.Identity.RequestID+e.Identity.ExternalID || c.BodyHash != calls[0].BodyHash || c.Key != calls[0].Key {
			t.Errorf("call %d is not the one announced, or another request than the first: %+v, %+v", i, c, calls[0])
		}
		if c.At.Before(e.At.Time()) || c.At.After(e.SendBy.Time()) || c.At.Before(e.NotBefore.Time()) || !c.At.Before(e.Deadline.Time()) {
			t.Errorf("call %d at %v, announced at %v", i, c.At, e.At.Time())
		}
	}
	if i < len(calls) {
		t.Errorf("%d calls, %d announced", len(calls), i)
	}
}

// drive all roads side by side on one stack, then judge one after the other.
func driveAll(t *testing.T, roads []road, change func(*service.Config)) {
	t.Helper()
	f := setup(t, devstack.Config{})
	f.worker(t, change)
	drives := make([]drive, len(roads))
	for i, r := range roads {
		drives[i] = r.drive(fmt.Sprintf("r%02d", i))
		drives[i].begin(t, f)
	}
	for _, d := range drives {
		t.Run(d.name, func(t *testing.T) { d.judge(t, f) })
	}
	f.settled(t)
	f.audit(t)
}

func TestCardRefundsEndAsDOKUSays(t *testing.T) {
	t.Parallel()
	driveAll(t, cardRoads, unhurried)
}

func TestSNAPRefundsEndAsDOKUSays(t *testing.T) {
	t.Parallel()
	driveAll(t, snapRoads, unhurried)
}

func TestARefusedTokenIsRenewedAtOnce(t *testing.T) {
	t.Parallel()
	driveAll(t, []road{tokenRoad}, unhurried)
}

func TestTimesAreKept(t *testing.T) {
	t.Parallel()
	driveAll(t, timeRoads, func(cfg *service.Config) {
		unhurried(cfg)
		cfg.Retry = long
	})
}

var (
	// brief delays, so that nothing waits for them.
	brief = retry.Policy{Initial: 100 * time.Millisecond, Max: 2 * time.Second}
	// long delays: what DOKU puts off by more than a moment comes after the
	// deadlines that roads have here.
	long = retry.Policy{Initial: time.Second, Max: time.Minute}
)

// unhurried gives calls time on a loaded machine: here every outcome is exact,
// and one that timed out would take another road.
func unhurried(cfg *service.Config) {
	cfg.Policy.Timeout = 3 * time.Second
	cfg.Policy.Quiet = 300 * time.Millisecond
}
