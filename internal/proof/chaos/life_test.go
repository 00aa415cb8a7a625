//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/long"
	"refundworker.example/refundworker/internal/refund"
)

var errNotYet = errors.New("not yet")

// answers waits until the worker's readiness has this status and names what.
func answers(ctx context.Context, t *testing.T, addr string, status int, what string) {
	t.Helper()
	must(t, until(ctx, func() error {
		got, text, err := Fetch(ctx, http.MethodGet, "http://"+addr+"/readyz", "")
		if err == nil && (got != status || !strings.Contains(string(text), what)) {
			err = fmt.Errorf("%w: readyz is %d: %s", errNotYet, got, text)
		}
		return err
	}))
}

func freePort(ctx context.Context, t *testing.T) string {
	t.Helper()
	addr, err := FreePort(ctx)
	must(t, err)
	return addr
}

// moved waits until the book shows so many movements.
func (s *Stack) moved(ctx context.Context, t *testing.T, want int) {
	t.Helper()
	must(t, until(ctx, func() error {
		book, err := s.DOKU.Book(ctx)
		if err == nil && book.Total.Movements < want {
			err = fmt.Errorf("%w: money moved %d times", errNotYet, book.Total.Movements)
		}
		return err
	}))
}

func TestSIGTERMDuringASlowCallLeavesItsResultAndTheRestToOthers(t *testing.T) {
	t.Parallel()
	ctx, s := setup(t, Config{AckWait: time.Hour}) // nothing comes back by itself
	must(t, s.DOKU.Fault(ctx, `{"match":{"operation":"refund"},"faults":[{"kind":"delay_after","delay":"2s"}]}`))
	list := []jobs.Job{card(1), card(2), card(3)}
	w := s.worker(ctx, t, map[string]string{"CONCURRENCY": "1", "DOKU_TIMEOUT": "10s"})
	must(t, s.Publish(ctx, list...))
	s.moved(ctx, t, 1)

	must(t, w.Signal(syscall.SIGTERM))
	status, err := w.Wait(ctx)
	must(t, err)
	if status != 0 {
		t.Errorf("exit status %d: %s", status, w.Stderr())
	}
	if n, err := s.Ended(ctx); err != nil || n != 1 {
		t.Errorf("%d results, %v; want that of the running call", n, err)
	}

	// What it had not started was requeued.
	s.worker(ctx, t, nil)
	must(t, s.WaitEnded(ctx, len(list)))
	a := s.audit(ctx, t, list)
	for id, r := range a.Refunds {
		if len(r.Results) != 1 || r.Results[0].Evidence != refund.ByResponse {
			t.Errorf("%s ended by %+v, want one success by its response", id, r.Results)
		}
	}
}

func TestASecondSignalEndsTheWorkerAtOnce(t *testing.T) {
	t.Parallel()
	ctx, s := setup(t, Config{})
	must(t, s.DOKU.Fault(ctx, `{"match":{"operation":"refund"},"faults":[{"kind":"hold"}]}`))
	addr := freePort(ctx, t)
	w := s.worker(ctx, t, map[string]string{"HTTP_ADDR": addr, "DOKU_TIMEOUT": "10m"})
	must(t, s.Publish(ctx, card(1)))
	s.moved(ctx, t, 1)
	must(t, w.Signal(syscall.SIGTERM))
	answers(ctx, t, addr, http.StatusServiceUnavailable, "stopping")

	must(t, w.Signal(syscall.SIGTERM))
	status, err := w.Wait(ctx)
	must(t, err)
	if status == 0 {
		t.Error("exit status 0 after the second signal")
	}
}

func TestBadSettingsEndWithStatus2AndALineEach(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w, err := programs.start("worker", t.TempDir(), nil, map[string]string{
		"DOKU_ENV": "nowhere", "DOKU_SECRET_KEY": "hush-hush", "DOKU_TIMEOUT": "soon", "DOKU_PRIVATE_KEY_FILE": "absent.pem",
		"CHANNELS": "credit_card,cheque", "CONCURRENCY": "0", "RATE_LIMIT": "-1", "RETRY_INITIAL": "1m", "RETRY_MAX": "1s",
		"REPEAT_AFTER_UNKNOWN": "perhaps", "REPLICAS": "2", "LOG_LEVEL": "loud", "SETUP": "maybe", "HTTP_ADDR": "here",
	})
	must(t, err)
	status, err := w.Wait(ctx)
	must(t, err)
	if status != 2 || w.Stdout() != "" || strings.Contains(w.Stderr(), "hush-hush") {
		t.Errorf("exit status %d, stdout %q, stderr %s", status, w.Stdout(), w.Stderr())
	}
	lines := strings.Split(strings.TrimSpace(w.Stderr()), "\n")
	for _, name := range []string{
		"DOKU_ENV", "DOKU_CLIENT_ID", "DOKU_TIMEOUT", "DOKU_PRIVATE_KEY_FILE", "CHANNELS", "CONCURRENCY", "RATE_LIMIT",
		"RETRY_MAX", "REPEAT_AFTER_UNKNOWN", "REPLICAS", "LOG_LEVEL", "SETUP", "HTTP_ADDR",
	} {
		named := 0
		for _, line := range lines {
			if strings.HasPrefix(line, "worker: "+name+":") {
				named++
			}
		}
		if named != 1 {
			t.Errorf("%s is named by %d lines: %s", name, named, w.Stderr())
		}
	}
}

func TestTheWorkerWaitsForNATSAtStartAndInTheMiddle(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	ctx, s := setup(t, Config{})
	s.NATS.Kill()
	addr := freePort(ctx, t)
	w := s.launch(t, map[string]string{"HTTP_ADDR": addr})
	answers(ctx, t, addr, http.StatusServiceUnavailable, "not connected to NATS")
	if status, _, err := Fetch(ctx, http.MethodGet, "http://"+addr+"/healthz", ""); err != nil || status != http.StatusOK {
		t.Errorf("healthz is %d, %v: a restart would not bring NATS back", status, err)
	}
	must(t, s.NATS.Restart(ctx))
	answers(ctx, t, addr, http.StatusOK, "ready")
	must(t, s.Publish(ctx, card(1)))
	must(t, s.WaitEnded(ctx, 1))

	s.NATS.Kill()
	answers(ctx, t, addr, http.StatusServiceUnavailable, "not connected to NATS")
	must(t, s.NATS.Restart(ctx))
	answers(ctx, t, addr, http.StatusOK, "ready")
	must(t, s.Publish(ctx, card(2)))
	must(t, s.WaitEnded(ctx, 2))
	s.audit(ctx, t, []jobs.Job{card(1), card(2)})
	if !w.Running() {
		t.Errorf("the worker ended: %s", w.Stderr())
	}
}

// The answer is in flight, and there is nowhere to write it down.
func TestAnUnstoredAnswerOutlivesNATS(t *testing.T) {
	t.Parallel()
	ctx, s := setup(t, Config{})
	must(t, s.DOKU.Fault(ctx, `{"match":{"operation":"refund"},"faults":[{"kind":"hold"}]}`))
	addr := freePort(ctx, t)
	s.worker(ctx, t, map[string]string{"HTTP_ADDR": addr, "DOKU_TIMEOUT": "30s"})
	must(t, s.Publish(ctx, card(1)))
	s.moved(ctx, t, 1)
	s.NATS.Kill()
	must(t, s.DOKU.Release(ctx))
	answers(ctx, t, addr, http.StatusServiceUnavailable, "an answer from DOKU cannot be stored")
	must(t, s.NATS.Restart(ctx))
	must(t, s.WaitEnded(ctx, 1))
	a := s.audit(ctx, t, []jobs.Job{card(1)})
	r := a.Refunds[card(1).RefundID].Results[0]
	if r.Status != refund.Succeeded || r.Evidence != refund.ByResponse || r.Attempts != 1 {
		t.Errorf("the result is %s by %q after %d attempts, want succeeded by the one response", r.Status, r.Evidence, r.Attempts)
	}
	answers(ctx, t, addr, http.StatusOK, "ready")
}

func TestMissingStreamsEndTheWorkerWithTheirNamesUnlessItMaySetUp(t *testing.T) {
	t.Parallel()
	ctx, s := setup(t, Config{Unset: true})
	w, err := s.Launch(nil)
	must(t, err)
	status, err := w.Wait(ctx)
	must(t, err)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	for _, name := range []string{stream.Jobs, stream.Waits, stream.Refunds, stream.Dead} {
		if !strings.Contains(w.Stderr(), name) {
			t.Errorf("%s is not named: %s", name, w.Stderr())
		}
	}
	s.worker(ctx, t, map[string]string{"SETUP": "true"})
	must(t, s.Publish(ctx, card(1)))
	must(t, s.WaitEnded(ctx, 1))
	s.audit(ctx, t, []jobs.Job{card(1)})
}

func TestAWrongSecretFailsNoRefund(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	ctx, s := setup(t, Config{})
	wrong := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(wrong, []byte("SK-of-somebody-else\n"), 0o600))
	list := []jobs.Job{card(1), mandiri(1), card(2), mandiri(2), card(3), mandiri(3)}
	must(t, s.Publish(ctx, list...))
	addr := freePort(ctx, t)
	w := s.worker(ctx, t, map[string]string{
		"DOKU_SECRET_KEY_FILE": wrong, "CHANNELS": "credit_card,direct_debit_mandiri", "HTTP_ADDR": addr,
	})
	answers(ctx, t, addr, http.StatusServiceUnavailable, "credit_card: circuit breaker open")
	answers(ctx, t, addr, http.StatusServiceUnavailable, "direct_debit_mandiri: circuit breaker open")
	must(t, w.Signal(syscall.SIGTERM))
	status, err := w.Wait(ctx)
	must(t, err)
	if n, err := s.Ended(ctx); err != nil || n != 0 || status != 0 {
		t.Errorf("%d results, %v, exit status %d", n, err, status)
	}
	s.worker(ctx, t, nil)
	must(t, s.WaitEnded(ctx, len(list)))
	for id, r := range s.audit(ctx, t, list).Refunds {
		if r.Status() != refund.Succeeded {
			t.Errorf("%s is %s", id, r.Status())
		}
	}
}
