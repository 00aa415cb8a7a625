package docs_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/gateway"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
)

// door is a gateway before NATS and a worker, as the examples find it.
func door(ctx context.Context, t *testing.T) (environment []string) {
	t.Helper()
	stack, err := devstack.Start(context.WithoutCancel(ctx), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	if _, err := (stream.SetupConfig{NoticeStream: true}).Run(ctx, stack.JS); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	worker := stack.StartWorker(context.WithoutCancel(ctx), stack.WorkerConfig(log))
	t.Cleanup(func() {
		if err := worker.Stop(); err != nil {
			t.Error(err)
		}
	})
	nc, err := nats.Connect(stack.NATS.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	token, line, err := gateway.NewToken("shop")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokens")
	write(t, file, line)
	tokens, err := gateway.LoadTokens(file, 1000, log)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{JS: js, Log: log, MaxWaits: 8, Metrics: gateway.NewMetrics(prometheus.NewRegistry(), "", ""), Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler(http.NotFoundHandler()))
	t.Cleanup(server.Close)
	return append(os.Environ(), "GATEWAY_URL="+server.URL, "GATEWAY_TOKEN="+token)
}

// Each example of docs/gateway.md is copied into a folder outside of the repository and
// run. It needs curl, PHP, Python and Java: make http-examples sets HTTP_EXAMPLES.
func TestExamplesOverHTTPRun(t *testing.T) {
	t.Parallel()
	if os.Getenv("HTTP_EXAMPLES") == "" {
		t.Skip("needs curl, PHP, Python and Java: make http-examples")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	environment, dir, text := door(ctx, t), t.TempDir(), read(t, "gateway.md")
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = dir, environment
		var problems strings.Builder
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil || problems.Len() > 0 {
			t.Errorf("%s %q: %v: %s%s", name, args, err, out, problems.String())
		}
		return string(out)
	}
	php := blocks(text, "php")
	for name, program := range map[string]string{
		"refund.php": php[0], "results.php": php[1], "refund.py": blocks(text, "python")[0], "Refund.java": blocks(text, "java")[0],
	} {
		write(t, filepath.Join(dir, name), program)
	}
	var said []map[string]any
	out := json.NewDecoder(strings.NewReader(run("bash", "-euo", "pipefail", "-c", blocks(text, "sh")[0])))
	for out.More() {
		var answer map[string]any
		if err := out.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		said = append(said, answer)
	}
	if len(said) != 4 || said[0]["refund_id"] != "curl/1" || said[1]["state"] != "succeeded" || len(said[2]["results"].([]any)) != 1 || said[3]["notices"] == nil {
		t.Errorf("curl says %v", said)
	}
	for id, command := range map[string][]string{
		"rf/1:a#b": {"php", "refund.php"}, "rf/2:a#b": {"python3", "refund.py"}, "rf/3:a#b": {"java", "Refund.java"},
	} {
		args := append(command[1:], id, "INV-"+command[0], "pay-"+command[0], "90000")
		if got := run(command[0], args...); got != id+" succeeded 90000\n" {
			t.Errorf("%s says %q", command[0], got)
		}
	}
	if got := run("php", "results.php", "cursor"); strings.Count(got, "\n") != 4 || !strings.Contains(got, "rf/2:a#b.succeeded 90000\n") {
		t.Errorf("results.php says %q", got)
	}
	if got := run("php", "results.php", "cursor"); got != "" {
		t.Errorf("the second run says %q", got)
	}
}
