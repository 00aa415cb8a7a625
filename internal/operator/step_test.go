package operator

import (
	"testing"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
)

// The worker has such a table too: a finding that is only in one of them means
// nothing to whoever asks by hand.
func TestEveryFindingOfAnInquiryIsKnown(t *testing.T) {
	t.Parallel()
	for finding := doku.FoundSuccess; finding <= doku.NotFoundNoHistory; finding++ {
		if got := findings[finding]; got != refund.Finding(finding) {
			t.Errorf("%s became %d, want %d", finding, got, finding)
		}
	}
}
