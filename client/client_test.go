package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/client"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is an order system beside NATS and, where it is asked for, a worker.
type shop struct {
	*client.Client
	stack *devstack.Stack
	nc    *nats.Conn
}

func newShop(t *testing.T, worker bool, change ...func(*client.Options)) (shop, context.Context) {
	t.Helper()
	stack, err := devstack.Start(context.WithoutCancel(t.Context()), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	if worker {
		w := stack.StartWorker(context.WithoutCancel(t.Context()), stack.WorkerConfig(slog.New(slog.DiscardHandler)))
		t.Cleanup(func() {
			if err := w.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	s := shop{stack: stack, nc: connect(t, stack)}
	options := client.Options{Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&options)
	}
	if s.Client, err = client.New(s.nc, options); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return s, ctx
}

func connect(t *testing.T, stack *devstack.Stack) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(stack.NATS.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// consumer makes a durable consumer as an administrator does.
func (s shop) consumer(t *testing.T, of, filter string, change ...func(*jetstream.ConsumerConfig)) {
	t.Helper()
	cfg := jetstream.ConsumerConfig{Durable: "shop", FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy}
	for _, c := range change {
		c(&cfg)
	}
	if _, err := s.stack.JS.CreateConsumer(t.Context(), of, cfg); err != nil {
		t.Fatal(err)
	}
}

func card(id string) client.Job {
	return client.Job{
		RefundID: id, Channel: client.CreditCard, InvoiceNumber: "INV-" + id, OriginalRequestID: "payment-of-" + id, Amount: 90000,
	}
}

func publish(ctx context.Context, t *testing.T, s shop, jobs ...client.Job) {
	t.Helper()
	for _, j := range jobs {
		if _, err := s.Publish(ctx, j); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAJobPublishedTwiceEndsInOneResult(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, true)
	s.consumer(t, "REFUNDS", "refunds.results.>")
	first := card("rf/1:a#b")
	first.Metadata, first.TraceParent = map[string]string{"order": "A-17"}, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	publish(ctx, t, s, first, first, card("rf-2"))
	result, err := s.Wait(ctx, first.RefundID)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != client.Succeeded || result.Amount != 90000 || result.Error != nil || result.Metadata["order"] != "A-17" ||
		result.TraceParent != first.TraceParent || result.Environment != "simulator" || result.EventID() != first.RefundID+".succeeded" {
		t.Errorf("result %+v", result)
	}
	seen := map[string]int{}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	err = s.Results(reading, "shop", func(_ context.Context, r client.Result) error {
		if seen[r.EventID()]++; len(seen) == 2 {
			stop()
		}
		return nil
	})
	if err != nil || seen[first.RefundID+".succeeded"] != 1 || seen["rf-2.succeeded"] != 1 {
		t.Errorf("read %v, %v", seen, err)
	}
	if book := s.stack.DOKU.Book(); book.Total.Movements != 2 {
		t.Errorf("money moved %d times", book.Total.Movements)
	}
}

func TestAJobThatBreaksARuleIsNotPublished(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, false)
	for field, spoil := range map[string]func(*client.Job){
		"refund_id":             func(j *client.Job) { j.RefundID = "rf 1" },
		"channel":               func(j *client.Job) { j.Channel = "paper" },
		"amount":                func(j *client.Job) { j.Amount = 0 },
		"original_request_id":   func(j *client.Job) { j.OriginalRequestID = "" },
		"customer.access_token": func(j *client.Job) { j.Channel, j.InvoiceNumber = client.DirectDebitMandiri, "INV-1" },
	} {
		j := card("rf-1")
		spoil(&j)
		_, err := s.Publish(ctx, j)
		var broken *client.JobError
		if !errors.Is(err, client.ErrInvalidJob) || !errors.As(err, &broken) || broken.Problems[0].Field != field || broken.Problems[0].Rule == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	info, err := s.stack.JS.Stream(ctx, "REFUND_JOBS")
	if err != nil || info.CachedInfo().State.LastSeq != 0 {
		t.Errorf("%d messages published, %v", info.CachedInfo().State.LastSeq, err)
	}
}

func TestPublishTellsWhetherToRepeat(t *testing.T) {
	t.Parallel()
	t.Run("the queue is full", func(t *testing.T) {
		t.Parallel()
		s, ctx := newShop(t, false)
		jobs, err := s.stack.JS.Stream(ctx, "REFUND_JOBS")
		if err != nil {
			t.Fatal(err)
		}
		cfg := jobs.CachedInfo().Config
		cfg.MaxBytes = 1
		if _, err := s.stack.JS.UpdateStream(ctx, cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(ctx, card("rf-1")); !errors.Is(err, client.ErrRefused) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no stream", func(t *testing.T) {
		t.Parallel()
		s, ctx := newShop(t, false, func(o *client.Options) { o.PublishWithin = time.Second })
		if err := s.stack.JS.DeleteStream(ctx, "REFUND_JOBS"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(ctx, card("rf-1")); !errors.Is(err, client.ErrRefused) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nobody answers, then somebody does", func(t *testing.T) {
		t.Parallel()
		s, ctx := newShop(t, false)
		s.stack.NATS.Stop()
		restarted := make(chan error, 1)
		go func() { restarted <- s.stack.NATS.Restart() }()
		if _, err := s.Publish(ctx, card("rf-1")); err != nil {
			t.Errorf("got %v", err)
		}
		if err := <-restarted; err != nil {
			t.Error(err)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		t.Parallel()
		s, ctx := newShop(t, false, func(o *client.Options) { o.PublishWithin = 100 * time.Millisecond })
		s.stack.NATS.Stop()
		if _, err := s.Publish(ctx, card("rf-1")); !errors.Is(err, client.ErrUnacknowledged) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAResultThatWasNotHandledComesAgain(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, true)
	s.consumer(t, "REFUNDS", "refunds.results.>")
	publish(ctx, t, s, card("rf-1"))
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var seen []string
	err := s.Results(reading, "shop", func(_ context.Context, r client.Result) error {
		if seen = append(seen, r.EventID()); len(seen) == 1 {
			return fmt.Errorf("the shop's database is away: %w", client.ErrUnreadable) // the handler's errors are its own
		}
		stop()
		return nil
	})
	if err != nil || len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("read %v, %v", seen, err)
	}
}

// While a handler works, its message is kept from coming again.
func TestASlowHandlerGetsItsResultOnce(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, true)
	const ackWait = 300 * time.Millisecond
	s.consumer(t, "REFUNDS", "refunds.results.>", func(cfg *jetstream.ConsumerConfig) { cfg.AckWait = ackWait })
	publish(ctx, t, s, card("rf-1"))
	reading, stop := context.WithCancel(ctx)
	defer stop()
	handled, slow := 0, time.NewTimer(time.Hour)
	err := s.Results(reading, "shop", func(context.Context, client.Result) error {
		if handled++; handled == 1 {
			slow.Reset(4 * ackWait)
			<-slow.C
			publish(ctx, t, s, card("rf-2"))
			return nil
		}
		stop()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := s.stack.JS.Consumer(ctx, "REFUNDS", "shop")
	if err != nil {
		t.Fatal(err)
	}
	if n := consumer.CachedInfo().Delivered.Consumer; handled != 2 || n != 2 {
		t.Errorf("%d handled, %d delivered", handled, n)
	}
}

func TestReadingSurvivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, true)
	s.consumer(t, "REFUNDS", "refunds.results.>")
	publish(ctx, t, s, card("rf-1"))
	reading, stop := context.WithCancel(ctx)
	defer stop()
	seen := make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Results(reading, "shop", func(_ context.Context, r client.Result) error {
			seen <- r.RefundID
			return nil
		})
	}()
	if id := <-seen; id != "rf-1" {
		t.Fatal(id)
	}
	s.stack.NATS.Stop()
	if err := s.stack.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	publish(ctx, t, s, card("rf-2"))
	for id := <-seen; id != "rf-2"; id = <-seen { // an acknowledgement may have been lost with the server
		t.Logf("%s again", id)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAConsumerThatCannotServeIsRefused(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, false)
	nothing := func(context.Context, client.Result) error { return nil }
	for name, change := range map[string]func(*jetstream.ConsumerConfig){
		"":        nil,
		"records": func(cfg *jetstream.ConsumerConfig) { cfg.FilterSubject = "refunds.ledger.>" },
		"all":     func(cfg *jetstream.ConsumerConfig) { cfg.FilterSubject = "" },
		"no acks": func(cfg *jetstream.ConsumerConfig) { cfg.AckPolicy = jetstream.AckNonePolicy },
	} {
		if change != nil {
			s.consumer(t, "REFUNDS", "refunds.results.>", change)
		}
		if err := s.Results(ctx, "shop", nothing); !errors.Is(err, client.ErrNoConsumer) {
			t.Errorf("%q: %v", name, err)
		}
		_ = s.stack.JS.DeleteConsumer(ctx, "REFUNDS", "shop")
	}
}

func TestAMessageOfAnotherVersionEndsTheReadingAndStays(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, false)
	s.consumer(t, "REFUNDS", "refunds.results.>")
	if _, err := s.stack.JS.Publish(ctx, "refunds.results.credit_card.succeeded.rf-1", []byte(`{"v":2}`)); err != nil {
		t.Fatal(err)
	}
	err := s.Results(ctx, "shop", func(context.Context, client.Result) error { return nil })
	if !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Wait(ctx, "rf-1"); !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("Wait: %v", err)
	}
	consumer, err := s.stack.JS.Consumer(ctx, "REFUNDS", "shop")
	if err != nil || consumer.CachedInfo().AckFloor.Stream != 0 {
		t.Errorf("it was acknowledged, %v", err)
	}
}

func TestNoticesTellOfAConflict(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, true)
	s.consumer(t, "REFUND_DEAD", "refunds.notices.>")
	publish(ctx, t, s, card("rf-1"))
	if _, err := s.Wait(ctx, "rf-1"); err != nil {
		t.Fatal(err)
	}
	other := card("rf-1")
	other.Amount++
	receipt, err := s.Publish(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var got client.Notice
	err = s.Notices(reading, "shop", func(_ context.Context, n client.Notice) error {
		got = n
		stop()
		return nil
	})
	if err != nil || got.Sequence != receipt.Sequence || got.Reason != "refund_id_conflict" || got.RefundID != "rf-1" || got.Channel != client.CreditCard {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWaitEndsWithItsContextAndTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, false)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := s.Wait(short, "rf-1"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrNoResult) {
		t.Errorf("no result: %v", err)
	}
	if _, err := s.Wait(ctx, "*"); !errors.Is(err, client.ErrInvalidJob) {
		t.Errorf("a wildcard: %v", err)
	}
	if err := s.stack.JS.DeleteStream(ctx, "REFUNDS"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Wait(ctx, "rf-1"); !errors.Is(err, client.ErrRefused) {
		t.Errorf("no stream: %v", err)
	}
}

func TestACustomersTokenShowsItselfNowhere(t *testing.T) {
	t.Parallel()
	const token = "t0ken-of-a-customer"
	j := card("rf-1")
	j.Customer = client.Customer{AccessToken: client.NewSecret(token)}
	if text := fmt.Sprintf("%v %+v %#v", j, j, j); strings.Contains(text, token) {
		t.Error(text)
	}
}

// Every member of a result of the contract has its field, of the same name.
func TestAResultHasEveryMember(t *testing.T) {
	t.Parallel()
	of := func(v any) (names []string) {
		for f := range reflect.TypeOf(v).Fields() {
			names = append(names, f.Name)
		}
		return names
	}
	have := strings.Join(of(client.Result{}), " ")
	if want := strings.Join(append(of(jobs.Result{}), "TraceParent"), " "); !equalSets(have, want) {
		t.Errorf("Result has %s, the codec %s", have, want)
	}
	for status, want := range map[client.Status]refund.State{
		client.Succeeded: refund.Succeeded, client.Failed: refund.Failed, client.Rejected: refund.Rejected, client.Unresolved: refund.Unresolved,
	} {
		if string(status) != want.String() {
			t.Errorf("%s is %s", status, want)
		}
	}
	if len(of(client.Notice{})) != len(of(stream.Notice{}))-1 { // all but the version
		t.Errorf("Notice has %q, the codec %q", of(client.Notice{}), of(stream.Notice{}))
	}
}

func equalSets(a, b string) bool {
	set := map[string]int{}
	for _, name := range strings.Fields(a) {
		set[name]++
	}
	for _, name := range strings.Fields(b) {
		set[name]--
	}
	for _, n := range set {
		if n != 0 {
			return false
		}
	}
	return true
}
