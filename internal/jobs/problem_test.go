package jobs_test

import (
	"fmt"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

func TestUnknownNameIsShownCutAndPrintable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		`amont`:                     `"amont"`,
		`a\"b`:                      `"a\"b"`,
		`tänää\n`:                   `"t?n???"`,
		strings.Repeat("x", 40):     `"` + strings.Repeat("x", 40) + `"`,
		strings.Repeat("x", 41):     `"` + strings.Repeat("x", 40) + `"...`,
		`\ud800`:                    `"?"`,
		`123456789012`:              `"123456789012"`,
		`4111-1111-1111-1`:          `(a name that is not shown)`,
		strings.Repeat("x1", 13):    `(a name that is not shown)`,
		strings.Repeat("xxxx٣", 13): `(a name that is not shown)`,
	} {
		got := jobs.Decode(channel.CreditCard, object(append(cardJob(), name, "1")))
		if got.Problems.String() != want+": is no field of a job" {
			t.Errorf("%s: %s", name, got.Problems)
		}
	}
}

// A message may break thousands of rules; its result must stay small, and its
// code right though the last problem is not listed.
func TestProblemsAreListedOnceAndBounded(t *testing.T) {
	t.Parallel()
	job := edit(cardJob(), "reason", `"4111111111111111"`)
	for i := range 1000 {
		job = append(job, fmt.Sprintf("x%d", i), "1")
	}
	got := jobs.Decode(channel.CreditCard, object(append(job, "x1", "1", "x2", "2")))
	if len(got.Problems.List) != 16 || !strings.HasSuffix(got.Problems.String(), "; and 985 more") {
		t.Fatalf("%d problems: %s", len(got.Problems.List), got.Problems)
	}
	if got.Problems.Code() != refund.CodeInvalidJob || len(got.Problems.String()) > 2048 {
		t.Fatalf("%s, %d bytes", got.Problems.Code(), len(got.Problems.String()))
	}
}

func TestProblemsNeverHoldAValue(t *testing.T) {
	t.Parallel()
	const canary = "CANARY-7f3a"
	bad := func(suffix string) string { return `"` + canary + suffix + `"` }
	job := edit(mandiriJob(), "channel", bad(""), "invoice_number", bad("-too-long"), "original_request_id", bad("é"),
		"amount", bad(""), "currency", bad(""), "reason", bad(` 4111111111111111`), "not_before", bad(""), "deadline", bad(""),
		"customer", `{"access_token":`+bad(" ")+`,"device_id":`+bad(`\u0001`)+`,"ip_address":["`+canary+`"]}`,
		"metadata", `{"`+canary+`":`+bad(`\n`)+`,"x":["`+canary+`"]}`, "other", bad(""))
	got := jobs.Decode(channel.DirectDebitMandiri, object(job))
	if text := got.Problems.String(); got.Outcome != jobs.Invalid || strings.Contains(text, "CANARY") || strings.Contains(text, "4111") {
		t.Fatalf("outcome %d: %s", got.Outcome, text)
	}
	for _, field := range []string{
		"channel", "invoice_number", "original_request_id", "amount", "currency", "reason",
		"not_before", "deadline", "customer.access_token", "customer.device_id", "customer.ip_address", "metadata",
	} {
		if !strings.Contains(got.Problems.String(), field+": ") {
			t.Errorf("%s is not named in: %s", field, got.Problems)
		}
	}
}
