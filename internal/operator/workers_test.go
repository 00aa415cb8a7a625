package operator_test

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/fleet"
	"refundworker.example/refundworker/internal/operator"
)

// A full disk looks from outside like a ledger that takes records: only the
// worker whose answer is not confirmed knows better.
func TestDoctorFindsAnswersThatCannotBeStored(t *testing.T) {
	t.Parallel()
	f := setup(t)
	held := fleet.Channel{Channel: channel.CreditCard, Breaker: fleet.Closed, Held: true}
	stop, err := fleet.Serve(f.js.Conn(), func() fleet.Worker {
		return fleet.Worker{Instance: "a1", Channels: []fleet.Channel{held}}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, found := range of(f.Examine(t.Context(), operator.Checkup{}), "workers") {
		if found.Level == operator.LevelProblem && strings.Contains(found.Text, "an answer from DOKU cannot be stored: credit_card") {
			return
		}
	}
	t.Error("not found")
}
