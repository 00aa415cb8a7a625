package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARunThatMissesACoveragePointExitsWithOneAndNamesIt(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	moment := func() time.Time { return time.Unix(1_800_000_000, 0) }
	if status := run([]string{"-seed", "2", "-jobs", "30"}, &stdout, &stderr, moment); status != 1 {
		t.Errorf("status %d", status)
	}
	for _, words := range []string{"seed 2: 30 jobs", "coverage", "trace ", "took 0s"} {
		if !strings.Contains(stdout.String(), words) {
			t.Errorf("no %q in:\n%s", words, &stdout)
		}
	}
	if !strings.Contains(stderr.String(), "point never taken: ") {
		t.Errorf("stderr: %s", &stderr)
	}
}

func TestABadFlagExitsWithTwo(t *testing.T) {
	t.Parallel()
	if status := run([]string{"-jobs", "many"}, io.Discard, io.Discard, time.Now); status != 2 {
		t.Errorf("status %d", status)
	}
}
