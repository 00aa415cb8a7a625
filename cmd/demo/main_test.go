package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childVariable makes this test binary the worker that a demo kills.
const childVariable = "DEMO_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m,
		// The server's mirrors give up some seconds after their server has.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).setupMirrorConsumer.func3"))
}

// quick is the demo without pauses. The fixed 10 s after which another's send
// is asked about stay.
func quick(names ...string) options {
	o := defaults()
	o.ackWait, o.delay, o.pace, o.quiet, o.timeout = 3*time.Second, 0, 0, 300*time.Millisecond, 2*time.Second
	o.childEnv = []string{childVariable + "=1"}
	if len(names) == 0 {
		return o
	}
	var chosen []scenario
	for _, a := range o.scenarios {
		for _, name := range names {
			if a.name() == name {
				chosen = append(chosen, a)
			}
		}
	}
	o.scenarios = chosen
	return o
}

// transcript is an output that tests read while it is written.
type transcript struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{} // closed and replaced at every write
}

func newTranscript() *transcript { return &transcript{written: make(chan struct{})} }

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.written)
	t.written = make(chan struct{})
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// await waits until text was written.
func (t *transcript) await(tb testing.TB, text string) {
	tb.Helper()
	for {
		t.mu.Lock()
		written, found := t.written, strings.Contains(t.text.String(), text)
		t.mu.Unlock()
		if found {
			return
		}
		select {
		case <-written:
		case <-time.After(time.Minute):
			tb.Fatalf("%q was never written:\n%s", text, t)
		}
	}
}
