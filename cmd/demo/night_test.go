package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheNightOnCallGoesAsItsPageSays runs docs/night-on-call.md: all its commands, one
// after the other in one shell, and holds what they print against what it shows.
func TestTheNightOnCallGoesAsItsPageSays(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", dir, "../enqueue", "../refundctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o := quick("seed-1")
	o.parent, o.timeout, o.quiet, o.limit = dir, time.Second, 500*time.Millisecond, 4*time.Minute
	o.natsPort, o.dokuAddr, o.httpAddr = freePort(t), "127.0.0.1:0", "127.0.0.1:0"
	settings := filepath.Join(dir, "night.env")
	shown, problems, ended := newTranscript(), newTranscript(), make(chan int, 1)
	demo, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ended <- runWith(demo, o, []string{"--keep", "--settings", settings}, nil, shown, problems) }()
	shown.await(t, "Changes, as they come:")
	steps := nightSteps(t)
	if len(steps) < 12 {
		t.Fatalf("%d steps found", len(steps))
	}
	// A mark after each step says which output is whose.
	script := "set -euo pipefail\nexport PATH=$PWD:$PATH\n. ./night.env\n"
	for _, s := range steps {
		script += s.commands + "\necho; echo '=====' \n"
	}
	shell := exec.CommandContext(ctx, "bash", "-c", script)
	shell.Dir = dir
	var out strings.Builder
	shell.Stdout, shell.Stderr = &out, &out
	if err := shell.Run(); err != nil {
		t.Errorf("%v", err)
	}
	outputs := strings.Split(out.String(), "\n=====\n")
	for i, s := range steps {
		if i >= len(outputs)-1 {
			t.Fatalf("it ended in step %d:\n%s\n%s", i, s.commands, outputs[len(outputs)-1])
		}
		for _, line := range s.shown {
			if !shows(outputs[i], line) {
				t.Errorf("%q is missing after\n%s\nin\n%s", line, s.commands, outputs[i])
			}
		}
	}
	stop()
	if status := <-ended; status != exitOK {
		t.Errorf("the demo ends with %d: %s", status, problems.String())
	}
}

// step is a block of commands with the lines that the page shows after it.
type step struct {
	commands string
	shown    []string
}

func nightSteps(t *testing.T) (steps []step) {
	t.Helper()
	page, err := os.ReadFile("../../docs/night-on-call.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		if m[1] == "sh" {
			steps = append(steps, step{commands: m[2]})
			continue
		}
		last := &steps[len(steps)-1]
		last.shown = append(last.shown, strings.Split(strings.TrimSpace(m[2]), "\n")...)
	}
	return steps
}

// shows reports whether a line of the output has all parts of the shown one, in their
// order; … stands for anything, and columns may be wider.
func shows(output, line string) bool {
	var parts []string
	for part := range strings.SplitSeq(line, "…") {
		words := strings.Fields(part)
		for i := range words {
			words[i] = regexp.QuoteMeta(words[i])
		}
		parts = append(parts, strings.Join(words, `\s+`))
	}
	return regexp.MustCompile(`(?m)` + strings.Join(parts, `.*`)).MatchString(output)
}
