package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

func TestSetupMakesConsumersOfResultsAndNotices(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	e := b.runAs(t, "setup", "setup", "--result-consumer=shop", "--notice-consumer=orders", "--notice-consumer=pos", "--jobs-max-bytes=5MiB", "--doku-client-id=BRN-1", "--doku-env=simulator")
	if e.status != 0 {
		t.Fatalf("%+v", e)
	}
	holds(t, e.out, "created REFUNDS/shop", "created REFUND_DEAD/orders", "created REFUND_DEAD/pos", "warning a new ledger began")
	js := b.as(t, "setup")
	report, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || report.Owner != (stream.Owner{ClientID: "BRN-1", Environment: "simulator"}) {
		t.Errorf("%s, %v", report.Owner, err)
	}
	if stream, err := js.Stream(t.Context(), stream.Jobs); err != nil || stream.CachedInfo().Config.MaxBytes != 5<<20 {
		t.Errorf("REFUND_JOBS has not the size: %v", err)
	}
	if consumer, err := js.Consumer(t.Context(), stream.Dead, "orders"); err != nil || consumer.CachedInfo().Config.FilterSubject != "refunds.notices.>" {
		t.Errorf("orders would read dead letters: %v", err)
	}
	holds(t, b.runAs(t, "setup", "setup", "--notice-consumer=orders").out, "created 0;")
}

// compose.yaml passes them as environment variables, several separated by commas.
func TestConsumersMayBeSeparatedByCommas(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	e := b.runAs(t, "setup", "setup", "--result-consumer=shop,audit", "--notice-consumer=orders")
	holds(t, e.out, "created REFUNDS/shop", "created REFUNDS/audit", "created REFUND_DEAD/orders")
}

func TestSetupUnderAnotherUserSaysWhatWasDenied(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	if e := b.runAs(t, "setup", "setup"); e.status != 0 {
		t.Fatalf("%+v", e)
	}
	e := b.runAs(t, "worker", "setup", "--result-consumer=mine")
	if e.status == 0 || !strings.Contains(e.errors, "Permissions Violation") || strings.Contains(e.errors+e.out, "worker-secret") {
		t.Errorf("%+v", e)
	}
}

func TestBadSettingsOfSetupAreUsage(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, flags := range [][]string{{"--jobs-max-bytes=many"}, {"--jobs-max-bytes=1KiB"}, {"--replicas=2"}, {"--new-ledger", "--ledger-must-exist"}} {
		if e := b.runAs(t, "setup", append([]string{"setup"}, flags...)...); e.status != exitUsage {
			t.Errorf("%v: %+v", flags, e)
		}
	}
}

func TestSetupSaysWhyItBeginsNoNewLedger(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	if e := b.runAs(t, "setup", "setup", "--ledger-must-exist"); e.status != exitWrong || !strings.Contains(e.errors, "refused to begin a new ledger") {
		t.Errorf("%+v", e)
	}
}

// An administrator is anyone who may alter streams: nobody in the configuration
// that we ship.
func administrated(t *testing.T) broker {
	t.Helper()
	opts := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "admin", Password: "admin-secret"}},
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	b := broker{url: s.ClientURL()}
	b.js = b.as(t, "admin")
	for _, cfg := range stream.Configs(1) {
		cfg.MaxBytes = -1
		cfg.Subjects = slices.DeleteFunc(cfg.Subjects, func(s string) bool { return s == jobs.NoticeSubjects })
		if _, err := b.js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	b.ledger = ledgerOf(b.js, "BRN-1")
	return b
}

func TestUpgradeMendsWhatAnOlderVersionHasSetUp(t *testing.T) {
	t.Parallel()
	b := administrated(t)
	holds(t, b.runAs(t, "admin", "setup").out, "takes no notices of dead letters", "has no limit of bytes", "refundctl setup --upgrade")
	b.put(t, record("rf-1", refund.Waiting))
	if e := b.runAs(t, "admin", "setup", "--upgrade", "--doku-client-id=BRN-2", "--doku-env=simulator"); e.status != exitWrong || !strings.Contains(e.errors, "BRN-2") {
		t.Errorf("another's ledger was taken over: %+v", e)
	}
	e := b.runAs(t, "admin", "setup", "--upgrade")
	if e.status != 0 || strings.Contains(e.out, "refundctl setup --upgrade") {
		t.Errorf("%+v", e)
	}
	holds(t, e.out, `upgraded REFUNDS belongs to client id "BRN-1" in "simulator"`, "upgraded REFUND_DEAD takes notices", "upgraded REFUND_JOBS has a size of 1073741824 bytes")
	if _, err := b.js.Publish(t.Context(), "refunds.notices.credit_card", nil); err != nil {
		t.Error(err)
	}
}

func TestUpgradeNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Waiting))
	e := b.operator(t, "setup", "--upgrade")
	if e.status != exitWrong || !strings.Contains(e.errors, "denied by NATS") || !strings.Contains(e.errors, "STREAM.UPDATE") {
		t.Errorf("%+v", e)
	}
}

// A user that may create streams but not ask for the account's storage makes
// them all the same.
func TestSetupDoesWithoutOptionalPermissions(t *testing.T) {
	t.Parallel()
	opts := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "setup", Password: "setup-secret", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"$JS.API.INFO", "$JS.API.STREAM.NAMES"}},
		}}, {Username: "admin", Password: "admin-secret"}},
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	b := broker{url: s.ClientURL()}
	if e := b.runAs(t, "setup", "setup"); e.status != 0 {
		t.Errorf("%+v", e)
	}
	js := b.as(t, "admin")
	if err := js.DeleteStream(t.Context(), stream.Dead); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"refunds.dead.>"}}); err != nil {
		t.Fatal(err)
	}
	if e := b.runAs(t, "setup", "setup"); e.status != exitWrong || !strings.Contains(e.errors, "another stream listens to subjects of REFUND_DEAD") {
		t.Errorf("%+v", e)
	}
	if e := b.runAs(t, "admin", "setup"); e.status != exitWrong || !strings.Contains(e.errors, "overlaps with subject refunds.dead.> of stream OTHER") {
		t.Errorf("%+v", e)
	}
}

// The metadata says whose a ledger is before its first record does.
func TestALedgerWithoutRecordsIsWhoseItsMetadataSays(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	if e := b.runAs(t, "setup", "setup", "--doku-client-id=BRN-1", "--doku-env=simulator"); e.status != 0 {
		t.Fatalf("%+v", e)
	}
	holds(t, b.operator(t, "doctor", "--nats-only").out, "ok ledger: of BRN-1 in simulator")
	e := b.operator(t, "doctor", "--nats-only", "--doku-client-id=BRN-2", "--doku-env=simulator")
	holds(t, e.out, "problem ledger: the ledger belongs to another client id or environment", "BRN-1", "BRN-2")
	if e.status != exitWrong {
		t.Errorf("%+v", e)
	}
	if e := b.operator(t, "--doku-client-id=BRN-2", "cancel", "rf-1", "--channel=credit_card", "--because=x"); e.status != exitWrong || !strings.Contains(e.errors, "another client id") {
		t.Errorf("%+v", e)
	}
	if e := b.operator(t, "cancel", "rf-1", "--channel=credit_card", "--because=x"); e.status != 0 {
		t.Errorf("the owner is not taken from the metadata: %+v", e)
	}
}
