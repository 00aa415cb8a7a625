package refund

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite golden files and docs/state-machine.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// morning is 16:00 in Jakarta: eight hours before one day's end there, fifteen
// before the other one in UTC.
var morning = At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))

var usual = Policy{Timeout: time.Minute, Quiet: time.Minute, RetryDeadline: 24 * time.Hour, Repeat: RepeatSameDay}

func later(d time.Duration) Time { return morning.Add(d) }

// sent is a refund whose n-th send was recorded in the morning.
func sent(n int32) Core {
	return Core{
		State: Sending, Code: CodeSend, Sends: n, Nonce: 7, Deadline: later(24 * time.Hour), Quiet: time.Minute,
		SendBy: later(10 * time.Second), AskFrom: later(130 * time.Second),
	}
}

// repeated is a refund whose n-th send was recorded in the morning and whose
// first unknown one was an hour before.
func repeated(n int32) Core {
	c := sent(n)
	c.FirstUnknown, c.FirstUnknownAt = 1, later(-time.Hour)
	return c
}

// doubted is a refund with n sends of which the last, from the morning, is the
// first that may have been executed unseen. It is due after the quiet period.
func doubted(n int32) Core {
	c := sent(n)
	c.State, c.Code, c.Due = Unknown, CodeNoAnswer, later(2*time.Minute)
	c.FirstUnknown, c.FirstUnknownAt = n, morning
	return c
}

// waited is a refund with n sends, all proven not executed, due in a minute.
func waited(n int32) Core {
	return Core{
		State: Waiting, Code: CodeNotExecuted, Sends: n, Nonce: 7, Deadline: later(24 * time.Hour), Due: later(time.Minute),
	}
}

// in returns c in another state.
func (c Core) in(s State) Core {
	c.State = s
	return c
}

func delivered() Event { return Event{Kind: Delivered, Same: true, Nonce: 9, Delay: 2 * time.Second} }

func deliveredReady(r Readiness) Event {
	e := delivered()
	e.Ready = r
	return e
}

func answered(a Answer) Event {
	return Event{Kind: SendEnded, Same: true, Own: true, Answer: a, Nonce: 9, Delay: 2 * time.Second}
}

func asked(f Finding, at Time) Event {
	return Event{Kind: InquiryEnded, Same: true, Own: true, Finding: f, AskedAt: at, Nonce: 9, Delay: 2 * time.Second}
}

// late makes e the event of a handling whose record has moved on.
func late(e Event) Event {
	e.Own = false
	return e
}

func tokenless(e Event) Event {
	e.NoCustomer = true
	return e
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s is stale, run `go test ./internal/refund -update`; want it to be:\n%s", path, got)
	}
}
