package docs_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/proof/devstack"
)

// elsewhere says of shell snippets, by document and beginning, where they are run, or
// why they are not.
var elsewhere = map[string]string{
	"README.md make demo ":            ".ci/run runs both targets, and what make demo starts",
	"README.md make build\n":          "not run: needs DOKU's sandbox",
	"README.md make build &&":         "make newcomer",
	"README.md deploy/secrets.sh":     "not run: needs Docker; make validate reads the files, and builds the images",
	"benchmarks.md make bench ":       "make bench-short runs it with few refunds",
	"benchmarks.md go run ./internal": "not run: takes minutes",
	"gateway.md ":                     "make http-examples",
	"night-on-call.md ":               "cmd/demo, TestTheNightOnCallGoesAsItsPageSays",
	"publishing.md go mod init":       "TestGoProgramsOfTheDocumentsRunInAModuleOfTheirOwn does the same",
	"publishing.md (cd doku-refund":   "make typescript does the same",
}

// All other shell snippets are run here, as they stand, beside NATS and a worker.
func TestEveryShellSnippetIsRunOrSaidNotToBe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
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
	bin := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", bin, "../cmd/refundctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run, met := 0, map[string]bool{}
	texts, cli := documents(t), os.Getenv("NATS_CLI") // the folder of the nats CLI: make nats-snippets
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		for _, snippet := range blocks(texts[path], "sh") {
			if known := beginning(filepath.Base(path) + " " + snippet); known != "" {
				met[known] = true
				continue
			}
			if strings.HasPrefix(snippet, "nats ") && cli == "" {
				t.Logf("%s: needs the nats CLI, make nats-snippets runs it: %s", path, snippet)
				continue
			}
			run++
			shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", snippet)
			shell.Dir = ".."
			shell.Env = append(os.Environ(), "NATS_URL="+stack.NATS.URL(), "PATH="+bin+":"+cli+":"+os.Getenv("PATH"))
			if out, err := shell.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s\n%s", path, err, out, snippet)
			}
		}
	}
	if run < 3 {
		t.Errorf("only %d snippets were run", run)
	}
	for known := range elsewhere {
		if !met[known] {
			t.Errorf("no snippet begins like %q", known)
		}
	}
}

func beginning(snippet string) string {
	for known := range elsewhere {
		if strings.HasPrefix(snippet, known) {
			return known
		}
	}
	return ""
}
