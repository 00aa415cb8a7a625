package doku

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pair returns a guarded connection and all that arrives at its other end.
func pair(t *testing.T) (*guardedConn, <-chan []byte) {
	t.Helper()
	here, there := net.Pipe()
	arrived := make(chan []byte, 1)
	go func() {
		got, _ := io.ReadAll(there)
		arrived <- got
	}()
	t.Cleanup(func() { _ = here.Close() })
	return &guardedConn{Conn: here}, arrived
}

func limitUntil(sendBy time.Time, now func() time.Time) *flight {
	return &flight{limit: newLimit(sendBy, now)}
}

func TestNoByteLeavesAfterSendBy(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	f := limitUntil(now.Add(10*time.Second), func() time.Time { return now })
	conn, arrived := pair(t)
	conn.flight.Store(f)
	now = now.Add(10*time.Second + 1)
	if n, err := conn.Write([]byte("POST")); n != 0 || !errors.Is(err, errTooLate) {
		t.Errorf("wrote %d, %v", n, err)
	}
	now = now.Add(-time.Hour) // refused once is refused for good
	if n, err := conn.Write([]byte("POST")); n != 0 || !errors.Is(err, errTooLate) {
		t.Errorf("wrote %d, %v after the clock was set back", n, err)
	}
	_ = conn.Close()
	if got := <-arrived; len(got) != 0 || f.settle() != tooLate {
		t.Errorf("%q arrived, state %d", got, f.settle())
	}
}

func TestByteAtSendByItselfMayLeave(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	f := limitUntil(now.Add(10*time.Second), func() time.Time { return now })
	conn, arrived := pair(t)
	conn.flight.Store(f)
	now = now.Add(10 * time.Second)
	if _, err := conn.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if got := <-arrived; string(got) != "POST" || f.settle() != leaving {
		t.Errorf("%q arrived, state %d", got, f.settle())
	}
}

func TestTailOfARequestDoesNotFollowAfterSendBy(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	f := limitUntil(now.Add(10*time.Second), func() time.Time { return now })
	conn, arrived := pair(t)
	conn.flight.Store(f)
	if _, err := conn.Write([]byte("head")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(11 * time.Second)
	if _, err := conn.Write([]byte("tail")); !errors.Is(err, errTooLate) {
		t.Errorf("got %v", err)
	}
	_ = conn.Close()
	// The head is out: that this is no longer "not executed" is the point.
	if got := <-arrived; string(got) != "head" || f.settle() != leaving {
		t.Errorf("%q arrived, state %d", got, f.settle())
	}
}

func TestEndedCallLetsNoByteLeave(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	f := limitUntil(now.Add(10*time.Second), func() time.Time { return now })
	conn, arrived := pair(t)
	conn.flight.Store(f)
	if state := f.settle(); state != sealed {
		t.Errorf("state %d", state)
	}
	if _, err := conn.Write([]byte("POST")); !errors.Is(err, errSealed) {
		t.Errorf("got %v", err)
	}
	_ = conn.Close()
	if got := <-arrived; len(got) != 0 {
		t.Errorf("%q arrived", got)
	}
}

func TestRefundGoesOverOneConnectionOnly(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	f := limitUntil(now.Add(10*time.Second), func() time.Time { return now })
	first, _ := pair(t)
	second, arrived := pair(t)
	first.flight.Store(f)
	second.flight.Store(f)
	if _, err := first.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Write([]byte("POST")); !errors.Is(err, errSecondConnection) {
		t.Errorf("got %v", err)
	}
	_ = second.Close()
	if got := <-arrived; len(got) != 0 {
		t.Errorf("%q arrived", got)
	}
}

func TestConnectionIsFreedFromTheFlightBefore(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	conn, _ := pair(t)
	conn.flight.Store(limitUntil(now.Add(-time.Second), func() time.Time { return now }))
	conn.flight.Store(&flight{})
	if _, err := conn.Write([]byte("GET")); err != nil {
		t.Errorf("an inquiry was refused: %v", err)
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

func TestOnlyAnAnswerToOurRequestIsDelivered(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	left := limitUntil(now, clock)
	if err := left.permit(nil); err != nil {
		t.Fatal(err)
	}
	over := &flight{}
	over.land()
	for name, tt := range map[string]struct {
		flight *flight
		want   error
	}{
		"before any request":       {nil, errUnsolicited},
		"before this request left": {limitUntil(now, clock), errUnsolicited},
		"after the answer":         {over, errUnsolicited},
		"after the request left":   {left, nil},
	} {
		here, there := net.Pipe()
		go func() { _, _ = io.WriteString(there, "HTTP/1.1 200 OK"); _ = there.Close() }()
		conn := &guardedConn{Conn: here}
		conn.flight.Store(tt.flight)
		n, err := conn.Read(make([]byte, 99))
		if !errors.Is(err, tt.want) || (n > 0) != (tt.want == nil) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		_ = here.Close()
	}
}
