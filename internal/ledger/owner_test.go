package ledger_test

import (
	"errors"
	"testing"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

func TestOwnerOfAllIsTheOneOfBothEnds(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if owner, err := f.ledger.OwnerOfAll(t.Context()); err != nil || !owner.IsZero() {
		t.Fatalf("empty: %s, %v", owner, err)
	}
	for _, id := range []string{"rf-1", "rf-2"} {
		if _, err := f.ledger.Append(t.Context(), record(id, refund.Waiting, 0, id)); err != nil {
			t.Fatal(err)
		}
	}
	if owner, err := f.ledger.OwnerOfAll(t.Context()); err != nil || owner != (stream.Owner{ClientID: "BRN-1", Environment: "simulator"}) {
		t.Fatalf("%s, %v", owner, err)
	}
	other := record("rf-3", refund.Waiting, 0, "c")
	other.ClientID = "BRN-2"
	if _, err := f.ledger.Append(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ledger.OwnerOfAll(t.Context()); !errors.Is(err, ledger.ErrForeign) {
		t.Fatalf("shared by two: %v", err)
	}
}
