package worker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// clocks are a wall clock and a monotonic one that a test moves.
type clocks struct {
	*clock

	mu      sync.Mutex
	wallAt  time.Time
	running time.Duration
}

func newClocks() *clocks {
	c := &clocks{wallAt: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	c.clock = newClock(c.now, c.monotonic)
	return c
}

func (c *clocks) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wallAt
}

func (c *clocks) monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}

// set moves the wall clock alone.
func (c *clocks) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wallAt = c.wallAt.Add(by)
}

// pass lets time go by on both.
func (c *clocks) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running += d
	c.wallAt = c.wallAt.Add(d)
}

// found measures: the server's clock is ahead by so much.
func (c *clocks) found(ahead, round time.Duration) error {
	return c.measure(context.Background(), func(context.Context) (time.Duration, time.Duration, error) {
		c.pass(round)
		return ahead, round, nil
	})
}

func wantTrouble(t *testing.T, c *clocks, want error) {
	t.Helper()
	if got := c.check(); !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestClockIsSureWithinTenSecondsHalfTheRoundTripIncluded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ahead, round time.Duration
		want         error
	}{
		"right":                      {0, time.Millisecond, nil},
		"at the limit":               {10 * time.Second, 0, nil},
		"behind at the limit":        {-9 * time.Second, 2 * time.Second, nil},
		"beyond the limit":           {10*time.Second + 1, 0, ErrClock},
		"behind beyond the limit":    {-10*time.Second - 1, 0, ErrClock},
		"a round trip too long":      {0, 20*time.Second + 2, ErrClock},
		"both together":              {6 * time.Second, 9 * time.Second, ErrClock},
		"a hundred and fifty behind": {150 * time.Second, time.Millisecond, ErrClock},
		"a hundred and fifty ahead":  {-150 * time.Second, time.Millisecond, ErrClock},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClocks()
			wantTrouble(t, c, ErrClockUnknown)
			if err := c.found(tt.ahead, tt.round); err != nil {
				t.Fatal(err)
			}
			wantTrouble(t, c, tt.want)
		})
	}
}

func TestMeasurementIsBelievedForAMinute(t *testing.T) {
	t.Parallel()
	c := newClocks()
	_ = c.found(0, 0)
	c.pass(time.Minute)
	wantTrouble(t, c, nil)
	c.pass(1)
	wantTrouble(t, c, ErrClockUnknown)
	_ = c.found(0, 0)
	wantTrouble(t, c, nil)
}

// What fails changes nothing: NATS that is away for some seconds is not a reason
// to let go of everything.
func TestFailedMeasurementLeavesTheLastOne(t *testing.T) {
	t.Parallel()
	c := newClocks()
	_ = c.found(0, 0)
	away := errors.New("away")
	got := c.measure(t.Context(), func(context.Context) (time.Duration, time.Duration, error) { return 0, 0, away })
	if !errors.Is(got, away) {
		t.Errorf("measure: %v", got)
	}
	wantTrouble(t, c, nil)
}

func TestClockThatJumpedIsUnknownUntilItIsMeasured(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{
		"set ahead": 2 * time.Second, "set back": -2 * time.Second,
		"a machine that slept": time.Hour, // the wall clock went on, the monotonic one did not
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClocks()
			_ = c.found(0, 0)
			c.pass(time.Second)
			c.set(by)
			wantTrouble(t, c, ErrClockUnknown)
			select {
			case <-c.doubted:
			default:
				t.Error("nobody is told to measure")
			}
			c.set(-by) // set right again, and nobody knows
			wantTrouble(t, c, ErrClockUnknown)
			_ = c.found(0, 0)
			wantTrouble(t, c, nil)
		})
	}
}

// Small steps add up to the offset that was measured.
func TestSmallStepCountsAsOffset(t *testing.T) {
	t.Parallel()
	c := newClocks()
	_ = c.found(9500*time.Millisecond, 0)
	c.set(900 * time.Millisecond) // towards the server's
	wantTrouble(t, c, nil)
	c.set(-1800 * time.Millisecond)
	wantTrouble(t, c, ErrClock)
}

func TestClockThatJumpsWhileItIsMeasuredIsNotMeasured(t *testing.T) {
	t.Parallel()
	c := newClocks()
	err := c.measure(t.Context(), func(context.Context) (time.Duration, time.Duration, error) {
		c.set(time.Minute)
		return 0, 0, nil
	})
	if !errors.Is(err, ErrClockUnknown) {
		t.Errorf("measure: %v", err)
	}
	wantTrouble(t, c, ErrClockUnknown)
}

func TestWaitEndsWithTheMeasurementThatMakesTheClockSure(t *testing.T) {
	t.Parallel()
	c := newClocks()
	done := make(chan error)
	go func() { done <- c.wait(t.Context()) }()
	<-c.doubted
	_ = c.found(time.Hour, 0) // off: still not sure
	_ = c.found(0, 0)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newClocks().wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait after its context: %v", err)
	}
}

func TestServerTimeIsTranslatedAsFarAsItIsCertain(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ ahead, round, want time.Duration }{
		{0, time.Second, 0},
		{300 * time.Millisecond, time.Second, 0},
		{-300 * time.Millisecond, time.Second, 0},
		{5 * time.Second, 2 * time.Second, 4 * time.Second},
		{-5 * time.Second, 2 * time.Second, -4 * time.Second},
	} {
		c := newClocks()
		_ = c.found(tt.ahead, tt.round)
		if got := c.serverTime(at).Sub(at); got != tt.want {
			t.Errorf("%s ahead within %s: moved by %s, want %s", tt.ahead, tt.round, got, tt.want)
		}
	}
}
