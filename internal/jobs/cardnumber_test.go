package jobs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// The numbers are the networks' own test numbers; the others are one digit off
// or break a run.
func TestCardNumberIsAMaximalRunOfAnIssuerThatPassesLuhn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
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
		"4111111111111111\u00a01":             true, // the folded form alone has a longer run
		"4111111111111112":                    false,
		"4111111111111111 1":                  false, // 17 digits in one run
		"1 4111111111111111":                  false,
		"94111111111111111":                   false,
		"4111  1111  1111  1111":              false,
		"4111.1111.1111.1111":                 false,
		"411111111111":                        false, // 12 digits
		"0000000000000":                       false, // no issuer's
		strings.Repeat("0", 19):               false,
		"12345678901234567890" + "4111111111": false,
		"refund for order 17":                 false,
		"4111_1111_1111_1111":                 false, // DOKU takes the underscore
		"4111#1111#1111#1111":                 true,  // spaces, folded
		"４１１１１１１１１１１１１１１１":                    true,  // full-width digits
		"４１１１－１１１１－１１１１－１１１１":                     true, // and dashes
		"4111\u00a01111\u20031111\u30001111":      true, // other spaces
		"4111\u03011111\u030111111111":            true, // marks are dropped
		"⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹":                        true, // superscripts
		"④①①①①①①①①①①①①①①①":                        true, // digits in circles
		"𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏":                        true, // mathematical bold
		"x４111111111111111":                       true,
		"1４111111111111111":                       false,
		strings.Repeat("﷽", 30) + "1234" + "４１１１": false,
	} {
		got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "reason", `"`+text+`"`)))
		if (got.Outcome == jobs.Invalid) != want {
			t.Errorf("%q: outcome %d, %s", text, got.Outcome, got.Problems)
		}
	}
}

func TestCardNumberHasFirstDigitsAndLengthOfAnIssuer(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"4222222222222", "4012888888881881", "4917610000000000", // Visa
		"5105105105105100", "5555555555554444", "2223003122003222", "2720994326581252", // Mastercard
		"378282246310005", "341111111111111", // American Express
		"3530111333300000", "3566002020360505", // JCB
		"6200000000000005", "6205500000000000004", // UnionPay
		"6011111111111117", "6445644564456445", "6510000000000000", // Discover
		"30569309025904", "38520000023237", "36227206271667", "3056930009020004", // Diners Club
	} {
		if !jobs.HoldsCardNumber(number) {
			t.Errorf("%s is not found", number)
		}
	}
	for prefix, lengths := range map[string][]int{
		"4": {13, 16, 19}, "51": {16}, "55": {16}, "2221": {16}, "2720": {16}, "34": {15}, "37": {15},
		"3528": {16, 17, 18, 19}, "3589": {16, 17, 18, 19}, "6011": {16, 17, 18, 19}, "644": {16, 17, 18, 19}, "65": {16, 17, 18, 19},
		"62": {16, 17, 18, 19}, "810": {16, 17, 18, 19}, "300": {14, 15, 16, 17, 18, 19}, "305": {14, 15, 16, 17, 18, 19},
		"3095": {14, 15, 16, 17, 18, 19}, "36": {14, 15, 16, 17, 18, 19}, "38": {14, 15, 16, 17, 18, 19}, "39": {14, 15, 16, 17, 18, 19},
		"1946": {16, 18, 19}, "50": {16, 18, 19}, "56": {16, 18, 19}, "58": {16, 18, 19}, "60": {16, 18, 19}, "63": {16, 18, 19},
		"1": nil, "17": nil, "20": nil, "2220": nil, "2721": nil, "306": nil, "3527": nil, "3590": nil, "33": nil, "35": nil,
		"57": nil, "59": nil, "64": nil, "643": nil, "66": nil, "7": nil, "8": nil, "9": nil, "0": nil, "2026": nil,
	} {
		for length := 12; length <= 20; length++ {
			want := false
			for _, l := range lengths {
				want = want || l == length
			}
			if got := jobs.HoldsCardNumber(checked(prefix, length)); got != want {
				t.Errorf("%s of %d digits: %t", prefix, length, got)
			}
		}
	}
}

// checked returns a number of that length which passes the Luhn check.
func checked(prefix string, length int) string {
	body := prefix + strings.Repeat("0", length-len(prefix)-1)
	for last := range 10 {
		if number := fmt.Sprint(body, last); luhnSays(number) {
			return number
		}
	}
	panic("no check digit")
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
	const digits = "3992739871398765432101" // Diners Club: fourteen to nineteen digits
	for length := 1; length <= 21; length++ {
		for last := range 10 {
			run := digits[:length-1] + string(rune('0'+last))
			want := length >= 14 && length <= 19 && luhnSays(run)
			if got := jobs.HoldsCardNumber(run); got != want {
				t.Errorf("%s: %t", run, got)
			}
		}
	}
}

// idMakes are how shops number their orders. Times run over the ten years around
// 2026, so that no figure rests on how the ids of one month begin. One make is
// not here, for nothing tells it from a card number but the Luhn check, which one
// in ten passes: a date of six digits at the head of sixteen (November 2022 to
// July 2027 begin as Mastercard does) or of fourteen and more (2030, Diners Club).
var idMakes = map[string]func(*rand.Rand) string{
	"epoch, milliseconds":                  func(r *rand.Rand) string { return fmt.Sprint(moment(r).UnixMilli()) },
	"epoch, microseconds":                  func(r *rand.Rand) string { return fmt.Sprint(moment(r).UnixMicro()) },
	"epoch, nanoseconds":                   func(r *rand.Rand) string { return fmt.Sprint(moment(r).UnixNano()) },
	"epoch, milliseconds and 3 digits":     func(r *rand.Rand) string { return fmt.Sprintf("%d%03d", moment(r).UnixMilli(), r.IntN(1000)) },
	"snowflake since 2010":                 func(r *rand.Rand) string { return snowflake(r, 1288834974657) },
	"snowflake since 2015":                 func(r *rand.Rand) string { return snowflake(r, 1420070400000) },
	"snowflake since 1970":                 func(r *rand.Rand) string { return snowflake(r, 0) },
	"date and 6 digits":                    func(r *rand.Rand) string { return dated(r, "20060102", 6) },
	"date and 8 digits":                    func(r *rand.Rand) string { return dated(r, "20060102", 8) },
	"date and 10 digits":                   func(r *rand.Rand) string { return dated(r, "20060102", 10) },
	"date-time":                            func(r *rand.Rand) string { return moment(r).Format("20060102150405") },
	"date-time and 4 digits":               func(r *rand.Rand) string { return dated(r, "20060102150405", 4) },
	"date, dash, 8 digits":                 func(r *rand.Rand) string { return dated(r, "20060102-", 8) },
	"date with the day first and 6 digits": func(r *rand.Rand) string { return dated(r, "02012006", 6) },
	"INV/date/8 digits":                    func(r *rand.Rand) string { return "INV/" + dated(r, "20060102/", 8) },
	"phone number":                         func(r *rand.Rand) string { return fmt.Sprintf("+628%010d", r.Int64N(1e10)) },
}

func moment(r *rand.Rand) time.Time {
	from := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	return time.Unix(0, from+r.Int64N(10*365*24*int64(time.Hour))).UTC()
}

func snowflake(r *rand.Rand, epoch int64) string {
	return fmt.Sprint((moment(r).UnixMilli()-epoch)<<22 | r.Int64N(1<<22))
}

func dated(r *rand.Rand, layout string, digits int) string {
	text := moment(r).Format(layout)
	for range digits {
		text += string(rune('0' + r.IntN(10)))
	}
	return text
}

// An order number that is taken for a card number costs its customer the refund.
func TestOrderNumbersAreNotTakenForCardNumbers(t *testing.T) {
	t.Parallel()
	const n = 1_000_000
	all := 0
	for name, id := range idMakes {
		r := rand.New(rand.NewPCG(8, 1))
		taken := 0
		for range n / len(idMakes) {
			if jobs.HoldsCardNumber(id(r)) {
				taken++
			}
		}
		all += taken
		share := float64(taken) / float64(n/len(idMakes))
		t.Logf("%-40s %.3f %%", name, 100*share)
		if share >= 1.0/200 {
			t.Errorf("%s: %.3f %% taken for card numbers", name, 100*share)
		}
	}
	t.Logf("%-40s %.3f %%", "all", 100*float64(all)/n)
}

func FuzzHoldsCardNumber(f *testing.F) {
	for _, text := range []string{"4111 1111 1111 1111", "４１１１－１１１１", "1 4111111111111111", "4111\u03011111"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, ok := asReason(text)
		if !ok {
			return
		}
		got := jobs.Decode(channel.CreditCard, body)
		held := got.Outcome == jobs.Invalid && strings.Contains(got.Problems.String(), "card number")
		if want := jobs.HoldsCardNumber(text); held != want {
			t.Fatalf("%q: %t, want %t (%s)", text, held, want, got.Problems)
		}
		if held && got.Job.Reason != "" {
			t.Fatalf("%q is repeated", text)
		}
	})
}

// asReason returns a job with that reason, where a reason can be it.
func asReason(text string) ([]byte, bool) {
	job := jobs.Decode(channel.CreditCard, object(cardJob())).Job
	job.Reason = text
	body := job.Encode()
	printable := strings.ToValidUTF8(text, "") == text && !strings.ContainsFunc(text, unicode.IsControl)
	return body, len(body) <= jobs.MaxJobSize && printable
}
