package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// BenchmarkAppend stores first records of refunds, 64 at once, with and without
// fsync of every write, each by itself and in batches wherever two wait.
func BenchmarkAppend(b *testing.B) {
	for _, sync := range []bool{false, true} {
		for _, group := range []bool{false, true} {
			b.Run(fmt.Sprintf("fsync=%t/batches=%t", sync, group), func(b *testing.B) {
				n, err := devstack.StartNATS(devstack.NATSConfig{Dir: b.TempDir(), SyncAlways: sync})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(n.Stop)
				l, js := open(b, n, func(cfg *ledger.Config) { cfg.AlwaysGroup = group })
				if err := n.Setup(b.Context(), js); err != nil {
					b.Fatal(err)
				}
				var count atomic.Uint64
				b.SetParallelism(32) // on two processors
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						r := record(fmt.Sprintf("rf-%d", count.Add(1)), refund.Sending, 0, "a")
						if _, err := l.Append(b.Context(), r); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
