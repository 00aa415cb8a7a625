package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyStatus200IsHealthy(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{http.StatusOK: 0, http.StatusNoContent: 1, http.StatusServiceUnavailable: 1, http.StatusNotFound: 1} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "close")
				w.WriteHeader(status)
				if status == http.StatusServiceUnavailable {
					_, _ = w.Write([]byte("nats is away"))
				}
			}))
			defer server.Close()
			var stderr bytes.Buffer
			if got := run(t.Context(), []string{server.URL}, &stderr); got != want {
				t.Errorf("exit status %d, want %d", got, want)
			}
			if status == http.StatusServiceUnavailable && !strings.Contains(stderr.String(), "nats is away") {
				t.Errorf("stderr %q does not say why", stderr.String())
			}
		})
	}
}

func TestNobodyListeningIsUnhealthyAndNoURLIsUsage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	var stderr bytes.Buffer
	if got := run(t.Context(), []string{server.URL}, &stderr); got != 1 {
		t.Errorf("nobody listening: exit status %d, want 1", got)
	}
	if got := run(t.Context(), nil, &stderr); got != 2 {
		t.Errorf("no URL: exit status %d, want 2", got)
	}
}
