package retry_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func always(x float64) func() float64 { return func() float64 { return x } }

func TestDelaysDoubleUpToTheMaximum(t *testing.T) {
	t.Parallel()
	defaults := retry.Policy{Initial: 2 * time.Second, Max: 15 * time.Minute}
	for name, c := range map[string]struct {
		policy retry.Policy
		n      int
		want   time.Duration
	}{
		"first":                      {defaults, 1, 2 * time.Second},
		"second":                     {defaults, 2, 4 * time.Second},
		"ninth":                      {defaults, 9, 512 * time.Second},
		"tenth is cut":               {defaults, 10, 15 * time.Minute},
		"millionth":                  {defaults, 1_000_000, 15 * time.Minute},
		"largest n":                  {defaults, math.MaxInt, 15 * time.Minute},
		"zero counts as first":       {defaults, 0, 2 * time.Second},
		"negative counts as first":   {defaults, -3, 2 * time.Second},
		"maximum below initial":      {retry.Policy{Initial: time.Hour, Max: time.Minute}, 1, time.Minute},
		"zero policy":                {retry.Policy{}, 7, 0},
		"zero initial, largest n":    {retry.Policy{Max: time.Hour}, math.MaxInt, 0},
		"negative maximum":           {retry.Policy{Initial: time.Second, Max: -1}, 3, 0},
		"longest maximum, largest n": {retry.Policy{Initial: 1, Max: math.MaxInt64}, math.MaxInt, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.policy.Delay(c.n); got != c.want {
				t.Fatalf("Delay(%d) = %v, want %v", c.n, got, c.want)
			}
		})
	}
}

// The reference is exact: big integers, not the library's floats. Settings of
// up to 100 days are compared, far beyond any that makes sense.
func TestDelayIsExactlyTheFormula(t *testing.T) {
	t.Parallel()
	const longest = int64(100 * 24 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		initial := rapid.Int64Range(0, longest).Draw(t, "initial")
		limit := rapid.Int64Range(0, longest).Draw(t, "limit")
		n := rapid.IntRange(1, 200).Draw(t, "n")
		want := new(big.Int).Lsh(big.NewInt(initial), uint(n-1))
		if want.Cmp(big.NewInt(limit)) > 0 {
			want.SetInt64(limit)
		}
		p := retry.Policy{Initial: time.Duration(initial), Max: time.Duration(limit)}
		if got := p.Delay(n); int64(got) != want.Int64() {
			t.Fatalf("Delay(%d) of %+v = %d, want %v", n, p, got, want)
		}
	})
}

func TestJitterStaysWithinHalf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := retry.Policy{
			Initial: time.Duration(rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "initial")),
			Max:     time.Duration(rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "max")),
			Rand:    always(rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "rand")),
		}
		n := rapid.IntRange(1, 70).Draw(t, "n")
		plain, got := p.Delay(n), p.Jittered(n)
		if got < plain-plain/2 || got > plain+plain/2+1 {
			t.Fatalf("Jittered(%d) = %v, not within half of %v", n, got, plain)
		}
	})
}

func TestJitterReachesBothEnds(t *testing.T) {
	t.Parallel()
	p := retry.Policy{Initial: 10 * time.Second, Max: time.Minute}
	p.Rand = always(0)
	if got := p.Jittered(1); got != 5*time.Second {
		t.Errorf("lowest = %v, want 5s", got)
	}
	p.Rand = always(math.Nextafter(1, 0))
	if got := p.Jittered(1); got < 15*time.Second-time.Millisecond || got > 15*time.Second {
		t.Errorf("highest = %v, want 15s", got)
	}
}

func TestLongestDelayDoesNotOverflowByJitter(t *testing.T) {
	t.Parallel()
	p := retry.Policy{Initial: math.MaxInt64, Max: math.MaxInt64, Rand: always(0.99)}
	if got := p.Jittered(3); got != math.MaxInt64 {
		t.Errorf("Jittered = %d", got)
	}
	if got := p.After(math.MaxInt64); got != math.MaxInt64 {
		t.Errorf("After = %d", got)
	}
}

func TestRetryAfterIsNeverShortenedBelowTheMaximum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "max"))
		asked := time.Duration(rapid.Int64().Draw(t, "asked"))
		p := retry.Policy{Max: limit, Rand: always(rapid.Float64Range(0, 0.999).Draw(t, "rand"))}
		floor := max(min(asked, limit), 0)
		if got := p.After(asked); got < floor || got > floor+floor/2 {
			t.Fatalf("After(%v) with Max %v = %v", asked, limit, got)
		}
	})
}
