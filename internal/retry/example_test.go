package retry_test

import (
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/retry"
)

func ExamplePolicy_Delay() {
	p := retry.Policy{Initial: 2 * time.Second, Max: 15 * time.Minute}
	for _, n := range []int{1, 2, 3, 10} {
		fmt.Println(n, p.Delay(n))
	}
	// Output:
	// 1 2s
	// 2 4s
	// 3 8s
	// 10 15m0s
}

func ExampleBreaker() {
	b := retry.NewBreaker(retry.BreakerConfig{Policy: retry.Policy{Initial: time.Hour, Max: time.Hour}})
	for i := range 5 {
		permit, _ := b.Allow(retry.Call{Subject: fmt.Sprint("order ", i), Write: true})
		permit.Report(retry.Unreachable())
	}
	permit, _ := b.Allow(retry.Call{Subject: "order 5", Write: true})
	fmt.Println(b.State(), b.Reason(), permit != nil)
	// Output: open unreachable false
}
