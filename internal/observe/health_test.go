package observe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/observe"
)

// get asks the handler as a probe does.
func get(t *testing.T, h *observe.Health, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	observe.Handler(h, prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") {
		t.Errorf("%s is %s", path, kind)
	}
	return w.Code, w.Body.String()
}

func expect(t *testing.T, h *observe.Health, status int, body string) {
	t.Helper()
	if s, b := get(t, h, "/readyz"); s != status || b != body {
		t.Errorf("/readyz is %d %q, want %d %q", s, b, status, body)
	}
}

func TestProcessIsNotReadyBeforeItHasStarted(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(2)
	expect(t, h, http.StatusServiceUnavailable, "starting\n")
	h.Clear(observe.Starting)
	expect(t, h, http.StatusOK, "ready\n")
}

func TestEveryReasonIsTold(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(2)
	h.Clear(observe.Starting)
	h.Block("nats", "not connected to NATS")
	h.Block("clock", "clock is 12s off")
	expect(t, h, http.StatusServiceUnavailable, "clock is 12s off\nnot connected to NATS\n")
	h.Block("clock", "clock is 11s off")
	h.Clear("nats")
	h.Clear("never blocked")
	expect(t, h, http.StatusServiceUnavailable, "clock is 11s off\n")
	h.Clear("clock")
	expect(t, h, http.StatusOK, "ready\n")
}

func TestDegradedChannelIsToldButTheProcessStaysReady(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(2)
	h.Clear(observe.Starting)
	h.Degrade(channel.CreditCard, "credit_card: circuit breaker open: throttled")
	h.Degrade(channel.CreditCard, "credit_card: circuit breaker open: unreachable")
	expect(t, h, http.StatusOK, "ready\ncredit_card: circuit breaker open: unreachable\n")
	h.Restore(channel.CreditCard)
	expect(t, h, http.StatusOK, "ready\n")
}

func TestProcessIsNotReadyWhenEveryChannelIsDegraded(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(2)
	h.Clear(observe.Starting)
	h.Degrade(channel.EmoneyOVO, "emoney_ovo: open")
	h.Degrade(channel.CreditCard, "credit_card: open")
	expect(t, h, http.StatusServiceUnavailable, "credit_card: open\nemoney_ovo: open\n")
	h.Restore(channel.EmoneyOVO)
	expect(t, h, http.StatusOK, "ready\ncredit_card: open\n")
}

func TestProcessLivesHoweverUnready(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(1)
	h.Block("nats", "not connected to NATS")
	if status, body := get(t, h, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz is %d %q", status, body)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(1)
	for _, path := range []string{"/", "/debug/pprof/", "/readyz/x"} {
		if status, _ := get(t, h, path); status != http.StatusNotFound {
			t.Errorf("%s is %d", path, status)
		}
	}
	w := httptest.NewRecorder()
	observe.Handler(h, prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/readyz", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz is %d", w.Code)
	}
}

func TestRemarkIsShownAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := observe.NewHealth(1)
	h.Clear(observe.Starting)
	h.Remark("k", "credit_card: paused by an operator")
	if ready, lines := h.Ready(); !ready || len(lines) != 1 || lines[0] != "credit_card: paused by an operator" {
		t.Errorf("ready %t: %q", ready, lines)
	}
	h.Remark("k", "")
	if ready, lines := h.Ready(); !ready || len(lines) != 0 {
		t.Errorf("ready %t: %q", ready, lines)
	}
}
