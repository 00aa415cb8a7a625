package ledger_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// On one replica the server compares an append with what is stored. On three it
// also has to compare it with appends still in flight, which it does by the
// filter's text: only a cluster shows a mistake there.
func TestOneOfTwoWritersWinsOnThreeReplicas(t *testing.T) {
	t.Parallel()
	cluster, err := devstack.StartCluster(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	one, js := open(t, cluster)
	two, _ := open(t, cluster)
	if err := cluster.Setup(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	const races = 1000
	states := []refund.State{refund.Sending, refund.Rejected}
	for i := range races {
		id := fmt.Sprintf("rf-%d", i)
		errs := make([]error, 2)
		var race sync.WaitGroup
		start := make(chan struct{})
		for w, l := range []*ledger.Ledger{one, two} {
			race.Go(func() {
				r := record(id, states[w], 0, fmt.Sprintf("writer-%d", w))
				<-start
				_, errs[w] = l.Append(t.Context(), r)
			})
		}
		close(start)
		race.Wait()
		var moved *ledger.MovedError
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil || !errors.As(errs[1-winner], &moved) {
			t.Fatalf("race %d: writers got %v and %v; want one nil and one MovedError", i, errs[0], errs[1])
		}
		if moved.Last.Record.State != states[winner] {
			t.Fatalf("race %d: the loser was shown %s", i, moved.Last.Record.State)
		}
		if path, err := one.History(t.Context(), id); err != nil || len(path) != 1 {
			t.Fatalf("race %d: %d records, %v; want 1", i, len(path), err)
		}
	}
	t.Logf("%d of %d races had one winner", races, races)
}
