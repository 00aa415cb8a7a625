//go:build unix

package chaos

import (
	"context"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/long"
)

// unread is a pipe as the standard error of workers: nobody reads it.
func unread(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	return r, w
}

func (s *Stack) quiet(ctx context.Context, t *testing.T, w *Process, addr string, n int) []jobs.Job {
	t.Helper()
	list := make([]jobs.Job, n)
	for i := range list {
		list[i] = card(i + 1)
	}
	must(t, s.Publish(ctx, list...))
	answers(ctx, t, addr, http.StatusOK, "ready")
	must(t, s.WaitEnded(ctx, n))
	if !w.Running() {
		t.Fatal("the worker ended")
	}
	return list
}

// A log collector that holds the pipe and does not read stopped the worker at
// 296 of 2,000 refunds, while it said that it was ready, and a SIGTERM did not
// end it.
func TestALogThatNobodyReadsHoldsUpNeitherRefundsNorTheStop(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	const n = 2000
	_, pipe := unread(t)
	ctx, s := setup(t, Config{LogFile: pipe})
	addr := freePort(ctx, t)
	w, err := s.Launch(map[string]string{"HTTP_ADDR": addr, "LOG_LEVEL": "debug"})
	must(t, err)
	list := s.quiet(ctx, t, w, addr, n)

	status, text, err := Fetch(ctx, http.MethodGet, "http://"+addr+"/metrics", "")
	must(t, err)
	if status != http.StatusOK || !strings.Contains(string(text), "refund_log_lines_lost_total ") ||
		strings.Contains(string(text), "refund_log_lines_lost_total 0\n") {
		t.Errorf("metrics: %d; lines were lost and not counted", status)
	}

	must(t, w.Signal(syscall.SIGTERM))
	status, err = w.Wait(ctx)
	must(t, err)
	if status != 0 {
		t.Errorf("exit status %d after SIGTERM", status)
	}
	s.audit(ctx, t, list)
}

func TestALogWhoseReaderIsGoneEndsNoWorker(t *testing.T) {
	t.Parallel()
	reader, pipe := unread(t)
	ctx, s := setup(t, Config{LogFile: pipe})
	addr := freePort(ctx, t)
	w, err := s.Launch(map[string]string{"HTTP_ADDR": addr})
	must(t, err)
	answers(ctx, t, addr, http.StatusOK, "ready")
	must(t, reader.Close())
	list := s.quiet(ctx, t, w, addr, 50)
	must(t, w.Signal(syscall.SIGTERM))
	status, err := w.Wait(ctx)
	must(t, err)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	s.audit(ctx, t, list)
}

// Sixteen consumers were told of one by one, and every try to connect: some fifty
// lines a reconnect.
func TestAReconnectIsAHandfulOfLines(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	const most = 6
	ctx, s := setup(t, Config{})
	addr := freePort(ctx, t)
	w := s.worker(ctx, t, map[string]string{"HTTP_ADDR": addr})
	answers(ctx, t, addr, http.StatusOK, "ready")
	before := strings.Count(w.Stderr(), "\n")
	s.NATS.Kill()
	answers(ctx, t, addr, http.StatusServiceUnavailable, "not connected to NATS")
	pass(ctx, 3*time.Second)
	must(t, s.NATS.Restart(ctx))
	must(t, w.WaitFor(ctx, "intake pulling again"))
	answers(ctx, t, addr, http.StatusOK, "ready")
	if lines := strings.Count(w.Stderr(), "\n") - before; lines > most {
		t.Errorf("%d lines, want %d at most", lines, most)
	}
}
