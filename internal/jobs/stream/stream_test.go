package stream_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// newBroker starts a server with JetStream on files and returns it with a
// connection.
func newBroker(t *testing.T, alter func(*server.Options)) (*server.Server, jetstream.JetStream) {
	t.Helper()
	opts := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}
	if alter != nil {
		alter(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server is not ready")
	}
	return srv, connect(t, srv)
}

func connect(t *testing.T, srv *server.Server, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(srv.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// newStreams is a broker on which setup has run.
func newStreams(t *testing.T) jetstream.JetStream {
	t.Helper()
	_, js := newBroker(t, nil)
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	return js
}

func streamConfig(t *testing.T, js jetstream.JetStream, name string) jetstream.StreamConfig {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Metadata = nil // the server's own notes
	return cfg
}

// What the server answers, not what we asked for: it fills in defaults.
func TestStreamsAreTheContracts(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	common := jetstream.StreamConfig{
		MaxConsumers: -1, MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1,
		Storage: jetstream.FileStorage, Replicas: 1, Duplicates: 2 * time.Minute,
	}
	queue, waits, ledger, dead := common, common, common, common
	queue.Name, queue.Retention, queue.Discard, queue.MaxMsgSize = "REFUND_JOBS", jetstream.WorkQueuePolicy, jetstream.DiscardNew, 65536
	queue.MaxBytes = 1 << 30
	queue.DenyDelete, queue.DenyPurge = true, true
	queue.Subjects = []string{
		"refunds.jobs.credit_card", "refunds.jobs.direct_debit_mandiri", "refunds.jobs.direct_debit_bri", "refunds.jobs.direct_debit_cimb",
		"refunds.jobs.direct_debit_allo", "refunds.jobs.emoney_ovo", "refunds.jobs.emoney_dana", "refunds.jobs.emoney_shopeepay",
	}
	waits.Name, waits.Retention, waits.Subjects = "REFUND_WAITS", jetstream.WorkQueuePolicy, []string{"refunds.retry.*.*", "refunds.due.*"}
	waits.AllowMsgSchedules, waits.AllowDirect = true, true
	waits.AllowRollup = true // by the server, together with schedules
	ledger.Name, ledger.Subjects = "REFUNDS", []string{"refunds.ledger.*.*.*", "refunds.results.*.*.*"}
	ledger.DenyDelete, ledger.DenyPurge, ledger.AllowDirect = true, true, true
	ledger.AllowAtomicPublish = true
	dead.Name, dead.Subjects, dead.MaxAge = "REFUND_DEAD", []string{"refunds.dead.*", "refunds.notices.*"}, 90*24*time.Hour
	for _, want := range []jetstream.StreamConfig{queue, waits, ledger, dead} {
		if got := streamConfig(t, js, want.Name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", want.Name, got, want)
		}
	}
}

func TestConsumersAreTheContracts(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	found := 0
	for _, ch := range channel.All() {
		for _, c := range []struct{ stream, name, filter string }{
			{"REFUND_JOBS", "worker_" + string(ch), "refunds.jobs." + string(ch)},
			{"REFUND_WAITS", "due_" + string(ch), "refunds.due." + string(ch)},
		} {
			consumer, err := js.Consumer(t.Context(), c.stream, c.name)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got := consumer.CachedInfo().Config
			got.Metadata = nil
			want := jetstream.ConsumerConfig{
				Name: c.name, Durable: c.name, FilterSubject: c.filter, AckPolicy: jetstream.AckExplicitPolicy,
				AckWait: 30 * time.Second, MaxDeliver: -1, MaxAckPending: 512, MaxWaiting: 512,
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s\n got %+v\nwant %+v", c.name, got, want)
			}
			found++
		}
	}
	if found != 16 {
		t.Errorf("%d consumers", found)
	}
}

func TestServerRefusesWhatTheContractForbids(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	const subject = "refunds.jobs.credit_card"
	for name, c := range map[string]struct {
		subject string
		size    int
		header  nats.Header
		code    jetstream.ErrorCode // 0: stored
	}{
		"64 KiB":                  {subject, 65536, nil, 0},
		"more than 64 KiB":        {subject, 65537, nil, 10054},
		"headers count as well":   {subject, 65536, nats.Header{"x": {"y"}}, 10054},
		"roll-up of a job":        {subject, 1, nats.Header{"Nats-Rollup": {"sub"}}, 10111},
		"roll-up of all jobs":     {subject, 1, nats.Header{"Nats-Rollup": {"all"}}, 10111},
		"schedule among jobs":     {subject, 1, nats.Header{"Nats-Schedule": {"@at 2099-01-01T00:00:00Z"}, "Nats-Schedule-Target": {subject}}, 10188},
		"job that expires":        {subject, 1, nats.Header{"Nats-TTL": {"1s"}}, 10166},
		"roll-up of records":      {"refunds.results.credit_card.failed.rf-1", 1, nats.Header{"Nats-Rollup": {"all"}}, 10111},
		"schedule among records":  {"refunds.ledger.credit_card.sending.rf-1", 1, nats.Header{"Nats-Schedule": {"@at 2099-01-01T00:00:00Z"}, "Nats-Schedule-Target": {"refunds.ledger.credit_card.unknown.rf-1"}}, 10188},
		"record that expires":     {"refunds.ledger.credit_card.sending.rf-1", 1, nats.Header{"Nats-TTL": {"1s"}}, 10166},
		"wait far in the future":  {"refunds.retry.credit_card.rf-1", 1, nats.Header{"Nats-Schedule": {"@at 2099-01-01T00:00:00Z"}, "Nats-Schedule-Target": {"refunds.due.credit_card"}}, 0},
		"record of any size":      {"refunds.results.credit_card.failed.rf-1", 200_000, nil, 0},
		"dead letter of any size": {"refunds.dead.credit_card", 200_000, nil, 0},
	} {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: c.subject, Header: c.header, Data: make([]byte, c.size)})
		var refused *jetstream.APIError
		switch {
		case c.code == 0 && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.code != 0 && (!errors.As(err, &refused) || refused.ErrorCode != c.code):
			t.Errorf("%s: %v, want %d", name, err, c.code)
		}
	}
}

// A job for a channel that does not exist must not vanish in a stream.
func TestUnknownChannelHasNoStream(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	_, err := js.Publish(t.Context(), "refunds.jobs.debit_card", []byte("{}"), jetstream.WithRetryAttempts(0))
	if !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Fatal(err)
	}
}

func TestJobsAndRecordsCanBeNeitherDeletedNorPurged(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	for subject, name := range map[string]string{
		"refunds.jobs.credit_card": stream.Jobs, "refunds.ledger.credit_card.sending.rf-1": stream.Refunds,
	} {
		ack, err := js.Publish(t.Context(), subject, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if stream.DeleteMsg(t.Context(), ack.Sequence) == nil || stream.Purge(t.Context()) == nil {
			t.Errorf("%s: deleted or purged", name)
		}
		if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
			t.Errorf("%s: %v, err %v", name, info, err)
		}
	}
}

func TestSetupCreatesOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	report, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js)
	if err != nil || len(report.Created) != 20 || report.Created[0] != "REFUNDS" || report.Created[3] != "REFUND_JOBS" || !slices.Contains(report.Created, "REFUND_WAITS/due_emoney_ovo") {
		t.Fatalf("%q, err %v", report.Created, err)
	}
	if report, err = (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil || len(report.Created) != 0 {
		t.Fatalf("again: %q, err %v", report.Created, err)
	}
	if err := errors.Join(js.DeleteStream(t.Context(), "REFUND_DEAD"), js.DeleteConsumer(t.Context(), "REFUND_JOBS", "worker_emoney_dana")); err != nil {
		t.Fatal(err)
	}
	report, err = (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js)
	if err != nil || !slices.Equal(report.Created, []string{"REFUND_DEAD", "REFUND_JOBS/worker_emoney_dana"}) {
		t.Fatalf("after a loss: %q, err %v", report.Created, err)
	}
}

func TestSetupNeverAltersWhatIsThere(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	unfit := jetstream.StreamConfig{Name: "REFUND_WAITS", Subjects: []string{"refunds.due.*"}, MaxMsgs: 7}
	if _, err := js.CreateStream(t.Context(), unfit); err != nil {
		t.Fatal(err)
	}
	push := jetstream.ConsumerConfig{Durable: "due_credit_card", DeliverSubject: "elsewhere", FilterSubject: "refunds.due.credit_card"}
	if _, err := js.CreatePushConsumer(t.Context(), "REFUND_WAITS", push); err != nil {
		t.Fatal(err)
	}
	before := streamConfig(t, js, "REFUND_WAITS")
	report, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js)
	if err != nil || len(report.Created) != 18 {
		t.Fatalf("%d: %q, err %v", len(report.Created), report.Created, err)
	}
	if after := streamConfig(t, js, "REFUND_WAITS"); !reflect.DeepEqual(after, before) {
		t.Fatalf("altered: %+v", after)
	}
	if _, err := js.PushConsumer(t.Context(), "REFUND_WAITS", "due_credit_card"); err != nil {
		t.Fatalf("altered: %v", err)
	}
}

func TestSetupsAtTheSameTimeDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	report, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || len(report.Problems) != 0 {
		t.Fatalf("%q, err %v", report.Problems, err)
	}
}

func TestSetupNamesWhatItCouldNotCreate(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"refunds.dead.>"}}); err != nil {
		t.Fatal(err)
	}
	report, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js)
	var refused *jetstream.APIError
	if !errors.As(err, &refused) || !errors.Is(err, stream.ErrCannotSetUp) || !slices.Equal(report.Created, []string{"REFUNDS", "REFUND_WAITS"}) {
		t.Fatalf("%q, err %v", report.Created, err)
	}
	if text := err.Error(); !strings.Contains(text, "refunds.dead.>") || !strings.Contains(text, "of stream OTHER") {
		t.Errorf("the other stream is not named: %s", text)
	}
	if want := "set up stream REFUND_DEAD: "; fmt.Sprint(err)[:len(want)] != want {
		t.Fatal(err)
	}
}

// A server that stands alone will never have room for replicas: to try again
// each second would tell nobody that the setting is wrong.
func TestReplicasOnAServerThatStandsAloneCannotBeSetUp(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	if _, err := (stream.SetupConfig{Replicas: 3}).Run(t.Context(), js); !errors.Is(err, stream.ErrCannotSetUp) || !strings.Contains(err.Error(), "REPLICAS") {
		t.Fatalf("err %v", err)
	}
}
