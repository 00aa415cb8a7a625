package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/observe"
)

// serve returns the address served on, and how serving ended.
func serve(t *testing.T, ctx context.Context, handler http.Handler) (address string, ended <-chan error) { //nolint:revive // t comes first in tests
	t.Helper()
	l, err := observe.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- observe.Serve(ctx, l, handler, slog.New(slog.DiscardHandler), observe.ScrapeLimits) }()
	return "http://" + l.Addr().String(), done
}

// client keeps no connections, so that none outlives its test.
func client() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

func wait(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Serve did not end")
		return nil
	}
}

func TestMetricsAndHealthAreServedUntilTheEnd(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	observe.NewMetrics(reg, "v1.2.3", "abc")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, ended := serve(t, ctx, observe.Handler(observe.NewHealth(1), reg))
	for path, want := range map[string]string{
		"/metrics": `refund_inquiries_total{channel="emoney_dana",outcome="no_answer"} 0`,
		"/healthz": "ok", "/readyz": "starting",
	} {
		res, err := client().Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v, %.200s", path, err, body)
		}
	}
	stop()
	if err := wait(t, ended); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := client().Get(address + "/healthz"); err == nil {
		t.Error("still served")
	}
}

func TestRequestUnderWayIsAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	inside, goOn := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, ended := serve(t, ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-goOn
		_, _ = io.WriteString(w, "answered")
	}))
	body := make(chan string, 1)
	go func() {
		res, err := client().Get(address)
		if err != nil {
			body <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		body <- string(b)
	}()
	<-inside
	stop()
	close(goOn)
	if got := <-body; got != "answered" {
		t.Errorf("got %q", got)
	}
	if err := wait(t, ended); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestTakenAddressIsToldAtOnce(t *testing.T) {
	t.Parallel()
	l, err := observe.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := observe.Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "serve HTTP") {
		t.Errorf("error %v", err)
	}
}

func TestServeTellsWhyItEnded(t *testing.T) {
	t.Parallel()
	l, err := observe.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := observe.Serve(t.Context(), l, http.NotFoundHandler(), slog.New(slog.DiscardHandler), observe.ScrapeLimits); err == nil {
		t.Error("no error")
	}
}

func TestLogIsOneJSONObjectALine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := observe.NewLogger(&b, slog.LevelInfo, false)
	log.Debug("not shown")
	log.Info("refund settled", "refund_id", "rf-1", "channel", "credit_card")
	log.Warn("two\nlines")
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("log %q", b.String())
	}
	var line struct {
		Msg      string
		RefundID string `json:"refund_id"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || line.Msg != "refund settled" || line.RefundID != "rf-1" {
		t.Errorf("%+v, %v", line, err)
	}
	if !json.Valid([]byte(lines[1])) {
		t.Errorf("line %q", lines[1])
	}
}

func TestLogIsTextForAPerson(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	observe.NewLogger(&b, slog.LevelDebug, true).Debug("refund settled", "attempt", 2)
	if !strings.Contains(b.String(), `msg="refund settled" attempt=2`) {
		t.Errorf("log %q", b.String())
	}
}
