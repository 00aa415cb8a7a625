package docs_test

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// The Go programs of the documents are copied, as a newcomer does, into a module of
// their own outside of the repository, built and run.
func TestGoProgramsOfTheDocumentsRunInAModuleOfTheirOwn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	programs := build(ctx, t)
	stack, err := devstack.Start(context.WithoutCancel(ctx), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	worker := stack.StartWorker(context.WithoutCancel(ctx), stack.WorkerConfig(slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		if err := worker.Stop(); err != nil {
			t.Error(err)
		}
	})
	shop := stream.Reader{Name: "shop", Stream: stream.Refunds, Filter: stream.ResultFilter("", refund.None)}
	if _, err := stream.AddReader(ctx, stack.JS, shop); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ source, says string }{
		{"README.md, 0", "rf-1003 succeeded 90000"},
		{"publishing.md, 0", "rf-1003 succeeded 90000"},
		{"publishing.md, 1", "rf-1003 paid back: 90000 in simulator"}, // it waits until there is a result
	} {
		if got := firstLine(ctx, t, programs[p.source], stack.NATS.URL()); got != p.says {
			t.Errorf("program %s says %q, want %q", p.source, got, p.says)
		}
	}
}

// build builds each whole Go program of the documents. The result is the paths of
// the binaries, by document and number.
func build(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{}
	for path, text := range documents(t) {
		n := 0
		for _, snippet := range blocks(text, "go") {
			if !strings.Contains(snippet, "\nfunc main() {") {
				t.Errorf("%s: a Go snippet that is no whole program:\n%s", path, snippet)
				continue
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.go"), snippet)
			write(t, filepath.Join(dir, "go.mod"), "module shop\n\ngo 1.26\n\nrequire refundworker.example/refundworker v0.0.0\n\n"+
				"replace refundworker.example/refundworker => "+root+"\n")
			write(t, filepath.Join(dir, "go.sum"), read(t, "../go.sum"))
			cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-buildvcs=false", "-o", "program", ".")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s\n%s", path, err, out, snippet)
			}
			programs[filepath.Base(path)+", "+string(rune('0'+n))] = filepath.Join(dir, "program")
			n++
		}
	}
	return programs
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// firstLine runs a program until it has printed a line; one that would go on then is
// interrupted.
func firstLine(ctx context.Context, t *testing.T, program, natsURL string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), "NATS_URL="+natsURL)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if strings.Contains(line, "paid back") {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v: %s", program, err, problems.String())
	}
	return strings.TrimSuffix(line, "\n")
}
