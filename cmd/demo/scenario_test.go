package main

import (
	"slices"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

func TestTheShowHasEveryChannelStatusAndProof(t *testing.T) {
	t.Parallel()
	channels, endings := map[channel.Channel]bool{}, map[string]bool{}
	for _, a := range allScenarios() {
		if strings.HasPrefix(a.want, "succeeded ") {
			channels[a.job.Channel] = true
		}
		for word := range strings.SplitSeq(a.want, " ") {
			endings[word] = true
		}
	}
	if len(channels) != len(channel.All()) {
		t.Errorf("succeeding channels: %v", channels)
	}
	for _, want := range []string{
		"succeeded", "failed", "rejected", "unresolved", "dead",
		string(refund.ByResponse), string(refund.ByReplay), string(refund.ByInquiry),
		refund.CodeInvalidJob.String(), refund.CodeCardNumber.String(), refund.CodeDeadlineExceeded.String(), refund.CodeCustomerTokenInvalid.String(),
		refund.CodeIdentifierCollision.String(), refund.CodeOutcomeUnknown.String(), string(stream.DeadUnreadable), string(stream.DeadRefundIDConflict),
	} {
		if !endings[want] {
			t.Errorf("nothing ends as %s", want)
		}
	}
}

func TestTheSeedsOwnExamplesAreShown(t *testing.T) {
	t.Parallel()
	acts := quick("seed-1", "INV-REF-0001").scenarios
	one, two := acts[0].job, acts[1].job
	if one.InvoiceNumber != "INV-20210118-0001" || one.OriginalRequestID != "b266c265-3d61-4708-9860-c0d5b9a98f8c" || one.Amount != 90000 {
		t.Errorf("DOKU's card document: %+v", one)
	}
	if two.InvoiceNumber != "INV-0001" || two.OriginalRequestID != "REQ-0001" || two.Amount != 10000 || two.Reason != "Request by Customer" {
		t.Errorf("DOKU's direct debit document: %+v", two)
	}
	if key(requested{two.RefundID, two.Channel, two.Amount}) != "INV-REF-0001" {
		t.Error("DOKU's direct debit document: another partnerRefundNo")
	}
}

// A fault is met by the first request that it matches: two refunds of one
// invoice would share it.
func TestNoTwoRefundsShareNameOrInvoice(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range allScenarios() {
		for _, name := range []string{a.name(), string(a.job.Channel) + " " + a.job.InvoiceNumber} {
			if a.refund() && seen[name] {
				t.Errorf("%s: %s is there twice", a.name(), name)
			}
			seen[name] = true
		}
		for _, first := range a.waitsFor {
			if !seen[first] {
				t.Errorf("%s waits for %s, which comes later", a.name(), first)
			}
		}
	}
}

func TestJobsAreWhatTheirLinesSay(t *testing.T) {
	t.Parallel()
	broken := []string{"card-number", "bad-job"}
	for _, a := range allScenarios() {
		want := jobs.Valid
		if slices.Contains(broken, a.name()) {
			want = jobs.Invalid
		} else if a.name() == "(no job)" {
			want = jobs.Unreadable
		}
		if got := jobs.Decode(a.job.Channel, a.body(noon)); got.Outcome != want {
			t.Errorf("%s: %v: %s", a.name(), got.Outcome, got.Problems)
		}
	}
}

func TestLinesFitTheTable(t *testing.T) {
	t.Parallel()
	for _, a := range allScenarios() {
		if len(a.name()) > nameColumn.width || len(a.job.Channel) > channelColumn.width || len(a.what) > 46 {
			t.Errorf("%s: too long: %q", a.name(), a.what)
		}
	}
}
