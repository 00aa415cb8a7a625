package ledger_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// Three replicas check a message before they propose it, in code of their own.
func TestFullStorageIsSeenInAClusterWithoutStoringAnything(t *testing.T) {
	t.Parallel()
	n, err := devstack.StartCluster(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	l, js := open(t, n)
	if err := n.Setup(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), record("rf-1", refund.Waiting, 0, "a")); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckStorage(t.Context()); err != nil {
		t.Fatal(err)
	}
	limit := func(bytes int64) {
		t.Helper()
		for _, node := range n.Nodes() {
			acc, err := node.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
			if err != nil {
				t.Fatal(err)
			}
			limits := map[string]server.JetStreamAccountLimits{"": {
				MaxMemory: -1, MaxStore: bytes, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
			}}
			if err := acc.UpdateJetStreamLimits(limits); err != nil {
				t.Fatal(err)
			}
		}
	}
	limit(1)
	if err := l.CheckStorage(t.Context()); !errors.Is(err, ledger.ErrStorageFull) {
		t.Errorf("full: %v", err)
	}
	limit(-1)
	if err := l.CheckStorage(t.Context()); err != nil {
		t.Errorf("room again: %v", err)
	}
	if after := state(t, js); after.LastSeq != 1 || after.Msgs != 1 {
		t.Errorf("the look has stored something: %+v", after)
	}
	if report, err := stream.Check(t.Context(), js, nil); err != nil || len(report.Problems) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
