package retry_test

import (
	"math"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/retry"
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func TestRetryAfterIsReadAsSecondsOrDate(t *testing.T) {
	t.Parallel()
	for value, c := range map[string]struct {
		want time.Duration
		ok   bool
	}{
		"0":                                 {0, true},
		"120":                               {2 * time.Minute, true},
		" 7 ":                               {7 * time.Second, true},
		"007":                               {7 * time.Second, true},
		"9223372035":                        {9223372035 * time.Second, true},
		"9223372035.999999999":              {9223372035*time.Second + 999_999_999, true},
		"9223372036":                        {math.MaxInt64, true},
		"6.5":                               {6500 * time.Millisecond, true},
		"0.5":                               {500 * time.Millisecond, true},
		"1.0":                               {time.Second, true},
		" 2.250 ":                           {2250 * time.Millisecond, true},
		"0.0000000001":                      {1, true},
		"1.9999999999":                      {2 * time.Second, true},
		"99999999999999999999.5":            {math.MaxInt64, true},
		"1.5s":                              {0, false},
		"1.":                                {0, false},
		".5":                                {0, false},
		"1,5":                               {0, false},
		"1.5.5":                             {0, false},
		"-1.5":                              {0, false},
		"9223372037":                        {math.MaxInt64, true},
		"18446744073709551615":              {math.MaxInt64, true},
		"99999999999999999999999999":        {math.MaxInt64, true},
		"Sat, 21 Nov 2026 12:00:30 GMT":     {30 * time.Second, true},
		"Saturday, 21-Nov-26 12:01:00 GMT":  {time.Minute, true},
		"Sat Nov 21 12:02:00 2026":          {2 * time.Minute, true},
		"Sat, 21 Nov 2026 11:00:00 GMT":     {0, true},
		"Fri, 31 Dec 9999 23:59:59 GMT":     {math.MaxInt64, true},
		"Mon, 01 Jan 0001 00:00:00 GMT":     {0, true},
		"":                                  {0, false},
		"  ":                                {0, false},
		"-1":                                {0, false},
		"+5":                                {0, false},
		"1.5":                               {1500 * time.Millisecond, true},
		"1e3":                               {0, false},
		"0x10":                              {0, false},
		"1_000":                             {0, false},
		"soon":                              {0, false},
		"2026-11-21T12:00:30Z":              {0, false},
		"Sat, 21 Nov 2026 12:00:30 +0700":   {0, false},
		"Sat, 21 Nov 2026 12:00:30 GMT, 20": {0, false},
		"٣":                                 {0, false},
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			got, ok := retry.ParseRetryAfter(value, noon())
			if got != c.want || ok != c.ok {
				t.Fatalf("got %v, %v; want %v, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "6.5", "0.0000000009", "99999999999999999999", "Sat, 21 Nov 2026 12:00:30 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := retry.ParseRetryAfter(value, noon())
		if got < 0 || !ok && got != 0 {
			t.Fatalf("ParseRetryAfter(%q) = %v, %v", value, got, ok)
		}
	})
}
