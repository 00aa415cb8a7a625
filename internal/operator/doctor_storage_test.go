package operator_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
)

// finding returns the level of what the doctor says about a check, with its
// text.
func (f fixture) finding(t *testing.T, check, part string) string {
	t.Helper()
	for _, found := range f.Examine(t.Context(), operator.Checkup{}) {
		if found.Check == check && strings.Contains(found.Text, part) {
			return found.Level
		}
	}
	return "nothing"
}

func (f fixture) resize(t *testing.T, name string, bytes int64) {
	t.Helper()
	stream, err := f.js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes, cfg.Discard = bytes, jetstream.DiscardNew
	if _, err := f.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorSeesFullStorageAndFullStreams(t *testing.T) {
	t.Parallel()
	f := setup(t)
	expect := func(check, part, level string) {
		t.Helper()
		if got := f.finding(t, check, part); got != level {
			t.Errorf("%s, %s: %s, want %s", check, part, got, level)
		}
	}
	expect("records", "", operator.LevelOK)
	expect("max_payload", "", operator.LevelOK)
	expect("size", "REFUND_JOBS: 0 %", operator.LevelOK)
	expect("size", "REFUND_DEAD", "nothing")
	for range 9 {
		if _, err := f.js.Publish(t.Context(), "refunds.dead.credit_card", make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	f.resize(t, stream.Dead, 11_000)
	expect("size", "REFUND_DEAD: 8", operator.LevelWarning)
	f.resize(t, stream.Dead, 9_000)
	expect("size", "REFUND_DEAD: ", operator.LevelProblem)

	acc, err := f.nats.Nodes()[0].LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]server.JetStreamAccountLimits{"": {
		MaxMemory: -1, MaxStore: 9_000, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
	}}
	if err := acc.UpdateJetStreamLimits(limits); err != nil {
		t.Fatal(err)
	}
	expect("records", "storage is full", operator.LevelProblem)
	f.nats.LimitPayload(2500)
	if err := f.nats.Restart(); err != nil {
		t.Fatal(err)
	}
	for range 100 { // until the connection is back
		if f.finding(t, "records", "there is room for another one") == operator.LevelOK {
			expect("max_payload", "2500", operator.LevelProblem)
			return
		}
	}
	t.Fatal("never back")
}
