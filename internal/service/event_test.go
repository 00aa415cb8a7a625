package service_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/service"
)

// members of a result, in the order of docs/contract.md, "Result".
var members = []string{
	"v", "refund_id", "channel", "status", "invoice_number", "original_request_id", "amount", "currency", "refund_type", "message",
	"approval_code", "partner_refund_no", "refund_no", "reference_no", "refund_time", "error", "request_id", "attempts", "evidence",
	"environment", "enqueued_at", "completed_at", "metadata",
}

// names returns the members of an object, as they stand.
func names(t *testing.T, text []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var list []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		list = append(list, name.(string))
	}
	return list
}

func TestResultsHaveTheMembersAndHeadersOfTheContract(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, nil)
	const bad = "bad"
	scenarios := []trial{
		scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("card"),
		scenario{channel: channel.DirectDebitMandiri, want: paidAtOnce("")}.trial("snap"),
		scenario{channel: channel.EmoneyOVO, deadline: giveUp, refunds: snapCode("4050700", -1), want: refused("4050700")}.trial("no"),
	}
	for _, d := range scenarios {
		d.begin(t, f)
	}
	f.publish(t, channel.EmoneyDANA, `{"refund_id":"bad"}`)
	for _, e := range f.journal.waitResults(t, len(scenarios)+1) {
		if got := names(t, e.body); !slices.Equal(got, members) {
			t.Errorf("%s has %v", e.Job.RefundID, got)
		}
		var body map[string]any
		if err := json.Unmarshal(e.body, &body); err != nil {
			t.Fatal(err)
		}
		status, id := e.State.String(), e.Job.RefundID
		for name, want := range map[string]string{
			"ce-specversion": "1.0", "ce-id": id + "." + status, "ce-type": "doku.refund." + status, "ce-subject": id,
			"ce-time": body["completed_at"].(string), "ce-source": "/doku-refund-worker/simulator/" + devstack.ClientID,
			"Content-Type": "application/json", "traceparent": "",
		} {
			if got := e.header.Get(name); got != want {
				t.Errorf("%s: header %s is %q, want %q", id, name, got, want)
			}
		}
		if id == bad {
			for _, name := range []string{"invoice_number", "amount", "refund_type", "request_id", "evidence", "refund_no"} {
				if body[name] != nil {
					t.Errorf("%s is %v, not null", name, body[name])
				}
			}
			if metadata, ok := body["metadata"].(map[string]any); !ok || len(metadata) != 0 || body["attempts"] != 0.0 || body["currency"] != "IDR" {
				t.Errorf("%s", e.body)
			}
		}
	}
	snap := f.journal.result(t, "snap")
	if snap.RefundNo == "" || snap.ReferenceNo == "" || snap.RefundTime == "" || snap.Message == "" || snap.RefundType != "" {
		t.Errorf("numbers of a SNAP refund are missing: %+v", snap)
	}
	if card := f.journal.result(t, "card"); card.ApprovalCode == "" || card.Message != "Approved" || card.PartnerRefundNo != "" {
		t.Errorf("words of a card refund are missing: %+v", card)
	}
	if no := f.journal.result(t, "no"); no.Error.HTTPStatus != 405 || no.Error.Message == "" {
		t.Errorf("the no does not explain itself: %+v", no)
	}
}

// tap passes everything on to DOKU and keeps what was said to it.
type tap struct {
	mu   sync.Mutex
	said bytes.Buffer
	of   map[string]int // requests by path
}

func (p *tap) open(t *testing.T, dokuURL string) (base string) {
	t.Helper()
	target, err := url.Parse(dokuURL)
	if err != nil {
		t.Fatal(err)
	}
	p.of = map[string]int{}
	wire := &http.Transport{DisableKeepAlives: true}
	forward := &httputil.ReverseProxy{Transport: wire, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.mu.Lock()
		p.of[r.URL.Path]++
		_ = r.Header.Write(&p.said)
		p.said.WriteString(r.URL.String() + "\n" + string(body) + "\n")
		p.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (p *tap) bytes() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.said.Bytes())
}

func TestTraceparentReachesTheResultAndNeverDOKU(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	p := &tap{}
	base := p.open(t, f.DOKUURL())
	f.worker(t, func(cfg *service.Config) { cfg.BaseURL = base })
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	waits := scenario{channel: channel.DirectDebitMandiri, refunds: fault(dokusim.TooMany), want: retried("")}.trial("waits")
	asks := scenario{channel: channel.CreditCard, refunds: fault(dokusim.ErrorAfter), want: foundPaid()}.trial("asks")
	for _, d := range []trial{waits, asks} {
		d.script(t, f, d.refundCalls(), d.refunds)
		f.publish(t, d.channel, d.body(t, time.Now()), "traceparent", trace)
	}
	for _, d := range []trial{waits, asks} {
		d.check(t, f)
		entries, _ := f.journal.of(d.id)
		if got := entries[len(entries)-1].header.Get("traceparent"); got != trace {
			t.Errorf("%s: traceparent %q", d.id, got)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.of) != 4 {
		t.Errorf("seen: %v; want both refunds, an inquiry and a token", p.of)
	}
	for _, part := range []string{"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "raceparent"} {
		if strings.Contains(p.said.String(), part) {
			t.Errorf("DOKU was told %s", part)
		}
	}
}
