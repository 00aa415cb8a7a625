package doku

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// guarded returns a guard and all that arrives behind it.
func guarded(t *testing.T, l *limit) (*sendGuard, func() string) {
	t.Helper()
	here, there := net.Pipe()
	arrived := make(chan []byte, 1)
	go func() {
		got, _ := io.ReadAll(there)
		arrived <- got
	}()
	t.Cleanup(func() { _ = here.Close() })
	return &sendGuard{conn: here, limit: l}, func() string {
		_ = here.Close()
		return string(<-arrived)
	}
}

func TestNoByteLeavesAfterSendBy(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	g, arrived := guarded(t, newLimit(now.Add(10*time.Second), func() time.Time { return now }))
	now = now.Add(10*time.Second + 1)
	if n, err := g.Write([]byte("POST")); n != 0 || !errors.Is(err, errTooLate) {
		t.Errorf("wrote %d, %v", n, err)
	}
	now = now.Add(-time.Hour) // refused once is refused for good
	if n, err := g.Write([]byte("POST")); n != 0 || !errors.Is(err, errTooLate) {
		t.Errorf("wrote %d, %v after the clock was set back", n, err)
	}
	if got := arrived(); got != "" || g.state != tooLate {
		t.Errorf("%q arrived, state %d", got, g.state)
	}
}

func TestByteAtSendByItselfMayLeave(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	g, arrived := guarded(t, newLimit(now.Add(10*time.Second), func() time.Time { return now }))
	now = now.Add(10 * time.Second)
	if _, err := g.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	if got := arrived(); got != "POST" || g.state != leaving {
		t.Errorf("%q arrived, state %d", got, g.state)
	}
}

func TestTailOfARequestDoesNotFollowAfterSendBy(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	g, arrived := guarded(t, newLimit(now.Add(10*time.Second), func() time.Time { return now }))
	if _, err := g.Write([]byte("head")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(11 * time.Second)
	if _, err := g.Write([]byte("tail")); !errors.Is(err, errTooLate) {
		t.Errorf("got %v", err)
	}
	// The head is out: that this is no longer "not executed" is the point.
	if got := arrived(); got != "head" || g.state != leaving {
		t.Errorf("%q arrived, state %d", got, g.state)
	}
}

func TestInquiryKnowsNoSendBy(t *testing.T) {
	t.Parallel()
	g, arrived := guarded(t, nil)
	if _, err := g.Write([]byte("GET")); err != nil {
		t.Errorf("an inquiry was refused: %v", err)
	}
	if got := arrived(); got != "GET" || g.state != leaving {
		t.Errorf("%q arrived, state %d", got, g.state)
	}
}

func TestEitherClockEndsTheTimeToSend(t *testing.T) {
	t.Parallel()
	arrived := time.Unix(1000, 0)
	l := newLimit(arrived.Add(10*time.Second), func() time.Time { return arrived })
	tests := []struct {
		name    string
		wall    time.Time
		elapsed time.Duration
		past    bool
	}{
		{"both within", arrived.Add(10 * time.Second), 10 * time.Second, false},
		{"both past", arrived.Add(11 * time.Second), 11 * time.Second, true},
		{"wall past, monotonic stood still while the machine slept", arrived.Add(time.Hour), time.Second, true},
		{"wall set back, monotonic past", arrived.Add(-time.Hour), 11 * time.Second, true},
		{"wall set back, monotonic within", arrived.Add(-time.Hour), 9 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := l.pastAt(tt.wall, tt.elapsed); got != tt.past {
				t.Errorf("past is %v", got)
			}
		})
	}
}

func TestZeroSendByIsPast(t *testing.T) {
	t.Parallel()
	if !newLimit(time.Time{}, time.Now).past() {
		t.Error("an order without send_by may leave")
	}
}

func TestMonotonicClockIsReadFromTheClockGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		l := newLimit(start.Add(10*time.Second), time.Now)
		if l.left != 10*time.Second {
			t.Errorf("%v left", l.left)
		}
		<-time.After(10 * time.Second)
		if l.past() {
			t.Error("past at send_by itself")
		}
		<-time.After(1)
		if !l.past() {
			t.Error("not past after send_by")
		}
	})
}
