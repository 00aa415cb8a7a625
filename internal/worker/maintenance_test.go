package worker

import (
	"errors"
	"slices"
	"testing"

	"refundworker.example/refundworker/internal/observe"
)

func TestAReasonOfSeveralErrorsIsOneLine(t *testing.T) {
	t.Parallel()
	health := observe.NewHealth(1)
	health.Clear(observe.Starting)
	w := &Worker{cfg: Config{Health: health}}
	if !w.blockOn(t.Context(), "intake", errors.Join(errors.New("consumer a: gone"), errors.New("consumer b: gone"))) {
		t.Error("not blocked")
	}
	if ready, lines := health.Ready(); ready || !slices.Equal(lines, []string{"consumer a: gone; consumer b: gone"}) {
		t.Errorf("%v, %q", ready, lines)
	}
}
