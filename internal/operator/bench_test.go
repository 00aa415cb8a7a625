package operator_test

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// benchRefunds is how many refunds stand in the ledger while it is asked:
//
//	go test -run '^$' -bench Ledger -benchtime 5x ./internal/operator -refunds 1000000
var benchRefunds = flag.Int("refunds", 2000, "refunds in the ledger of the benchmarks")

// full is a ledger of refunds that have ended, but for one in a thousand each
// that waits or is unresolved.
func full(b *testing.B) fixture {
	b.Helper()
	n, err := devstack.StartNATS(devstack.NATSConfig{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(n.Stop)
	nc, js, err := n.Connect()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	if err := n.Setup(b.Context(), js); err != nil {
		b.Fatal(err)
	}
	f := on(n, js, clientID)
	var group sync.WaitGroup
	next := make(chan int)
	for range 64 {
		group.Go(func() {
			for i := range next {
				f.fill(b, i)
			}
		})
	}
	for i := range *benchRefunds {
		next <- i
	}
	close(next)
	group.Wait()
	return f
}

func (f fixture) fill(b *testing.B, i int) {
	b.Helper()
	id, end := fmt.Sprintf("rf-%08d", i), refund.Succeeded
	switch i % 1000 {
	case 1:
		end = refund.Waiting
	case 2:
		end = refund.Unresolved
	}
	invoice := func(r *refund.Record) { r.Job.InvoiceNumber = "INV-" + id[3:] }
	seq, err := f.ledger.Append(b.Context(), record(id, refund.Sending, invoice))
	if err != nil {
		b.Error(err)
		return
	}
	last := record(id, end, invoice)
	last.Prev = seq
	if _, err := f.ledger.Append(b.Context(), last); err != nil {
		b.Error(err)
	}
	if end == refund.Waiting {
		err := f.ledger.Schedule(b.Context(), ledger.ScheduledMessage{Channel: last.Job.Channel, RefundID: id, At: time.Now().Add(time.Hour), Body: []byte("{}")})
		if err != nil {
			b.Error(err)
		}
	}
}

func BenchmarkLedger(b *testing.B) {
	f := full(b)
	for _, bench := range []struct {
		name string
		do   func() error
	}{
		{"status", func() error { _, err := f.Status(b.Context(), "rf-00000777"); return err }},
		{"list waiting", func() error { _, err := f.List(b.Context(), operator.Filter{State: "waiting", Limit: 50}); return err }},
		{"list unresolved", func() error { _, err := f.List(b.Context(), operator.Filter{State: "unresolved"}); return err }},
		{"list succeeded", func() error {
			_, err := f.List(b.Context(), operator.Filter{State: "succeeded", Limit: 50})
			return err
		}},
		{"list all", func() error { _, err := f.List(b.Context(), operator.Filter{Limit: 50}); return err }},
		{"list open", func() error { _, err := f.List(b.Context(), operator.Filter{State: "open", Limit: 50}); return err }},
		{"list by invoice", func() error {
			page, err := f.List(b.Context(), operator.Filter{Match: operator.Match{Invoice: "INV-00000777"}, Limit: 50})
			if err == nil && len(page.Refunds) != 1 {
				err = fmt.Errorf("%d refunds found", len(page.Refunds))
			}
			return err
		}},
		{"list by amount", func() error {
			_, err := f.List(b.Context(), operator.Filter{Match: operator.Match{Amount: 90000}, Limit: 50})
			return err
		}},
		{"stats", func() error { _, err := f.Stats(b.Context()); return err }},
		{"sweep", func() error { _, err := f.Sweep(b.Context(), "", time.Millisecond, true); return err }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				if err := bench.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
