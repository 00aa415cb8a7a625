package operator_test

import (
	"slices"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

// The number that one refund derives is the other one's id: the same case as two
// derived ones, which nobody can wait for.
func TestStatusNamesTheRefundWithTheSameNumber(t *testing.T) {
	t.Parallel()
	f := setup(t)
	doubtful := record("RINV_2026_00012", refund.Unresolved, mandiri, func(r *refund.Record) { r.Code = refund.CodeOutcomeUnknown })
	number := doubtful.Identity.PartnerRefundNo
	if len(number) != 12 || number == doubtful.Job.RefundID || !doubtful.NumberMayCollide() {
		t.Fatalf("number %q", number)
	}
	f.put(t, doubtful)
	for _, id := range []string{"RINV_2026_00013", "rf-1"} {
		f.put(t, record(id, refund.Succeeded, mandiri))
	}
	s, err := f.Status(t.Context(), "RINV_2026_00012")
	if err != nil || len(s.SameNumber) != 0 || strings.Contains(s.Hint, "same partnerRefundNo") {
		t.Errorf("%+v, %v", s, err)
	}
	f.put(t, record(number, refund.Succeeded, mandiri))
	s, err = f.Status(t.Context(), "RINV_2026_00012")
	if err != nil || !slices.Equal(s.SameNumber, []string{number}) || !strings.Contains(s.Hint, number+" has the same partnerRefundNo") {
		t.Errorf("%+v, %v", s, err)
	}
	if settled, err := f.Status(t.Context(), number); err != nil || len(settled.SameNumber) != 0 {
		t.Errorf("one that is not in doubt: %+v, %v", settled, err)
	}
}
