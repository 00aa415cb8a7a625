package intake_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/intake"
)

// BenchmarkIntake takes messages from a backlog, with a handler that does
// nothing but acknowledge.
func BenchmarkIntake(b *testing.B) {
	for _, concurrency := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint(concurrency), func(b *testing.B) {
			s := newStand(b, 30*time.Second)
			s.jobs(b.N)
			done := make(chan struct{})
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			s.run(concurrency, func(_ context.Context, d *intake.Delivery) {
				ack(b, d)
				if left.Add(-1) == 0 {
					close(done)
				}
			})
			<-done
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
