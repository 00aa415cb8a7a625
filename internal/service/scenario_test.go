package service_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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

// scenario is one refund: its job, how DOKU answers, and what must follow.
type scenario struct {
	name    string
	channel channel.Channel

	payment   dokusim.Payment // default: one of the simulator's; channel and invoice are filled in
	token     string          // the customer's, where the channel has one; default: a valid one
	notBefore time.Duration   // of the job, from its publication; 0: none
	deadline  time.Duration   // likewise
	refunds   []dokusim.Fault // of refund calls, in order; {invoice} and {original} are filled in
	inquiries []dokusim.Fault // of inquiries; {request_id} and {partner} as well
	minWait   time.Duration   // how long a refund that was not executed waits at least

	// DOKU counts the number of a refused request as used. Where the refusal is
	// lost, nothing proves any more that the number is free
	// (docs/architecture.md, "Identifiers").
	refusalUsesNumber bool

	want outcome
}

// outcome is what must follow.
type outcome struct {
	path       string // the states of the records, each run of one state once
	attempts   int64  // refund calls that DOKU received, too
	status     refund.State
	evidence   refund.Evidence
	source     string // of the error
	code       string // of the error
	refundType string
	moved      int // movements of money
}

// paidAtOnce is the outcome where the first answer is a success.
func paidAtOnce(refundType string) outcome {
	return outcome{
		path: "sending succeeded", attempts: 1, status: refund.Succeeded, evidence: refund.ByResponse,
		refundType: refundType, moved: 1,
	}
}

// foundPaid is the outcome where DOKU paid, its answer proved nothing, and an
// inquiry found the refund.
func foundPaid() outcome {
	return outcome{path: "sending unknown succeeded", attempts: 1, status: refund.Succeeded, evidence: refund.ByInquiry, moved: 1}
}

// sentAgain is the outcome where DOKU did not pay, its answer did not prove
// that, an inquiry did not find the refund, and a repeat was paid.
func sentAgain(refundType string) outcome {
	return outcome{
		path: "sending unknown sending succeeded", attempts: 2, status: refund.Succeeded, evidence: refund.ByResponse,
		refundType: refundType, moved: 1,
	}
}

// retried is the outcome where the first answer proved that nothing was
// executed, and the second call was paid.
func retried(refundType string) outcome {
	return outcome{
		path: "sending waiting sending succeeded", attempts: 2, status: refund.Succeeded, evidence: refund.ByResponse,
		refundType: refundType, moved: 1,
	}
}

// refused is the outcome where the first answer is a definite refusal.
func refused(code string) outcome {
	return outcome{
		path: "sending failed", attempts: 1, status: refund.Failed, evidence: refund.ByResponse, source: jobs.SourceDOKU, code: code,
	}
}

// unresolved is the outcome where a person has to look, and no money moved.
func unresolved(path string, code refund.Code, attempts int64) outcome {
	return outcome{path: path, attempts: attempts, status: refund.Unresolved, source: jobs.SourceWorker, code: code.String()}
}

// trial is one refund that goes through a scenario.
type trial struct {
	scenario

	id, invoice string
}

// amount is what every scenario refunds, in rupiah.
const amount = 10000

// later is when a refund waits until, or is given up, that a worker must have
// looked at before, on a loaded machine too.
const later = 12 * time.Second

func (s scenario) trial(id string) trial {
	d := trial{scenario: s, id: id, invoice: "IN-" + id}
	if s.channel == channel.DirectDebitAllo {
		d.invoice += strings.Repeat("A", 32-len(d.invoice))
	}
	return d
}

func (d trial) original() string { return "REQ-" + d.id }

// body is the job as an order system writes it.
func (d trial) body(t *testing.T, now time.Time) string {
	t.Helper()
	job := map[string]any{
		"refund_id": d.id, "channel": string(d.channel), "invoice_number": d.invoice, "amount": amount,
		"original_request_id": d.original(), "metadata": map[string]string{"scenario": d.name},
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

func (d trial) customerToken() string {
	if d.token != "" {
		return d.token
	}
	return "token-" + d.id
}

// begin prepares DOKU and publishes the job.
func (d trial) begin(t *testing.T, f fixture) {
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

func (d trial) script(t *testing.T, f fixture, m dokusim.Match, faults []dokusim.Fault) {
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

func (d trial) partner() string {
	return refund.PartnerRefundNo(devstack.ClientID, d.id, d.channel.Facts().PartnerRefundNo)
}

func (d trial) refundCalls() dokusim.Match {
	return dokusim.Match{Operation: dokusim.OpRefund, Channel: string(d.channel), Invoice: d.invoice}
}

// inquiryCalls: a card inquiry names no invoice, a SNAP one no refund.
func (d trial) inquiryCalls() dokusim.Match {
	if d.channel == channel.CreditCard {
		return dokusim.Match{Operation: dokusim.OpInquiry, Key: refund.RequestID(devstack.ClientID, d.id)}
	}
	return dokusim.Match{Operation: dokusim.OpInquiry, Channel: string(d.channel), Invoice: d.invoice}
}

// check compares result, ledger, DOKU's log and DOKU's book with the outcome.
func (d trial) check(t *testing.T, f fixture) {
	t.Helper()
	result := f.journal.result(t, d.id)
	history, err := f.ledger.History(t.Context(), d.id)
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := f.journal.of(d.id)
	if got := path(entries); got != d.want.path {
		t.Errorf("path: %s; want: %s", got, d.want.path)
	}
	if len(history) != len(entries) {
		t.Errorf("the ledger tells %d records, the stream %d", len(history), len(entries))
	}
	last := history[len(history)-1].Record
	d.checkResult(t, result, last)
	d.checkCalls(t, f, entries)
	if moved := f.DOKU.Book().MovedFor(string(d.channel), d.invoice); len(moved) != d.want.moved {
		t.Errorf("money moved: %+v; want %d movements", moved, d.want.moved)
	}
}

func (d trial) checkResult(t *testing.T, r jobs.Result, last refund.Record) {
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
		r.RefundID, r.InvoiceNumber, r.OriginalRequestID, r.Currency, r.Environment, r.Metadata["scenario"], r.Channel, r.Amount, r.Attempts,
		r.Status, r.Error.Source, r.Error.Code, r.Evidence, r.RefundType,
	}
	want := told{
		d.id, d.invoice, d.original(), "IDR", "simulator", d.name, d.channel, amount, d.want.attempts,
		d.want.status, d.want.source, d.want.code, d.want.evidence, d.want.refundType,
	}
	if got != want {
		t.Errorf("result:\n%+v\nwant:\n%+v", got, want)
	}
	d.checkNumbers(t, r, last)
	if r.EnqueuedAt.IsZero() || r.CompletedAt.Before(r.EnqueuedAt) || !r.CompletedAt.Equal(last.At.Time()) {
		t.Errorf("enqueued at %v, completed at %v, recorded at %v", r.EnqueuedAt, r.CompletedAt, last.At.Time())
	}
	if d.want.source != "" && r.Error.Message == "" && d.want.source == jobs.SourceWorker {
		t.Errorf("error %s does not explain itself", d.want.code)
	}
}

// checkNumbers: the identifiers of the result are those that were sent.
func (d trial) checkNumbers(t *testing.T, r jobs.Result, last refund.Record) {
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

// checkCalls: each call is one that a record announced, and every call of one
// refund has the same body.
func (d trial) checkCalls(t *testing.T, f fixture, entries []entry) {
	t.Helper()
	calls := f.DOKU.RequestsFor(d.refundCalls())
	if len(calls) != int(d.want.attempts) {
		t.Errorf("%d refund calls, want %d: %+v", len(calls), int(d.want.attempts), calls)
	}
	i := 0
	for _, e := range entries {
		// Beside it a refund may wait for a breaker that its neighbours' faults
		// opened.
		if e.Code == refund.CodeNotExecuted && e.Due.Time().Sub(e.At.Time()) < d.minWait {
			t.Errorf("waits from %v to %v, less than %v", e.At.Time(), e.Due.Time(), d.minWait)
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

// runScenarios puts one refund through each scenario, side by side on one
// stack, then checks one after the other. It returns the address of the worker,
// which runs until the test ends.
func runScenarios(t *testing.T, scenarios []scenario, change func(*service.Config)) (addr string) {
	t.Helper()
	f := setup(t, devstack.Config{})
	addr = freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		change(cfg)
		cfg.HTTPAddr = addr
	})
	readiness(t, addr, http.StatusOK, "ready") // deadlines begin now
	trials := make([]trial, len(scenarios))
	for i, s := range scenarios {
		trials[i] = s.trial(fmt.Sprintf("r%02d", i))
		trials[i].begin(t, f)
	}
	for _, d := range trials {
		t.Run(d.name, func(t *testing.T) { d.check(t, f) })
	}
	f.settled(t)
	f.audit(t)
	return addr
}

func TestCardRefundsEndAsDOKUSays(t *testing.T) {
	t.Parallel()
	runScenarios(t, cardScenarios, patientCalls)
}

func TestSNAPRefundsEndAsDOKUSays(t *testing.T) {
	t.Parallel()
	runScenarios(t, snapScenarios, patientCalls)
}

func TestARefusedTokenIsRenewedAtOnce(t *testing.T) {
	t.Parallel()
	runScenarios(t, []scenario{tokenScenario}, patientCalls)
}

func TestTimesAreKept(t *testing.T) {
	t.Parallel()
	runScenarios(t, timeScenarios, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.Retry = slow
	})
}

var (
	// fast delays, so that nothing waits for them.
	fast = retry.Policy{Initial: 100 * time.Millisecond, Max: 2 * time.Second}
	// slow delays: what DOKU postpones by more than a moment comes after the
	// deadlines of the scenarios, for its first delay is 32 s, jittered by half.
	slow = retry.Policy{Initial: 2 * time.Second, Max: time.Minute}
)

// patientCalls gives calls time on a loaded machine: here every outcome is exact,
// and one that timed out would have another outcome.
func patientCalls(cfg *service.Config) {
	cfg.Policy.Timeout = 3 * time.Second
	cfg.Policy.Quiet = 300 * time.Millisecond
}
