//go:build unix

// Command floor is the least that refunds cards with a ledger: two
// compare-and-set appends, one signed call with net/http and one
// acknowledgement a job, and nothing else. It is what the worker is measured
// against, and no worker: it decides nothing, repeats nothing, and does not
// believe or doubt any answer. With FLOOR_GROUP_COMMIT=true its appends travel in
// atomic batches; with FLOOR_WITH=doku,ledger,log these parts of it are the
// worker's own. All else is a worker's settings from the environment.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		slog.Error("floor ended", "error", err)
		os.Exit(1)
	}
}

// run refunds what is queued until ctx ends, or until the first thing that goes
// wrong.
func run(ctx context.Context) error {
	concurrency, err := strconv.Atoi(os.Getenv("CONCURRENCY"))
	if err != nil {
		return fmt.Errorf("CONCURRENCY: %w", err)
	}
	key, err := os.ReadFile(os.Getenv("DOKU_SECRET_KEY_FILE")) //nolint:gosec // a setting of whoever starts it
	if err != nil {
		return fmt.Errorf("DOKU_SECRET_KEY_FILE: %w", err)
	}
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	consumer, err := js.Consumer(ctx, stream.Jobs, stream.WorkerConsumer(channel.CreditCard))
	if err != nil {
		return fmt.Errorf("look up consumer: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2 * concurrency))
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	f := &floor{
		js: js, nc: nc, key: []byte(strings.TrimSpace(string(key))),
		baseURL: os.Getenv("DOKU_BASE_URL"), clientID: os.Getenv("DOKU_CLIENT_ID"), http: httpClient(concurrency),
	}
	end, err := f.use(os.Getenv("FLOOR_WITH"), concurrency) //nolint:contextcheck // a client has a life of its own
	defer end()
	if err != nil {
		return err
	}
	return start(ctx, messages, concurrency, f)
}

func httpClient(concurrency int) *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			MaxIdleConns: concurrency, MaxIdleConnsPerHost: concurrency, DisableCompression: true,
		},
	}
}

// start works with or without group commit.
func start(ctx context.Context, messages jetstream.MessagesContext, concurrency int, f *floor) error {
	if os.Getenv("FLOOR_GROUP_COMMIT") != "true" {
		return work(ctx, messages, concurrency, f)
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	f.appends = make(chan appended, concurrency)
	group.Go(func() { f.groupCommit(ctx) })
	return work(ctx, messages, concurrency, f)
}

// work hands the messages to as many goroutines as calls may be made at once.
func work(ctx context.Context, messages jetstream.MessagesContext, concurrency int, f *floor) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	next := make(chan jetstream.Msg)
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for m := range next {
				if err := f.refund(ctx, m); err != nil {
					fail(err)
					messages.Stop()
				}
			}
		})
	}
	for {
		m, err := messages.Next()
		if err != nil { // it has been stopped
			close(next)
			group.Wait()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		next <- m
	}
}
