package jobs_test

import (
	"strings"
	"testing"

	"refundworker/internal/channel"
	"refundworker/internal/jobs"
)

// The numbers are the networks' own test numbers; the others are one digit off
// or break a run.
func TestCardNumberIsAMaximalRunThatPassesLuhn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"4111111111111111":                    true,
		"5555555555554444":                    true,
		"378282246310005":                     true, // 15 digits
		"4222222222222":                       true, // 13 digits
		"6304000000000000000":                 true, // 19 digits
		"6304000000000000001":                 false,
		"card:4111111111111111.":              true,
		"4111 1111 1111 1111":                 true,
		"4111-1111-1111-1111":                 true,
		"4-1 1-1 1-1 1-1 1-1 1-1 1-1 1-1":     true,
		"4111 1111-1111 1111 ":                true,
		"- 4111111111111111 -":                true,
		"x 1 x 4111111111111111":              true,
		"4111111111111111  1":                 true, // two spaces end the run
		"1--4111111111111111":                 true, // and so do two dashes
		"1 -4111111111111111":                 true, // and one of each
		"4111111111111111\u00a01":             true,
		"4111111111111112":                    false,
		"4111111111111111 1":                  false, // 17 digits in one run
		"1 4111111111111111":                  false,
		"4111  1111  1111  1111":              false,
		"4111_1111_1111_1111":                 false,
		"4111.1111.1111.1111":                 false,
		"411111111111":                        false, // 12 digits
		"000000000000":                        false, // 12 digits, sum 0
		"0000000000000":                       true,
		strings.Repeat("0", 19):               true,
		strings.Repeat("0", 20):               false, // longer runs are no card number
		"12345678901234567890" + "4111111111": false,
		"４１１１１１１１１１１１１１１１":                    false, // full-width digits
		"refund for order 17":                 false,
	} {
		got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "reason", `"`+text+`"`)))
		if (got.Outcome == jobs.Broken) != want {
			t.Errorf("%q: outcome %d, %s", text, got.Outcome, got.Problems)
		}
	}
}

// luhnSays is the check in another shape: the digits of the doubled ones summed
// from the left, by parity.
func luhnSays(digits string) bool {
	doubled := [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if i%2 == len(digits)%2 {
			d = doubled[d]
		}
		sum += d
	}
	return sum%10 == 0
}

func TestEveryLengthIsCheckedFromTheRight(t *testing.T) {
	t.Parallel()
	const digits = "7992739871398765432101"
	for length := 1; length <= 21; length++ {
		for last := range 10 {
			run := digits[:length-1] + string(rune('0'+last))
			want := length >= 13 && length <= 19 && luhnSays(run)
			got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "reason", `"`+run+`"`)))
			if (got.Outcome == jobs.Broken) != want {
				t.Errorf("%s: outcome %d", run, got.Outcome)
			}
		}
	}
}
