package retry

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter reads the value of a Retry-After header: whole seconds, or an
// HTTP date that is compared with now. A date that has passed is zero; seconds
// that no duration holds are the longest duration. It reports false for anything
// else, negative seconds and fractions included.
func ParseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if isDigits(value) {
		return seconds(value), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

// seconds reads digits only, so that the one error left is an overflow.
func seconds(digits string) time.Duration {
	const longest = uint64(math.MaxInt64 / time.Second)
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > longest {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Second
}

// isDigits is stricter than strconv, which takes "+5" for a number.
func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
