package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

func TestWaitPrintsTheResultAsItIsStored(t *testing.T) {
	t.Parallel()
	s := setup(t)
	want := s.settle(result("rf-1", refund.Succeeded))
	for range 2 { // published first, then already queued
		got := s.enqueue("", cardFlags("rf-1", "--wait")...)
		if got.status != exitOK || got.stdout != string(want)+"\n" {
			t.Fatalf("%+v", got)
		}
		got.says(t, "succeeded 1, not succeeded 0, without result 0")
	}
}

func TestWaitGoesOnUntilTheResultComes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	asked, err := s.nc.SubscribeSync("$JS.API.DIRECT.GET.REFUNDS.refunds.results.*.*.rf-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan outcome, 1)
	go func() { ended <- s.enqueue("", cardFlags("rf-1", "--wait")...) }()
	for range 3 {
		if _, err := asked.NextMsgWithContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := s.settle(result("rf-1", refund.Succeeded))
	if got := <-ended; got.status != exitOK || got.stdout != string(want)+"\n" {
		t.Errorf("%+v", got)
	}
}

func TestEveryOtherEndIsPrintedAndHasNotSucceeded(t *testing.T) {
	t.Parallel()
	s := setup(t)
	cancelled := jobs.Result{
		RefundID: "rf-4", Channel: channel.CreditCard, Status: refund.Rejected, Currency: jobs.Currency,
		Error: jobs.ResultError{Source: jobs.SourceWorker, Code: refund.CodeCancelled.String()},
	}
	want := ""
	for _, r := range []jobs.Result{
		result("rf-1", refund.Failed), result("rf-2", refund.Rejected), result("rf-3", refund.Unresolved), cancelled,
	} {
		want += string(s.settle(r)) + "\n"
	}
	got := s.enqueue(strings.Join([]string{card("rf-1"), card("rf-2"), card("rf-3"), card("rf-4")}, "\n"), "--wait", "-")
	got.expect(t, exitSome, 4, 0, 0)
	if got.stdout != want || strings.Contains(got.stderr, "other content") {
		t.Errorf("stdout %s\nstderr %s", got.stdout, got.stderr)
	}
	got.says(t, "succeeded 0, not succeeded 4, without result 0")
}

func TestALaterResultReplacesUnresolved(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.settle(result("rf-1", refund.Unresolved))
	want := s.settle(result("rf-1", refund.Succeeded))
	if got := s.enqueue("", cardFlags("rf-1", "--wait")...); got.status != exitOK || got.stdout != string(want)+"\n" {
		t.Errorf("%+v", got)
	}
}

func TestResultOfOtherContentIsPrintedAndHasNotSucceeded(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for i, change := range []func(*jobs.Result){
		func(r *jobs.Result) { r.Amount = 1 },
		func(r *jobs.Result) { r.InvoiceNumber = "INV-2" },
		func(r *jobs.Result) { r.OriginalRequestID = "req-2" },
		func(r *jobs.Result) { r.Channel = channel.EmoneyDANA },
		func(r *jobs.Result) {
			r.Status, r.Error = refund.Rejected, jobs.ResultError{Source: jobs.SourceWorker, Code: refund.CodeInvalidJob.String()}
		},
	} {
		id := fmt.Sprint("rf-", i)
		r := result(id, refund.Succeeded)
		change(&r)
		want := s.settle(r)
		got := s.enqueue("", cardFlags(id, "--wait")...)
		got.expect(t, exitSome, 1, 0, 0)
		got.says(t, id, "belongs to other content")
		if got.stdout != string(want)+"\n" {
			t.Errorf("%d: printed %s", i, got.stdout)
		}
	}
}

func TestOneRefundIDIsPrintedOnceAndJudgedForEachOfItsJobs(t *testing.T) {
	t.Parallel()
	s := setup(t)
	want := s.settle(result("rf-1", refund.Succeeded))
	other := strings.Replace(card("rf-1"), "90000", "80000", 1)
	got := s.enqueue(card("rf-1")+"\n"+other+"\n"+card("rf-1"), "--wait", "-")
	got.expect(t, exitSome, 1, 1, 1)
	got.says(t, "line 2 (rf-1)", "line 1 has the same one with other content")
	got.says(t, "succeeded 2, not succeeded 0, without result 0")
	if got.stdout != string(want)+"\n" {
		t.Errorf("printed %s", got.stdout)
	}
}

func TestWaitEndsAtItsTimeoutAndNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.settle(result("rf-1", refund.Succeeded))
	got := s.enqueue(card("rf-1")+"\n"+card("rf-2"), "--wait", "--timeout", "300ms", "-")
	got.expect(t, exitSome, 2, 0, 0)
	got.says(t, "line 2 (rf-2)", "no result within 300ms")
	got.says(t, "succeeded 1, not succeeded 0, without result 1")
}

func TestRejectedLinesAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.settle(result("rf-1", refund.Succeeded))
	s.enqueue(card("rf-1")+"\n{}", "--wait", "-").expect(t, exitSome, 1, 0, 1)
}

func TestThousandResultsComeInTheOrderOfTheInput(t *testing.T) {
	t.Parallel()
	s := setup(t)
	var input, want strings.Builder
	for i := range 1000 {
		r := result(fmt.Sprint("rf-", i), refund.Succeeded)
		if _, err := s.js.PublishAsync(r.Subject(), r.Encode()); err != nil {
			t.Fatal(err)
		}
		input.WriteString(card(r.RefundID) + "\n")
		want.WriteString(string(r.Encode()) + "\n")
	}
	<-s.js.PublishAsyncComplete()
	if got := s.enqueue(input.String(), "--wait", "-"); got.status != exitOK || got.stdout != want.String() {
		t.Errorf("status %d, %d bytes of %d\n%s", got.status, len(got.stdout), want.Len(), got.stderr)
	}
}

func TestInterruptEndsTheWaiting(t *testing.T) {
	t.Parallel()
	s := setup(t)
	asked, err := s.nc.SubscribeSync("$JS.API.DIRECT.GET.REFUNDS.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan outcome, 1)
	go func() {
		ended <- enqueue(ctx, nil, append(cardFlags("rf-1"), "--wait", "--nats-url", s.nats.URL())...)
	}()
	if _, err := asked.NextMsgWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	interrupt()
	got := <-ended
	got.expect(t, exitSome, 1, 0, 0)
	got.says(t, "without result 1")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe is shut") }

func TestAResultThatCannotBePrintedIsNoSuccess(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.settle(result("rf-1", refund.Succeeded))
	var stderr strings.Builder
	status := run(t.Context(), append(cardFlags("rf-1"), "--wait", "--nats-url", s.nats.URL()), nil, brokenWriter{}, &stderr)
	if status != exitSome || !strings.Contains(stderr.String(), "pipe is shut") {
		t.Errorf("status %d, %s", status, stderr.String())
	}
}

func TestAResultOfAnotherVersionIsPrintedAndNotBelieved(t *testing.T) {
	t.Parallel()
	s := setup(t)
	body := strings.Replace(string(result("rf-1", refund.Succeeded).Encode()), `"v":1`, `"v":2`, 1)
	if _, err := s.js.Publish(t.Context(), "refunds.results.credit_card.succeeded.rf-1", []byte(body)); err != nil {
		t.Fatal(err)
	}
	got := s.enqueue("", cardFlags("rf-1", "--wait")...)
	got.expect(t, exitSome, 1, 0, 0)
	got.says(t, "rf-1", "not readable")
	if got.stdout != body+"\n" {
		t.Errorf("printed %s", got.stdout)
	}
}

func TestNobodyAnsweringForResultsIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	got := s.enqueue("", cardFlags("rf-1", "--wait", "--timeout", "200ms", "--nats-js-api-prefix", "OTHER.API")...)
	got.expect(t, exitSome, 1, 0, 0)
	got.says(t, "still waiting for results: nobody answers")
}

func TestOperatorOfTheShippedAccountsPublishesAndWaits(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	fill(t, s)
	got := enqueue(t.Context(), nil, append(cardFlags("rf-1"), "--wait", "--nats-url", as(s, "operator"), "--nats-inbox-prefix", "_INBOX_operator")...)
	got.expect(t, exitOK, 1, 0, 0)
	if want := string(result("rf-1", refund.Succeeded).Encode()) + "\n"; got.stdout != want {
		t.Errorf("printed %s", got.stdout)
	}
}

// Anybody's result would be shown with its internal record.
func TestProducerOfTheShippedAccountsPublishesAndReadsNoResult(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	fill(t, s)
	args := append(cardFlags("rf-1"), "--nats-url", as(s, "producer"), "--nats-inbox-prefix", "_INBOX_producer")
	enqueue(t.Context(), nil, args...).expect(t, exitOK, 1, 0, 0)
	got := enqueue(t.Context(), nil, append(args, "--wait")...)
	got.expect(t, exitSome, 0, 1, 0)
	got.says(t, "stopped waiting: denied by NATS", "refunds.results.*.*.rf-1")
	if got.stdout != "" {
		t.Errorf("printed %s", got.stdout)
	}
}

// fill sets the shipped server up and puts one result there.
func fill(t *testing.T, s *server.Server) {
	t.Helper()
	js := connected(t, s, "setup")
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	r := result("rf-1", refund.Succeeded)
	if _, err := connected(t, s, "worker").Publish(t.Context(), r.Subject(), r.Encode()); err != nil {
		t.Fatal(err)
	}
}

func TestDeniedResultsEndTheWaitingAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		Users: []*server.User{
			{Username: "setup", Password: "setup-secret"},
			{Username: "narrow", Password: "narrow-secret", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"refunds.jobs.*"}},
			}},
		},
	})
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), connected(t, s, "setup")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // less than it would wait otherwise
	defer cancel()
	got := enqueue(ctx, nil, append(cardFlags("rf-1"), "--wait", "--nats-url", as(s, "narrow"))...)
	got.expect(t, exitSome, 1, 0, 0)
	got.says(t, "stopped waiting: denied by NATS", "$JS.API.DIRECT.GET.REFUNDS.refunds.results.*.*.rf-1")
	if ctx.Err() != nil {
		t.Error("it waited on")
	}
}
