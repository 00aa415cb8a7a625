package stream_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

const oneReplica = "one replica only, so that one lost disk loses it: REFUND_JOBS, REFUND_WAITS, REFUNDS, REFUND_DEAD"

func TestFreshSetupPassesTheCheck(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	got, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || len(got.Problems) != 0 || !slices.Equal(got.Warnings, []string{oneReplica}) || got.DeadLetterSize != 0 {
		t.Fatalf("%+v, err %v", got, err)
	}
	if len(got.Consumers) != 16 {
		t.Fatalf("%d consumers", len(got.Consumers))
	}
	for name, limits := range got.Consumers {
		if limits != (stream.ConsumerLimits{AckWait: 30 * time.Second, MaxAckPending: 512}) {
			t.Errorf("%s: %+v", name, limits)
		}
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	got, err := stream.Check(t.Context(), js, channel.All())
	if want := []string{"missing: stream REFUND_JOBS, stream REFUND_WAITS, stream REFUNDS, stream REFUND_DEAD"}; err != nil || !slices.Equal(got.Problems, want) {
		t.Fatalf("%q, err %v", got.Problems, err)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), "REFUND_WAITS", "due_credit_card"); err != nil {
		t.Fatal(err)
	}
	got, err = stream.Check(t.Context(), js, channel.All())
	if want := []string{"missing: consumer due_credit_card on REFUND_WAITS"}; err != nil || !slices.Equal(got.Problems, want) {
		t.Fatalf("%q, err %v", got.Problems, err)
	}
	got, err = stream.Check(t.Context(), js, []channel.Channel{channel.EmoneyOVO})
	if err != nil || len(got.Problems) != 0 || len(got.Consumers) != 2 {
		t.Fatalf("a channel that this worker does not serve: %+v, err %v", got, err)
	}
}

func TestCheckTakesAnOperatorsLimitsAndWarns(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	consumer, err := js.Consumer(t.Context(), "REFUND_JOBS", "worker_credit_card")
	if err != nil {
		t.Fatal(err)
	}
	cfg := consumer.CachedInfo().Config
	cfg.AckWait, cfg.MaxAckPending = 2*time.Minute, 64
	if _, err := js.UpdateConsumer(t.Context(), "REFUND_JOBS", cfg); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Check(t.Context(), js, channel.All())
	want := []string{
		oneReplica,
		"consumer worker_credit_card on REFUND_JOBS: AckWait is 2m0s, set up as 30s",
		"consumer worker_credit_card on REFUND_JOBS: MaxAckPending is 64, set up as 512",
	}
	if err != nil || len(got.Problems) != 0 || !slices.Equal(got.Warnings, want) {
		t.Fatalf("%+v, err %v", got, err)
	}
	if got.Consumers["worker_credit_card"] != (stream.ConsumerLimits{AckWait: 2 * time.Minute, MaxAckPending: 64}) {
		t.Fatalf("%+v", got.Consumers["worker_credit_card"])
	}
}

// altered is a JetStream whose answers about configurations are changed on the
// way, for most of what is checked cannot be had of one real stream.
type altered struct {
	jetstream.JetStream
	stream   func(*jetstream.StreamConfig)
	consumer func(*jetstream.ConsumerConfig)
}

type alteredStream struct {
	jetstream.Stream
	info *jetstream.StreamInfo
}

func (s alteredStream) CachedInfo() *jetstream.StreamInfo { return s.info }

func (a altered) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	stream, err := a.JetStream.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	info := *stream.CachedInfo()
	info.Config.Replicas = 3
	if a.stream != nil {
		a.stream(&info.Config)
	}
	return alteredStream{stream, &info}, nil
}

type alteredConsumer struct {
	jetstream.Consumer
	info *jetstream.ConsumerInfo
}

func (c alteredConsumer) CachedInfo() *jetstream.ConsumerInfo { return c.info }

func (a altered) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	consumer, err := a.JetStream.Consumer(ctx, stream, name)
	if err != nil {
		return nil, err
	}
	info := *consumer.CachedInfo()
	if a.consumer != nil {
		a.consumer(&info.Config)
	}
	return alteredConsumer{consumer, &info}, nil
}

func TestUnfitStreamForbidsTheStart(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	type config = jetstream.StreamConfig
	const (
		limits = "has a limit of messages, messages per subject or message size: it would drop or refuse refunds"
		others = "takes in or changes what others publish (mirror, sources or a subject transform)"
	)
	for _, c := range []struct {
		streams string // those on which the change is a problem
		want    string
		alter   func(*config)
	}{
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", "listens to other subjects than it must", func(c *config) { c.Subjects = append(c.Subjects, "refunds.x") }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", "has another retention than it must", func(c *config) { c.Retention = jetstream.InterestPolicy }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", "is not on file storage", func(c *config) { c.Storage = jetstream.MemoryStorage }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", others, func(c *config) { c.Sources = []*jetstream.StreamSource{{Name: "X"}} }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", others, func(c *config) { c.Mirror = &jetstream.StreamSource{Name: "X"} }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", others, func(c *config) { c.SubjectTransform = &jetstream.SubjectTransformConfig{} }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", "does not acknowledge, or is sealed", func(c *config) { c.NoAck = true }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", "does not acknowledge, or is sealed", func(c *config) { c.Sealed = true }},
		{"REFUND_JOBS REFUND_WAITS REFUNDS REFUND_DEAD", "acknowledges before it has written (persist mode async)", func(c *config) { c.PersistMode = jetstream.AsyncPersistMode }},
		{"REFUND_JOBS", "has another discard policy than it must", func(c *config) { c.Discard = jetstream.DiscardOld }},
		{"REFUND_WAITS", "has another discard policy than it must", func(c *config) { c.Discard = jetstream.DiscardNew }},
		{"REFUND_WAITS REFUNDS", limits, func(c *config) { c.MaxMsgs = 1_000_000 }},
		{"REFUND_WAITS", "has a limit of bytes: it would drop refunds that wait", func(c *config) { c.MaxBytes = 1 << 30 }},
		{"REFUND_WAITS", "has a limit of bytes: it would drop refunds that wait", func(c *config) { c.MaxBytes, c.Discard = 1<<30, jetstream.DiscardNew }},
		{"REFUNDS", "has a limit of bytes without discard new: it would drop records", func(c *config) { c.MaxBytes = 1 << 30 }},
		{"REFUND_WAITS REFUNDS", limits, func(c *config) { c.MaxMsgSize = 1 << 19 }},
		{"REFUND_JOBS REFUND_WAITS", "has a limit of age: it would drop refunds", func(c *config) { c.MaxAge = 1000 * 24 * time.Hour }},
		{"REFUND_WAITS", "does not allow message schedules", func(c *config) { c.AllowMsgSchedules = false }},
		{"REFUND_JOBS", "allows roll-ups or message schedules: a producer's header could erase jobs", func(c *config) { c.AllowRollup = true }},
		{"REFUNDS", "allows roll-ups or message schedules: a header could erase records", func(c *config) { c.AllowMsgSchedules = true }},
	} {
		for _, name := range strings.Fields(c.streams) {
			got := checkAltered(t, js, name, c.alter)
			if want := "stream " + name + " " + c.want; !slices.Contains(got.Problems, want) {
				t.Errorf("%s: %q", want, got.Problems)
			}
		}
		for _, name := range []string{"REFUND_JOBS", "REFUND_WAITS", "REFUNDS", "REFUND_DEAD"} {
			if got := checkAltered(t, js, name, c.alter); !strings.Contains(c.streams+" ", name+" ") && slices.Contains(got.Problems, "stream "+name+" "+c.want) {
				t.Errorf("%s %s: too strict", name, c.want)
			}
		}
	}
}

func checkAltered(t *testing.T, js jetstream.JetStream, name string, alter func(*jetstream.StreamConfig)) stream.Report {
	t.Helper()
	got, err := stream.Check(t.Context(), altered{JetStream: js, stream: func(c *jetstream.StreamConfig) {
		if c.Name == name {
			alter(c)
		}
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLimitPerSubjectOnEveryStreamThatMustNotDrop(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	for _, name := range []string{"REFUND_JOBS", "REFUND_WAITS", "REFUNDS"} {
		if got := checkAltered(t, js, name, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }); len(got.Problems) != 1 {
			t.Errorf("%s: %q", name, got.Problems)
		}
	}
}

func TestWeakStreamIsWarnedOf(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	for _, c := range []struct {
		stream, want string
		alter        func(*jetstream.StreamConfig)
	}{
		{"REFUNDS", "keeps records for less than 400 days", func(c *jetstream.StreamConfig) { c.MaxAge = 400*24*time.Hour - 1 }},
		{"REFUNDS", "", func(c *jetstream.StreamConfig) { c.MaxAge = 400 * 24 * time.Hour }},
		{"REFUNDS", "allows deleting or purging", func(c *jetstream.StreamConfig) { c.DenyDelete = false }},
		{"REFUND_JOBS", "allows deleting or purging", func(c *jetstream.StreamConfig) { c.DenyPurge = false }},
		{"REFUND_WAITS", "allows messages that expire by a header", func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }},
		{"REFUND_JOBS", "has another message size limit than 64 KiB", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 16 << 10 }},
		{"REFUND_JOBS", "", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }}, // refuses new ones: nothing is lost
		{"REFUND_JOBS", "has no limit of bytes: jobs can fill the storage that records need; run `refundctl setup --upgrade` as an administrator", func(c *jetstream.StreamConfig) { c.MaxBytes = -1 }},
		{"REFUNDS", "", func(c *jetstream.StreamConfig) { c.MaxBytes, c.Discard = 1<<30, jetstream.DiscardNew }}, // appends are refused, which is safe
		{"REFUND_DEAD", "", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }},
		{"REFUND_DEAD", "", func(c *jetstream.StreamConfig) { c.MaxBytes, c.Discard = 1<<20, jetstream.DiscardNew }},
		{"REFUND_DEAD", "has a limit without discard new: it drops dead letters that nobody has seen", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }},
		{"REFUND_DEAD", "has a limit without discard new: it drops dead letters that nobody has seen", func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }},
		{"REFUND_DEAD", "takes no notices of dead letters, as set up by an older version, so that producers learn of none: run `refundctl setup --upgrade` as an administrator", func(c *jetstream.StreamConfig) { c.Subjects = []string{"refunds.dead.*"} }},
		{"REFUNDS", "does not allow direct get, which readers use", func(c *jetstream.StreamConfig) { c.AllowDirect = false }},
		{"REFUND_DEAD", "republishes what it stores", func(c *jetstream.StreamConfig) { c.RePublish = &jetstream.RePublish{} }},
	} {
		got := checkAltered(t, js, c.stream, c.alter)
		want := []string{"stream " + c.stream + " " + c.want}
		if c.want == "" {
			want = nil
		}
		if len(got.Problems) != 0 || !slices.Equal(got.Warnings, want) {
			t.Errorf("%s: %q, %q", c.want, got.Problems, got.Warnings)
		}
	}
}

func TestUnfitConsumerForbidsTheStart(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	type config = jetstream.ConsumerConfig
	for _, c := range []struct {
		want  string
		alter func(*config)
	}{
		{"has another filter than it must", func(c *config) { c.FilterSubject = "refunds.jobs.*" }},
		{"has another filter than it must", func(c *config) { c.FilterSubjects = []string{"refunds.due.emoney_ovo"} }},
		{"does not want explicit acks", func(c *config) { c.AckPolicy = jetstream.AckNonePolicy }},
		{"limits deliveries: a job could end without a result", func(c *config) { c.MaxDeliver = 5 }},
		{"has a backoff of its own, which overrides AckWait", func(c *config) { c.BackOff = []time.Duration{time.Second} }},
		{"does not deliver all messages with their bodies", func(c *config) { c.HeadersOnly = true }},
		{"does not deliver all messages with their bodies", func(c *config) { c.DeliverPolicy = jetstream.DeliverNewPolicy }},
		{"wants priority groups", func(c *config) { c.PriorityPolicy = jetstream.PriorityPolicyPinned }},
		{"limits what one pull may ask for", func(c *config) { c.MaxRequestBatch = 1 }},
		{"limits what one pull may ask for", func(c *config) { c.MaxRequestExpires = time.Second }},
		{"limits what one pull may ask for", func(c *config) { c.MaxRequestMaxBytes = 1024 }},
		{"goes away when unused", func(c *config) { c.InactiveThreshold = time.Hour }},
	} {
		got, err := stream.Check(t.Context(), altered{JetStream: js, consumer: func(have *config) {
			if have.Durable == "due_emoney_ovo" {
				c.alter(have)
			}
		}}, channel.All())
		if want := []string{"consumer due_emoney_ovo on REFUND_WAITS " + c.want}; err != nil || !slices.Equal(got.Problems, want) {
			t.Errorf("%q, err %v", got.Problems, err)
		}
	}
}

func TestPushConsumerForbidsTheStart(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	if err := js.DeleteConsumer(t.Context(), "REFUND_JOBS", "worker_credit_card"); err != nil {
		t.Fatal(err)
	}
	push := jetstream.ConsumerConfig{
		Durable: "worker_credit_card", DeliverSubject: "elsewhere", FilterSubject: "refunds.jobs.credit_card", AckPolicy: jetstream.AckExplicitPolicy,
	}
	if _, err := js.CreatePushConsumer(t.Context(), "REFUND_JOBS", push); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Check(t.Context(), js, channel.All())
	if want := []string{"consumer worker_credit_card on REFUND_JOBS pushes: it must be a pull consumer"}; err != nil || !slices.Equal(got.Problems, want) {
		t.Fatalf("%q, err %v", got.Problems, err)
	}
}

// The permissions of setup and worker as far as the two functions use them.
func TestSetupAndCheckNeedNoMoreThanTheirUsersPermissions(t *testing.T) {
	t.Parallel()
	srv, _ := newBroker(t, func(o *server.Options) {
		o.Users = []*server.User{
			permitted("setup", "$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*",
				"$JS.API.STREAM.CREATE.REFUND_JOBS", "$JS.API.STREAM.CREATE.REFUND_WAITS", "$JS.API.STREAM.CREATE.REFUNDS",
				"$JS.API.STREAM.CREATE.REFUND_DEAD", "$JS.API.CONSUMER.CREATE.REFUND_JOBS.*.refunds.jobs.*",
				"$JS.API.CONSUMER.CREATE.REFUND_WAITS.*.refunds.due.*"),
			permitted("worker", "$JS.API.STREAM.INFO.REFUND_JOBS", "$JS.API.STREAM.INFO.REFUND_WAITS",
				"$JS.API.STREAM.INFO.REFUNDS", "$JS.API.STREAM.INFO.REFUND_DEAD",
				"$JS.API.CONSUMER.INFO.REFUND_JOBS.*", "$JS.API.CONSUMER.INFO.REFUND_WAITS.*"),
		}
		o.NoAuthUser = "setup"
	})
	denials := make(chan error, 100)
	as := func(user string) jetstream.JetStream {
		return connect(t, srv, nats.UserInfo(user, "x"), nats.CustomInboxPrefix("_INBOX_"+user),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denials <- err }))
	}
	if report, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), as("setup")); err != nil || len(report.Created) != 20 {
		t.Fatalf("%q, err %v", report.Created, err)
	}
	got, err := stream.Check(t.Context(), as("worker"), channel.All())
	if err != nil || len(got.Problems) != 0 || len(got.Consumers) != 16 {
		t.Fatalf("%+v, err %v", got, err)
	}
	if len(denials) != 0 {
		t.Fatal(<-denials)
	}
}

func permitted(user string, publish ...string) *server.User {
	return &server.User{Username: user, Password: "x", Permissions: &server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_" + user + ".>"}},
		Publish:   &server.SubjectPermission{Allow: publish},
	}}
}

func TestCheckWithoutAnAnswerIsAnError(t *testing.T) {
	t.Parallel()
	srv, js := newBroker(t, nil)
	srv.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	got, err := stream.Check(ctx, js, channel.All())
	if err == nil || len(got.Problems) != 0 || !strings.HasPrefix(err.Error(), "check stream REFUND_JOBS: ") {
		t.Fatalf("%+v, err %v", got, err)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(ctx, js); err == nil || errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatalf("setup: %v", err)
	}
}
