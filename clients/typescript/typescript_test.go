// Package typescript_test runs the TypeScript client's own tests and the TypeScript
// programs of the documents against NATS and a worker. It needs Node.js and npm: make
// typescript sets TYPESCRIPT.
package typescript_test

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/proof/devstack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup starts NATS, the simulator and a worker, and makes what readers need.
func setup(t *testing.T) (stack *devstack.Stack, ctx context.Context) {
	t.Helper()
	if os.Getenv("TYPESCRIPT") == "" {
		t.Skip("needs Node.js and npm: make typescript")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	var err error
	if stack, err = devstack.Start(context.WithoutCancel(ctx), devstack.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	worker := stack.StartWorker(context.WithoutCancel(ctx), stack.WorkerConfig(slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		if err := worker.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct{ stream, name, filter string }{
		{"REFUNDS", "shop", "refunds.results.credit_card.>"}, {"REFUNDS", "ovo", "refunds.results.emoney_ovo.>"},
		{"REFUNDS", "records", "refunds.ledger.>"}, {"REFUND_DEAD", "orders", "refunds.notices.>"},
	} {
		_, err := stack.JS.CreateConsumer(ctx, c.stream, jetstream.ConsumerConfig{
			Durable: c.name, FilterSubject: c.filter, AckPolicy: jetstream.AckExplicitPolicy,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return stack, ctx
}

// command runs a program in dir until it ends.
func command(ctx context.Context, t *testing.T, dir, natsURL, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NATS_URL="+natsURL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestTheClientsOwnTests(t *testing.T) {
	t.Parallel()
	stack, ctx := setup(t)
	natsURL := stack.NATS.URL()
	t.Log(command(ctx, t, ".", natsURL, "npm", "test", "--silent"))
}

// As a newcomer does: in a folder of his own, with the package from here.
func TestProgramsOfTheDocumentsRunInAFolderOfTheirOwn(t *testing.T) {
	t.Parallel()
	stack, ctx := setup(t)
	natsURL := stack.NATS.URL()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	snippets := programs(t)
	for name, text := range map[string]string{"package.json": `{"type":"module"}`, "refund.ts": snippets[0], "results.ts": snippets[1]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(ctx, t, dir, natsURL, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", root, "@nats-io/transport-node")
	command(ctx, t, dir, natsURL, filepath.Join(root, "node_modules/.bin/tsc"), "--module", "NodeNext", "--target", "ES2022", "--strict",
		"--skipLibCheck", "--typeRoots", filepath.Join(root, "node_modules/@types"), "--types", "node", "refund.ts", "results.ts")
	if out := command(ctx, t, dir, natsURL, "node", "refund.js", "rf-1", "INV-1", "payment-1", "90000"); out != "rf-1 succeeded 90000\n" {
		t.Errorf("refund: %q", out)
	}
	results := exec.CommandContext(ctx, "node", "results.js", "shop")
	results.Dir, results.Env, results.Stderr = dir, append(os.Environ(), "NATS_URL="+natsURL), os.Stderr
	out, err := results.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := results.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if lines.Scan(); !strings.HasPrefix(lines.Text(), "rf-1 succeeded 90000 simulator") {
		t.Errorf("results: %q", lines.Text())
	}
	// The reader goes on by itself after a restart of NATS.
	stack.NATS.Stop()
	if err := stack.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	command(ctx, t, dir, natsURL, "node", "refund.js", "rf-2", "INV-2", "payment-2", "80000")
	for lines.Scan() && strings.HasPrefix(lines.Text(), "rf-1 ") {
		t.Log("again, for its acknowledgement was lost:", lines.Text())
	}
	if !strings.HasPrefix(lines.Text(), "rf-2 succeeded 80000 simulator") {
		t.Errorf("results after a restart: %q", lines.Text())
	}
	_ = results.Process.Signal(os.Interrupt)
	if err := results.Wait(); err != nil {
		t.Errorf("results: %v", err)
	}
}

// programs are the TypeScript programs of docs/publishing.md: one that publishes, one
// that reads.
func programs(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/publishing.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```ts\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	if len(found) != 2 {
		t.Fatalf("%d programs found", len(found))
	}
	return found
}
