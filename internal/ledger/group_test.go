package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func always(cfg *ledger.Config) { cfg.AlwaysGroup = true }

// onBoth runs a test on one replica and on three, which check a batch in
// different places.
func onBoth(t *testing.T, test func(*testing.T, fixture)) {
	t.Helper()
	t.Run("one replica", func(t *testing.T) {
		t.Parallel()
		test(t, setup(t, always))
	})
	t.Run("three replicas", func(t *testing.T) {
		t.Parallel()
		cluster, err := devstack.StartCluster(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Stop)
		f := fixture{nats: cluster, now: time.Now}
		f.ledger, f.js = open(t, cluster, always)
		if err := cluster.Setup(t.Context(), f.js); err != nil {
			t.Fatal(err)
		}
		test(t, f)
	})
}

// outcome is what one append came to.
type outcome struct {
	record *refund.Record
	seq    uint64
	err    error
}

// appendAll appends all records at once.
func appendAll(t *testing.T, l *ledger.Ledger, records []*refund.Record) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(records))
	var all sync.WaitGroup
	for i, r := range records {
		all.Go(func() {
			seq, err := l.AppendUntilStored(t.Context(), time.Time{}, r, func(error) {})
			outcomes[i] = outcome{r, seq, err}
		})
	}
	all.Wait()
	return outcomes
}

// many are first records of so many refunds.
func many(n int) []*refund.Record {
	records := make([]*refund.Record, n)
	for i := range records {
		records[i] = record(fmt.Sprintf("rf-%d", i), refund.Sending, 0, fmt.Sprintf("a-%d", i))
	}
	return records
}

// batched returns how many of the stored records came in batches, and fails where
// one holds two records of a refund.
func batched(t *testing.T, js jetstream.JetStream) (count int) {
	t.Helper()
	s, err := js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Read by sequence, a message could be asked of a replica that is behind.
	consumer, err := s.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	members := map[string]bool{}
	for range info.State.Msgs {
		m, err := messages.Next(jetstream.NextContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		batch := m.Headers().Get("Nats-Batch-Id")
		if batch == "" {
			continue
		}
		count++
		key := batch + " " + m.Headers().Get("Nats-Expected-Last-Subject-Sequence-Subject")
		if members[key] {
			t.Errorf("a batch holds two records: %s", key)
		}
		members[key] = true
	}
	return count
}

func TestEveryMemberOfABatchIsStoredUnderItsOwnSequence(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f fixture) {
		t.Helper()
		for range 2 { // the second record of each follows the first
			records := many(100)
			for _, r := range records {
				last, err := f.ledger.Last(t.Context(), r.Job.RefundID)
				if err != nil {
					t.Fatal(err)
				}
				if r.Prev = last.Seq; last.Seq != 0 {
					r.State = refund.Unknown
				}
			}
			for _, o := range appendAll(t, f.ledger, records) {
				last, err := f.ledger.Last(t.Context(), o.record.Job.RefundID)
				if o.err != nil || err != nil || last.Seq != o.seq || last.Record.By != o.record.By || last.Record.State != o.record.State {
					t.Fatalf("%s at %d, %v; the ledger has %s at %d, %v",
						o.record.State, o.seq, o.err, last.Record.State, last.Seq, err)
				}
			}
		}
		if n := batched(t, f.js); n < 100 {
			t.Errorf("%d of 200 records came in batches", n)
		}
	})
}

// Two processes' appends meet in one ledger here, which no worker lets happen.
func TestOneOfTwoAppendsOfARefundIsStoredWhereBothWaitForABatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f fixture) {
		t.Helper()
		records := many(60)
		for _, r := range many(60) {
			r.State, r.By = refund.Rejected, "b"
			records = append(records, r)
		}
		won := map[string]int{}
		for _, o := range appendAll(t, f.ledger, records) {
			var moved *ledger.MovedError
			switch {
			case o.err == nil:
				won[o.record.Job.RefundID]++
			case !errors.As(o.err, &moved) || moved.Last.Record.State == o.record.State:
				t.Errorf("%s: %v; want a MovedError that shows the other record", o.record.Job.RefundID, o.err)
			}
		}
		for id := range 60 {
			id := fmt.Sprintf("rf-%d", id)
			path, err := f.ledger.History(t.Context(), id)
			if won[id] != 1 || err != nil || len(path) != 1 {
				t.Errorf("%s: %d appends won, %d records, %v", id, won[id], len(path), err)
			}
		}
		batched(t, f.js) // none holds two
	})
}

// publishBatch sends a batch by hand and returns what the server says of it.
func publishBatch(t *testing.T, nc *nats.Conn, name string, messages ...*nats.Msg) string {
	t.Helper()
	for i, m := range messages {
		m.Header.Set("Nats-Batch-Id", name)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
	}
	last := messages[len(messages)-1]
	last.Header.Set("Nats-Batch-Commit", "1")
	for _, m := range messages[:len(messages)-1] {
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := nc.RequestMsgWithContext(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer.Data)
}

func guarded(subject, refundID string) *nats.Msg {
	m := nats.NewMsg(subject + refundID)
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", "0")
	m.Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", "refunds.*.*.*."+refundID)
	return m
}

// What the invariant of a group rests on. Were it to fail here because a newer
// server refuses the batch, the invariant would be more than is needed.
func TestServerStoresTwoAppendsAfterTheSameRecordInOneBatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f fixture) {
		t.Helper()
		answer := publishBatch(t, f.js.Conn(), "two",
			guarded("refunds.ledger.credit_card.sending.", "rf-1"), guarded("refunds.ledger.credit_card.rejected.", "rf-1"))
		s, err := f.js.Stream(t.Context(), stream.Refunds)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := s.Info(t.Context()); err != nil || info.State.Msgs != 2 {
			t.Errorf("%s: %d messages, %v; want both", answer, info.State.Msgs, err)
		}
	})
}

// One member has lost its race; the server refuses the batch, and the others
// must not lose theirs.
func TestRefusedBatchIsMadeAgainOneByOne(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, f fixture) {
		t.Helper()
		if _, err := f.ledger.Append(t.Context(), record("rf-7", refund.Rejected, 0, "other")); err != nil {
			t.Fatal(err)
		}
		for _, o := range appendAll(t, f.ledger, many(50)) {
			var moved *ledger.MovedError
			switch lost := o.record.Job.RefundID == "rf-7"; {
			case lost && (!errors.As(o.err, &moved) || moved.Last.Record.By != "other"):
				t.Errorf("%s: %v; want a MovedError", o.record.Job.RefundID, o.err)
			case !lost && o.err != nil:
				t.Errorf("%s: %v", o.record.Job.RefundID, o.err)
			}
		}
	})
}

// A stream that was set up before batches were, and a server that has no more
// batches to give: appends go singly, and none is lost.
func TestAppendsDoWithoutBatchesWhereTheServerTakesNone(t *testing.T) {
	t.Parallel()
	for name, deny := range map[string]func(*testing.T, fixture){
		"stream without allow_atomic": func(t *testing.T, f fixture) {
			t.Helper()
			s, err := f.js.Stream(t.Context(), stream.Refunds)
			if err != nil {
				t.Fatal(err)
			}
			cfg := s.CachedInfo().Config
			cfg.AllowAtomicPublish = false
			if _, err := f.js.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		},
		"too many batches in flight": func(t *testing.T, f fixture) {
			t.Helper()
			for i := range 50 { // the server's limit
				m := guarded("refunds.ledger.credit_card.sending.", fmt.Sprintf("open-%d", i))
				m.Header.Set("Nats-Batch-Id", fmt.Sprintf("open-%d", i))
				m.Header.Set("Nats-Batch-Sequence", "1")
				if _, err := f.js.Conn().RequestMsgWithContext(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, f fixture) {
				t.Helper()
				deny(t, f)
				for _, o := range appendAll(t, f.ledger, many(50)) {
					if o.err != nil {
						t.Errorf("%s: %v", o.record.Job.RefundID, o.err)
					}
				}
				if n := batched(t, f.js); n > 0 {
					t.Errorf("%d records came in batches", n)
				}
			})
		})
	}
}

// The batch is stored and nobody hears of it: each member finds its own record.
func TestMembersOfABatchWithoutAnAnswerFindTheirRecords(t *testing.T) {
	t.Parallel()
	f := setup(t)
	d, l := f.deaf(t, always)
	records := many(50)
	done := make(chan []outcome, 1)
	d.deaf.Store(true)
	go func() { done <- appendAll(t, l, records) }()
	for stored := uint64(0); stored < 2; { // the first is alone; what follows it is a batch that nobody hears of
		s, err := f.js.Stream(t.Context(), stream.Refunds)
		if err != nil {
			t.Fatal(err)
		}
		stored = s.CachedInfo().State.Msgs
	}
	d.deaf.Store(false)
	for _, o := range <-done {
		last, err := f.ledger.Last(t.Context(), o.record.Job.RefundID)
		if o.err != nil || err != nil || last.Seq != o.seq {
			t.Errorf("%s: %d, %v; the ledger has %d, %v", o.record.Job.RefundID, o.seq, o.err, last.Seq, err)
		}
	}
	if batched(t, f.js) == 0 {
		t.Error("there was no batch")
	}
}

// Whoever gives up while it waits was never sent; the others go on, also where
// the one that gives up was to send the next batch.
func TestAppendThatGivesUpItsTurnHoldsUpNobody(t *testing.T) {
	t.Parallel()
	f := setup(t, always)
	var all sync.WaitGroup
	for i, r := range many(200) {
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			defer cancel()
			seq, err := f.ledger.AppendUntilStored(ctx, time.Time{}, r, func(error) {})
			last, readErr := f.ledger.Last(t.Context(), r.Job.RefundID)
			switch {
			case readErr != nil:
				t.Errorf("%s: %v", r.Job.RefundID, readErr)
			case err == nil && last.Seq != seq:
				t.Errorf("%s stored at %d, the ledger has %d", r.Job.RefundID, seq, last.Seq)
			case errors.Is(err, ledger.ErrNotStored) && last.Seq != 0:
				t.Errorf("%s: %v, and it is stored", r.Job.RefundID, err)
			case err != nil && i%2 == 0:
				t.Errorf("%s: %v", r.Job.RefundID, err)
			}
		})
		if i%2 == 1 {
			all.Go(cancel)
		}
	}
	all.Wait()
}
