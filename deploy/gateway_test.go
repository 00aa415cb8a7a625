package deploy_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/gateway"
)

// The gateway works as its user in an account of its own, and reads nothing else.
func TestTheGatewayDoesAllOfItsWorkAsItsUser(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	worker := b.connect("worker")
	worker.publish("refunds.dead.credit_card", "planted-token", jetstream.WithMsgID("REFUND_JOBS.7"))
	worker.publish("refunds.notices.credit_card", `{"v":1,"channel":"credit_card","reason":"unreadable","stream":"REFUND_JOBS","sequence":7,"refund_id":null,"stored_at":"2026-11-21T09:00:00Z"}`)
	user := b.connect("gateway")
	log := slog.New(slog.DiscardHandler)
	token, line, err := gateway.NewToken("shop")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := gateway.LoadTokens(file, 1000, log)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{JS: user.js, Log: log, MaxWaits: 1, Metrics: gateway.NewMetrics(prometheus.NewRegistry(), "", ""), Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, target, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx(t), method, target, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
		return w
	}
	job := `{"refund_id":"rf-7","channel":"credit_card","invoice_number":"INV-7","original_request_id":"pay-7","amount":7}`
	if w := ask(http.MethodPost, "/v1/refunds", job); w.Code != http.StatusAccepted {
		t.Errorf("publish: %d %s", w.Code, w.Body)
	}
	// fill's records are no documents of this version: that they are found is enough.
	for _, target := range []string{"/v1/refunds/rf-1", "/v1/results"} {
		if w := ask(http.MethodGet, target, ""); !strings.Contains(w.Body.String(), "newer-version") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	w := ask(http.MethodGet, "/v1/notices", "")
	for strings.Contains(w.Body.String(), `"notices":[]`) { // the mirror is some moments late
		w = ask(http.MethodGet, "/v1/notices", "")
	}
	if !strings.Contains(w.Body.String(), `"sequence":7`) || strings.Contains(w.Body.String(), "planted-token") {
		t.Errorf("notices: %d %s", w.Code, w.Body)
	}
	user.undisturbed()
}

// Whatever the body asks of the mirror, dead letters and customers' tokens are not there.
func TestTheMirrorOfNoticesHoldsNoDeadLetter(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	b.connect("worker").publish("refunds.notices.credit_card", `{}`)
	user := b.connect("gateway")
	for user.request("REFUNDS.API.DIRECT.GET.REFUND_NOTICES", `{"last_by_subj":"refunds.notices.credit_card"}`) != `{}` {
		continue // the mirror is some moments late
	}
	for _, body := range []string{`{"last_by_subj":"refunds.dead.>"}`, `{"seq":1,"next_by_subj":"refunds.dead.>"}`, `{"seq":1}`, `{"multi_last":["refunds.dead.>"]}`} {
		answer, err := user.nc.RequestWithContext(context.WithoutCancel(ctx(t)), "REFUNDS.API.DIRECT.GET.REFUND_NOTICES", []byte(body))
		if err == nil && strings.HasPrefix(answer.Header.Get("Nats-Subject"), "refunds.dead") || err == nil && string(answer.Data) == "no job" {
			t.Errorf("%s: %v %q", body, answer.Header, answer.Data)
		}
	}
}
