package stream_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

var (
	ours   = stream.Owner{ClientID: "BRN-1", Environment: "sandbox"}
	theirs = stream.Owner{ClientID: "BRN-2", Environment: "sandbox"}
)

// setUp runs a setup for our own merchant that may not begin a ledger by force.
func setUp(t *testing.T, js jetstream.JetStream) (stream.SetupReport, error) {
	t.Helper()
	return stream.SetupConfig{Owner: ours}.Run(t.Context(), js)
}

func put(t *testing.T, js jetstream.JetStream, subject string) {
	t.Helper()
	if _, err := js.Publish(t.Context(), subject, []byte("{}")); err != nil {
		t.Fatal(err)
	}
}

// finish takes one job and acknowledges it.
func finish(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	consumer, err := js.Consumer(t.Context(), stream.Jobs, "worker_credit_card")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func drop(t *testing.T, js jetstream.JetStream, stream string) {
	t.Helper()
	if err := js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
}

// recreate makes REFUNDS as an administrator might after its loss: empty.
func recreate(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for _, cfg := range stream.Configs(1) {
		if cfg.Name == stream.Refunds {
			if _, err := js.CreateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSetupRefusesToBeginALedgerWhereOneMustHaveBeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(*testing.T, jetstream.JetStream)
		says string
	}{
		"ledger missing, a job queued": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.jobs.credit_card")
			drop(t, js, stream.Refunds)
		}, "REFUND_JOBS has taken 1 messages"},
		"ledger missing, a job finished": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.jobs.credit_card")
			finish(t, js)
			drop(t, js, stream.Refunds)
		}, "REFUND_JOBS has taken 1 messages"},
		"ledger missing, a wait": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.due.credit_card")
			drop(t, js, stream.Refunds)
		}, "REFUND_WAITS has taken 1 messages"},
		"ledger missing, a dead letter": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.dead.credit_card")
			drop(t, js, stream.Refunds)
		}, "REFUND_DEAD has taken 1 messages"},
		"ledger empty, younger than a job": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.jobs.credit_card")
			drop(t, js, stream.Refunds)
			recreate(t, js)
		}, "younger than messages of REFUND_JOBS"},
		"ledger empty, a job finished": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.jobs.credit_card")
			put(t, js, "refunds.jobs.credit_card")
			finish(t, js)
			drop(t, js, stream.Refunds)
			recreate(t, js)
			finish(t, js)
		}, "2 jobs of REFUND_JOBS were finished"},
		"ledger empty, a wait": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.due.credit_card")
		}, "REFUND_WAITS has taken 1 waits"},
		"ledger empty, dead letters and no job ever": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.dead.credit_card")
		}, "REFUND_DEAD has taken 1 messages"},
		"ledger emptied": {func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.ledger.credit_card.sending.rf-1")
			stream, err := js.Stream(t.Context(), stream.Refunds)
			if err != nil {
				t.Fatal(err)
			}
			cfg := stream.CachedInfo().Config
			cfg.MaxMsgs = 1 // as an administrator may by mistake
			cfg.Subjects = append(cfg.Subjects, "x")
			if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			put(t, js, "x")
			cfg.MaxMsgs, cfg.Subjects, cfg.MaxAge, cfg.Duplicates = -1, cfg.Subjects[:2], 100*time.Millisecond, 100*time.Millisecond
			if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			for stream.CachedInfo().State.Msgs > 0 {
				if _, err := stream.Info(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			cfg.MaxAge = 0
			if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}, "has had 2 records and holds none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, js := newBroker(t, nil)
			if _, err := setUp(t, js); err != nil {
				t.Fatal(err)
			}
			c.lose(t, js)
			report, err := setUp(t, js)
			if !errors.Is(err, stream.ErrLedgerLost) || !errors.Is(err, stream.ErrCannotSetUp) || len(report.Created) != 0 {
				t.Fatalf("%+v, err %v", report, err)
			}
			checkTellsTheLoss(t, js, c.says)
			if text := err.Error(); !strings.Contains(text, c.says) || !strings.Contains(text, "restore REFUNDS from a backup") {
				t.Errorf("%s", text)
			}
		})
	}
}

// checkTellsTheLoss expects that a worker which may not set up, and therefore
// never judges whether a ledger may begin, is not let onto an emptied one either.
func checkTellsTheLoss(t *testing.T, js jetstream.JetStream, says string) {
	t.Helper()
	report, err := stream.Check(t.Context(), js, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(report.Problems, "\n")
	lost := strings.Contains(text, "the ledger was lost: ") && strings.Contains(text, says)
	if !lost && !strings.Contains(text, "missing: stream REFUNDS") {
		t.Errorf("%q", text)
	}
}

// The other side: what an honest first start can look like must pass.
func TestSetupAcceptsEveryFirstStart(t *testing.T) {
	t.Parallel()
	for name, happen := range map[string]func(*testing.T, jetstream.JetStream){
		"nothing happened": func(*testing.T, jetstream.JetStream) {},
		"jobs came first":  func(t *testing.T, js jetstream.JetStream) { t.Helper(); put(t, js, "refunds.jobs.credit_card") },
		"a first job is no job": func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.jobs.credit_card")
			put(t, js, "refunds.dead.credit_card")
			finish(t, js)
		},
		"others were never used": func(t *testing.T, js jetstream.JetStream) { t.Helper(); drop(t, js, stream.Refunds) },
		"records, all else new": func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.ledger.credit_card.sending.rf-1")
			drop(t, js, stream.Jobs)
		},
		"records and waits": func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			put(t, js, "refunds.ledger.credit_card.waiting.rf-1")
			put(t, js, "refunds.due.credit_card")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, js := newBroker(t, nil)
			if _, err := setUp(t, js); err != nil {
				t.Fatal(err)
			}
			happen(t, js)
			if _, err := setUp(t, js); err != nil {
				t.Fatal(err)
			}
			if report, err := stream.Check(t.Context(), js, nil); err != nil || len(report.Problems) > 0 {
				t.Errorf("%q, %v", report.Problems, err)
			}
		})
	}
}

func TestEveryNewLedgerIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	report, err := setUp(t, js)
	if err != nil || len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0], "a new ledger began: ") {
		t.Fatalf("%q, err %v", report.Warnings, err)
	}
	if report, err = setUp(t, js); err != nil || len(report.Warnings) != 0 {
		t.Fatalf("again: %q, err %v", report.Warnings, err)
	}
}

// Where the whole storage is gone nothing is left to compare with.
func TestLedgerThatMustExistIsNeverBegun(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	must := stream.SetupConfig{Owner: ours, LedgerMustExist: true}
	report, err := must.Run(t.Context(), js)
	if !errors.Is(err, stream.ErrLedgerLost) || !strings.Contains(err.Error(), "LEDGER_MUST_EXIST") || len(report.Created) != 0 {
		t.Fatalf("%q, err %v", report.Created, err)
	}
	recreate(t, js) // by hand, for nobody
	if _, err := must.Run(t.Context(), js); !errors.Is(err, stream.ErrLedgerLost) {
		t.Fatalf("an empty ledger of nobody: %v", err)
	}
	drop(t, js, stream.Refunds)
	if _, err := setUp(t, js); err != nil {
		t.Fatal(err)
	}
	if _, err := must.Run(t.Context(), js); err != nil {
		t.Fatalf("a ledger that was set up for us: %v", err)
	}
}

func TestAdministratorMayBeginANewLedger(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	if _, err := setUp(t, js); err != nil {
		t.Fatal(err)
	}
	put(t, js, "refunds.jobs.credit_card")
	drop(t, js, stream.Refunds)
	if _, err := (stream.SetupConfig{Owner: ours, NewLedger: true}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if _, err := setUp(t, js); err != nil { // a worker with SETUP=true
		t.Fatalf("the administrator's word is forgotten: %v", err)
	}
	put(t, js, "refunds.ledger.credit_card.sending.rf-1")
	if _, err := (stream.SetupConfig{Owner: ours, NewLedger: true}).Run(t.Context(), js); !errors.Is(err, stream.ErrCannotSetUp) {
		t.Fatalf("a ledger that holds records was begun anew: %v", err)
	}
}

// Compare-and-set is per refund: nothing else would keep two merchants apart on
// an empty ledger.
func TestOfTwoMerchantsThatSetUpAtOnceOneOwnsTheLedger(t *testing.T) {
	t.Parallel()
	for range 20 {
		_, js := newBroker(t, nil)
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, owner := range []stream.Owner{ours, theirs} {
			wg.Go(func() { _, errs[i] = stream.SetupConfig{Owner: owner}.Run(t.Context(), js) })
		}
		wg.Wait()
		report, err := stream.Check(t.Context(), js, channel.All())
		if err := errors.Join(errs[0], errs[1], err); err != nil {
			t.Fatal(err)
		}
		if report.Owner != ours && report.Owner != theirs {
			t.Fatalf("the ledger belongs to %s", report.Owner)
		}
	}
}

func TestJobsLeaveRoomInASmallAccount(t *testing.T) {
	t.Parallel()
	srv, js := newBroker(t, nil)
	acc, err := srv.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]server.JetStreamAccountLimits{"": {
		MaxMemory: -1, MaxStore: 64 << 20, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
	}}
	if err := acc.UpdateJetStreamLimits(limits); err != nil {
		t.Fatal(err)
	}
	report, err := setUp(t, js)
	if err != nil || !strings.Contains(strings.Join(report.Warnings, "\n"), "REFUND_JOBS gets 4194304 bytes instead of 1073741824") {
		t.Fatalf("%q, err %v", report.Warnings, err)
	}
	if cfg := streamConfig(t, js, stream.Jobs); cfg.MaxBytes != 4<<20 || cfg.Discard != jetstream.DiscardNew {
		t.Fatalf("%+v", cfg)
	}
}

func TestJobsLeaveRoomOnASmallServer(t *testing.T) {
	t.Parallel()
	for megabytes, want := range map[int64]int64{8: 1, 64: 4, 100: 4, 600: 32, 2048: 1024} {
		_, js := newBroker(t, func(o *server.Options) { o.JetStreamMaxStore = megabytes << 20 })
		report, err := setUp(t, js)
		if got := streamConfig(t, js, stream.Jobs).MaxBytes >> 20; err != nil || got != want {
			t.Errorf("%d MiB of storage: %d for jobs, want %d (%q, err %v)", megabytes, got, want, report.Warnings, err)
		}
	}
}

func TestJobsGetHalfOfASmallServerWhereMoreIsAskedFor(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, func(o *server.Options) { o.JetStreamMaxStore = 64 << 20 })
	report, err := stream.SetupConfig{JobsMaxBytes: 128 << 20}.Run(t.Context(), js)
	if got := streamConfig(t, js, stream.Jobs).MaxBytes; err != nil || got != 32<<20 {
		t.Errorf("%d (%q, err %v)", got, report.Warnings, err)
	}
}

func TestJobsGetTheSizeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	if _, err := (stream.SetupConfig{JobsMaxBytes: 5 << 20}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if got := streamConfig(t, js, stream.Jobs).MaxBytes; got != 5<<20 {
		t.Fatalf("%d", got)
	}
}

func TestAccountThatRequiresSizesIsSaidToBeUnfit(t *testing.T) {
	t.Parallel()
	srv, js := newBroker(t, nil)
	acc, err := srv.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]server.JetStreamAccountLimits{"": {
		MaxMemory: -1, MaxStore: 1 << 30, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1,
		MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1, MaxBytesRequired: true,
	}}
	if err := acc.UpdateJetStreamLimits(limits); err != nil {
		t.Fatal(err)
	}
	report, err := setUp(t, js)
	if !errors.Is(err, stream.ErrCannotSetUp) || !strings.Contains(err.Error(), "max_bytes_required") || !strings.Contains(err.Error(), "REFUND_WAITS may have none") {
		t.Fatalf("%v", err)
	}
	if len(report.Created) != 0 {
		t.Errorf("created all the same: %q", report.Created)
	}
}

// busyDuring is a server on which a first job comes and becomes a dead letter
// while the streams are looked up.
type busyDuring struct {
	jetstream.JetStream
	happen func()
}

func (b *busyDuring) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.JetStream.Stream(ctx, name)
	if name == stream.Jobs && b.happen != nil {
		b.happen()
		b.happen = nil
	}
	return s, err
}

func TestJobsThatComeDuringTheCheckAreNoLoss(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	if _, err := setUp(t, js); err != nil {
		t.Fatal(err)
	}
	first := func() {
		put(t, js, "refunds.jobs.credit_card")
		put(t, js, "refunds.dead.credit_card")
		finish(t, js)
	}
	if report, err := stream.Check(t.Context(), &busyDuring{js, first}, nil); err != nil || len(report.Problems) > 0 {
		t.Errorf("Check: %q, %v", report.Problems, err)
	}
	_, empty := newBroker(t, nil)
	other := func() {
		if _, err := setUp(t, empty); err != nil {
			t.Fatal(err)
		}
		put(t, empty, "refunds.jobs.credit_card")
		put(t, empty, "refunds.dead.credit_card")
	}
	if _, err := setUp(t, &busyDuring{empty, other}); err != nil {
		t.Errorf("beside another setup: %v", err)
	}
}
