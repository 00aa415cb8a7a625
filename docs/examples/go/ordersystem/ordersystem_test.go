package ordersystem_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/docs/examples/go/ordersystem"
	"refundworker.example/refundworker/internal/proof/devstack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup starts NATS, the simulator and a worker, and makes the durable consumer
// that an operator makes for every reader of results.
func setup(t *testing.T) (*devstack.Stack, context.Context) {
	t.Helper()
	stack, err := devstack.Start(context.WithoutCancel(t.Context()), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	worker := stack.StartWorker(context.WithoutCancel(t.Context()), stack.WorkerConfig(slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		if err := worker.Stop(); err != nil {
			t.Error(err)
		}
	})
	_, err = stack.JS.CreateConsumer(t.Context(), "REFUNDS", jetstream.ConsumerConfig{
		Durable: "shop", FilterSubject: "refunds.results.>", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return stack, ctx
}

func cardJob(id string) ordersystem.Job {
	return ordersystem.Job{
		RefundID: id, Channel: "credit_card", InvoiceNumber: "INV-" + id, OriginalRequestID: "payment-of-" + id, Amount: 90000,
	}
}

// read returns what ReadResults handed over before enough said that it was.
func read(ctx context.Context, t *testing.T, js jetstream.JetStream, enough func(seen []string) (bool, error)) []string {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var seen []string
	err := ordersystem.ReadResults(ctx, js, "shop", func(r ordersystem.Result) error {
		seen = append(seen, fmt.Sprint(r.RefundID, " ", r.Status, " ", r.Amount, " ", r.Environment))
		last, err := enough(seen)
		if last {
			stop()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestJobPublishedTwiceEndsInOneResult(t *testing.T) {
	t.Parallel()
	stack, ctx := setup(t)
	for _, job := range []ordersystem.Job{cardJob("rf-1"), cardJob("rf-1"), cardJob("rf-2")} {
		if err := ordersystem.Publish(ctx, stack.JS, job); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, line := range read(ctx, t, stack.JS, func(seen []string) (bool, error) { return len(seen) == 2, nil }) {
		seen[line]++
	}
	if seen["rf-1 succeeded 90000 simulator"] != 1 || seen["rf-2 succeeded 90000 simulator"] != 1 {
		t.Errorf("results: %v", seen)
	}
	if book := stack.DOKU.Book(); book.Total.Movements != 2 {
		t.Errorf("money moved %d times", book.Total.Movements)
	}
}

func TestResultThatWasNotHandledComesAgain(t *testing.T) {
	t.Parallel()
	stack, ctx := setup(t)
	if err := ordersystem.Publish(ctx, stack.JS, cardJob("rf-1")); err != nil {
		t.Fatal(err)
	}
	seen := read(ctx, t, stack.JS, func(seen []string) (bool, error) {
		if len(seen) == 1 {
			return false, errors.New("the shop's database is away")
		}
		return true, nil
	})
	if len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("results: %v", seen)
	}
}

func TestJobForAnUnknownChannelIsRefusedToThePublisher(t *testing.T) {
	t.Parallel()
	stack, ctx := setup(t)
	job := cardJob("rf-1")
	job.Channel = "paper"
	if err := ordersystem.Publish(ctx, stack.JS, job); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("got %v", err)
	}
}
