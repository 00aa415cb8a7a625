package worker

import (
	"testing"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/refund"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryAnswerHasItsMetricLabel(t *testing.T) {
	t.Parallel()
	for a := refund.NoProof; a <= refund.Collision; a++ {
		if attemptOutcomes[a] == "" {
			t.Errorf("answer %d has no label", a)
		}
	}
	for f := refund.NoAnswer; f <= refund.NotFoundNoHistory; f++ {
		if inquiryOutcomes[f] == "" {
			t.Errorf("finding %d has no label", f)
		}
	}
}
