package stream_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// oldStreams is a broker as versions before owners, sizes and notices have set
// it up, with a message in each stream that an upgrade alters.
func oldStreams(t *testing.T) jetstream.JetStream {
	t.Helper()
	_, js := newBroker(t, nil)
	for _, cfg := range stream.Configs(1) {
		cfg.AllowAtomicPublish, cfg.MaxBytes = false, -1
		cfg.Subjects = slices.DeleteFunc(cfg.Subjects, func(s string) bool { return s == jobs.NoticeSubjects })
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{"refunds.ledger.credit_card.sending.rf-1", "refunds.jobs.credit_card", "refunds.dead.credit_card"} {
		put(t, js, subject)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	return js
}

func TestUpgradeEndsEveryWarningAboutAnOldSetupAndDropsNothing(t *testing.T) {
	t.Parallel()
	js := oldStreams(t)
	before, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || len(before.Problems) != 0 || strings.Count(strings.Join(before.Warnings, "\n"), "refundctl setup --upgrade") != 2 || !before.Owner.IsZero() {
		t.Fatalf("%+v, err %v", before, err)
	}
	done, warnings, err := stream.Upgrade{Owner: ours, JobsMaxBytes: 5 << 20}.Run(t.Context(), js)
	if err != nil || len(done) != 3 || len(warnings) != 0 {
		t.Fatalf("%q %q, err %v", done, warnings, err)
	}
	after, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || len(after.Problems) != 0 || !slices.Equal(after.Warnings, []string{oneReplica}) || after.Owner != ours || !after.NoticesTaken {
		t.Fatalf("%+v, err %v", after, err)
	}
	for _, name := range []string{stream.Jobs, stream.Refunds, stream.Dead} {
		if stream, err := js.Stream(t.Context(), name); err != nil || stream.CachedInfo().State.Msgs != 1 {
			t.Errorf("%s lost its message: %v", name, err)
		}
	}
	if done, _, err := (stream.Upgrade{Owner: ours}).Run(t.Context(), js); err != nil || len(done) != 0 {
		t.Errorf("again: %q, err %v", done, err)
	}
	if _, _, err := (stream.Upgrade{Owner: theirs}).Run(t.Context(), js); !errors.Is(err, stream.ErrCannotSetUp) {
		t.Errorf("the owner was replaced: %v", err)
	}
}

func TestUpgradeWithoutAnOwnerNamesNone(t *testing.T) {
	t.Parallel()
	js := oldStreams(t)
	if done, _, err := (stream.Upgrade{}).Run(t.Context(), js); err != nil || len(done) != 2 {
		t.Fatalf("%q, err %v", done, err)
	}
	if report, err := stream.Check(t.Context(), js, nil); err != nil || !report.Owner.IsZero() {
		t.Fatalf("%+v, err %v", report, err)
	}
}
