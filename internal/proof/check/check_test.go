package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// paid is a refund about which nothing is wrong.
func paid() check.Refund {
	return check.Refund{
		ID: "rf-1", Amount: 90000, Movements: 1, Moved: 90000,
		States:  []refund.State{refund.Sending, refund.Succeeded},
		Results: []refund.State{refund.Succeeded},
	}
}

// unpaid is one that ended without money.
func unpaid(s refund.State) check.Refund {
	return check.Refund{
		ID: "rf-2", Amount: 50000, States: []refund.State{refund.Sending, s}, Results: []refund.State{s},
	}
}

func TestNothingIsSaidAboutRefundsThatEndedWell(t *testing.T) {
	t.Parallel()
	inDoubt := unpaid(refund.Unresolved)
	inDoubtAndPaid := inDoubt
	inDoubtAndPaid.Movements, inDoubtAndPaid.Moved = 1, inDoubt.Amount
	settledLater := paid()
	settledLater.States = []refund.State{refund.Sending, refund.Unknown, refund.Unresolved, refund.Succeeded}
	settledLater.Results = []refund.State{refund.Unresolved, refund.Succeeded}
	all := []check.Refund{paid(), unpaid(refund.Failed), inDoubt, inDoubtAndPaid, settledLater}
	if found := check.All(all); len(found) > 0 {
		t.Error(found)
	}
}

func TestEveryBrokenRuleIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule   check.Rule
		spoils func(*check.Refund)
	}{
		{check.PaidTwice, func(r *check.Refund) { r.Movements, r.Moved = 2, 2*r.Amount }},
		{check.PaidUnseen, func(r *check.Refund) { r.States = []refund.State{refund.Sending, refund.Failed} }},
		{check.PaidUnseen, func(r *check.Refund) { r.States = []refund.State{refund.Rejected} }},
		{check.PaidNever, func(r *check.Refund) { r.Movements, r.Moved = 0, 0 }},
		{check.PaidOther, func(r *check.Refund) { r.Moved-- }},
		{check.PaidUnbid, func(r *check.Refund) { r.States = nil }},
		{check.NotEnded, func(r *check.Refund) { r.States = r.States[:1] }},
		{check.NotEnded, func(r *check.Refund) { r.States = []refund.State{refund.Sending, refund.Unknown} }},
		{check.NoPath, func(r *check.Refund) { r.States = []refund.State{refund.Waiting, refund.Succeeded, refund.Failed} }},
		{check.NoPath, func(r *check.Refund) { r.States = []refund.State{refund.Unknown, refund.Succeeded} }},
		{check.ResultAmiss, func(r *check.Refund) { r.Results = append(r.Results, refund.Succeeded) }},
		{check.ResultAmiss, func(r *check.Refund) { r.Results = []refund.State{} }},
		{check.ResultAmiss, func(r *check.Refund) { r.States = r.States[:1] }},
		{check.SumDiffers, func(r *check.Refund) { r.Moved++ }},
	} {
		r := paid()
		c.spoils(&r)
		found := check.All([]check.Refund{unpaid(refund.Failed), r})
		if !slices.ContainsFunc(found, func(v check.Violation) bool { return v.Rule == c.rule }) {
			t.Errorf("%+v: want %q among %v", r, c.rule, found)
		}
	}
}

func TestAnUnfinishedRefundIsNothingToComplainOfYet(t *testing.T) {
	t.Parallel()
	r := paid()
	r.States, r.Results = r.States[:1], nil
	if found := check.Now([]check.Refund{r}); len(found) > 0 {
		t.Error(found)
	}
}

func TestASecretIsFoundAndNotRepeated(t *testing.T) {
	t.Parallel()
	log := []byte(`{"msg":"refund settled","token":"s3cr3t-of-the-customer"}`)
	found := check.Secrets("stderr", log, "elsewhere", "s3cr3t-of-the-customer", "")
	if len(found) != 1 || found[0].Rule != check.SecretVisible {
		t.Fatalf("found %v", found)
	}
	if strings.Contains(found[0].String(), "s3cr3t") {
		t.Errorf("%q repeats the secret", found[0])
	}
}

func TestJudgingAStandingAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts for the whole process
	rule := check.Kept
	if n := testing.AllocsPerRun(100, func() { rule = check.Standing(refund.Failed, 1) }); n > 0 || rule != check.PaidUnseen {
		t.Errorf("%v allocations for %v", n, rule)
	}
}

func ExampleAll() {
	for _, v := range check.All([]check.Refund{{
		ID: "rf-1", Amount: 90000, Movements: 2, Moved: 180000,
		States: []refund.State{refund.Sending, refund.Succeeded},
	}}) {
		fmt.Println(v)
	}
	// Output:
	// rf-1: paid twice: 2 movements, last record is succeeded
	// sum of succeeded is not the money moved: succeeded 90000, moved 180000 rupiah
}
