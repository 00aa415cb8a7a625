//go:build unix

package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/secret"
)

// programs are built once for all tests, by TestMain.
var programs Programs

// TestMain lets some tests run side by side: most of them wait for times that
// the protocol sets, not for a core.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "refund-programs-")
	if err == nil {
		programs, err = Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// setup starts a stack that ends with the test, and the time that the test has.
func setup(t *testing.T, cfg Config) (context.Context, *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cfg.Dir, cfg.Programs = t.TempDir(), programs
	s, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return ctx, s
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// launch starts a worker, every line of whose log must be one JSON object.
func (s *Stack) launch(t *testing.T, replaced map[string]string) *Process {
	t.Helper()
	w, err := s.Launch(replaced)
	must(t, err)
	watch(t, w)
	return w
}

// watch ends a worker with the test and looks through its log.
func watch(t *testing.T, w *Process) {
	t.Helper()
	t.Cleanup(func() {
		w.Kill()
		for line := range strings.Lines(w.Stderr()) {
			// No repeated member either: readers of logs differ in which they take.
			if err := json.Unmarshal([]byte(line), &map[string]jsontext.Value{}); err != nil {
				t.Errorf("log line %q: %v", line, err)
			}
		}
		if t.Failed() {
			t.Logf("the log of process %d ends with\n%s", w.PID(), tail(w.Stderr()))
		}
	})
}

// worker launches one and waits until it takes jobs.
func (s *Stack) worker(ctx context.Context, t *testing.T, replaced map[string]string) *Process {
	t.Helper()
	w := s.launch(t, replaced)
	must(t, w.WaitFor(ctx, "worker started"))
	return w
}

// card is the n-th card refund; mandiri the n-th of the other family.
func card(n int) jobs.Job {
	return jobs.Job{
		RefundID: fmt.Sprintf("card-%05d", n), Channel: channel.CreditCard, InvoiceNumber: fmt.Sprintf("INV-%05d", n),
		OriginalRequestID: fmt.Sprintf("pay-%05d", n), Amount: int64(10_000 + n),
	}
}

func mandiri(n int) jobs.Job {
	return jobs.Job{
		RefundID: fmt.Sprintf("dd-%05d", n), Channel: channel.DirectDebitMandiri, InvoiceNumber: fmt.Sprintf("DD-%05d", n),
		Amount: int64(20_000 + n), Customer: jobs.Customer{AccessToken: secret.New("token-of-a-customer")},
	}
}

// audit fails the test on every promise that is broken.
func (s *Stack) audit(ctx context.Context, t *testing.T, published []jobs.Job) *Audit {
	t.Helper()
	a, err := s.Audit(ctx, published)
	must(t, err)
	for i, problem := range a.Problems {
		if i == 20 {
			t.Fatalf("and %d more", len(a.Problems)-i)
		}
		t.Error(problem)
	}
	return a
}
