package refund

import "testing"

func TestWhatMayFollowIsWhatTheRowsLeadTo(t *testing.T) {
	t.Parallel()
	for from := range states {
		for to := range states {
			if got, want := MayFollow(from, to), len(between(from, to)) > 0; got != want {
				t.Errorf("from %v to %v: %v, the table's picture says %v", from, to, got, want)
			}
		}
	}
}

func TestNothingFollowsAFinalResult(t *testing.T) {
	t.Parallel()
	for from := range states {
		for to := range states {
			if from.Final() && MayFollow(from, to) {
				t.Errorf("%v may follow %v", to, from)
			}
		}
	}
}
