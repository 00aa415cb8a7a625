package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const soon = 10 * time.Second // far beyond what any wait here takes

// sink is a reader of logs that can stop reading, or be gone.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
	gone error
	pass sync.Mutex
}

func (s *sink) Write(b []byte) (int, error) {
	s.pass.Lock()
	defer s.pass.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return 0, s.gone
	}
	return s.text.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = err
}

func TestLinesComeInOrderAndWhole(t *testing.T) {
	t.Parallel()
	var s sink
	l := NewLineWriter(&s, false)
	var want strings.Builder
	for n := range 2000 {
		line := fmt.Sprintf("%d %s\n", n, strings.Repeat("x", n%300))
		want.WriteString(line)
		_, _ = io.WriteString(l, line)
	}
	l.Close(soon)
	if s.String() != want.String() || l.Lost() != 0 {
		t.Errorf("%d bytes, want %d; %d lines lost", len(s.String()), want.Len(), l.Lost())
	}
	_, _ = io.WriteString(l, "after the end\n")
	if l.Lost() != 1 {
		t.Error("a line after the end was not counted")
	}
}

// A writer is not held up by a reader that does not read, and the reader
// learns how much it missed, at the place where it is missing.
func TestReaderThatDoesNotReadHoldsNobodyUpAndLearnsWhatItMissed(t *testing.T) {
	t.Parallel()
	var s sink
	s.pass.Lock()
	l := newLineWriter(&s, false, 1000)
	line := strings.Repeat("x", 99) + "\n"
	for range 500 {
		_, _ = io.WriteString(l, line)
	}
	lost := l.Lost()
	// A batch may be on its way, and one is held.
	if lost < 480 || lost > 490 {
		t.Errorf("%d lines of 500 lost", lost)
	}
	l.Close(10 * time.Millisecond) // returns, though nothing can be written
	s.pass.Unlock()
	<-l.ended
	read, told := uint64(0), uint64(0)
	for text := range strings.Lines(s.String()) {
		if text == line {
			read++
			continue
		}
		var report struct {
			Level string `json:"level"`
			Msg   string `json:"msg"`
			Count uint64 `json:"count"`
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil || report.Level != "WARN" || report.Msg != "log lines lost" {
			t.Fatalf("read %q: %v", text, err)
		}
		told += report.Count
	}
	if read != 500-lost || told != lost {
		t.Errorf("%d lines read, %d said to be lost; %d of 500 were lost", read, told, lost)
	}
}

func TestReaderThatIsGoneForAWhileLearnsWhatItMissed(t *testing.T) {
	t.Parallel()
	var s sink
	s.fail(errors.New("broken pipe"))
	l := newLineWriter(&s, true, 1000)
	_, _ = io.WriteString(l, "one\n")
	_, _ = io.WriteString(l, "two\n")
	for limit := time.After(soon); l.Lost() < 2; {
		select {
		case <-limit:
			t.Fatal("lines that could not be written were not counted")
		case <-time.After(time.Millisecond):
		}
	}
	s.fail(nil)
	_, _ = io.WriteString(l, "three\n")
	l.Close(soon)
	if !strings.HasPrefix(s.String(), "three\n") || !strings.Contains(s.String(), `msg="log lines lost" count=2`) {
		t.Errorf("read %q", s.String())
	}
}

// A pipe as a log collector holds it: full, and nobody reads.
func TestFullPipeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(); _ = w.Close() }()
	l := NewLineWriter(w, false)
	log := NewLogger(l, 0, false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			log.Info("refund settled", "refund_id", "rf-1")
		}
	}()
	select {
	case <-done:
	case <-time.After(soon):
		t.Fatal("a log line waits for its reader")
	}
	if l.Lost() == 0 {
		t.Error("nothing was lost: the pipe was not full")
	}
	l.Close(50 * time.Millisecond) // returns, though nobody reads
	go func() { _, _ = io.Copy(io.Discard, r) }()
	<-l.ended
}
