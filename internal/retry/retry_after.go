package retry

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter reads the value of a Retry-After header: seconds, perhaps with
// a fraction, or an HTTP date that is compared with now. A date that has passed is
// zero; seconds that no duration holds are the longest duration. It reports false
// for anything else, negative seconds included.
func ParseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if d, ok := seconds(value); ok {
		return d, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

// seconds reads digits, perhaps a point and more digits. strconv reads more than
// that: signs, exponents, words.
func seconds(value string) (time.Duration, bool) {
	whole, fraction, pointed := strings.Cut(value, ".")
	if !isDigits(whole) || pointed && !isDigits(fraction) {
		return 0, false
	}
	const longest = uint64(math.MaxInt64/time.Second) - 1 // leaves room for the fraction
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil || n > longest {
		return math.MaxInt64, true
	}
	return time.Duration(n)*time.Second + nanoseconds(fraction), true
}

// nanoseconds rounds a fraction of a second up: less than what was asked for is
// too soon.
func nanoseconds(fraction string) time.Duration {
	const digits = 9
	padded := fraction + strings.Repeat("0", digits)
	n, err := strconv.ParseInt(padded[:digits], 10, 64)
	if err != nil {
		return time.Second
	}
	if strings.Trim(padded[digits:], "0") != "" {
		n++
	}
	return time.Duration(n)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
