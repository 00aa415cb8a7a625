package operator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

// population is one refund of every kind.
func population(t *testing.T) fixture {
	t.Helper()
	f := setup(t)
	for _, s := range []refund.State{refund.Sending, refund.Waiting, refund.Unknown, refund.Succeeded, refund.Failed, refund.Unresolved} {
		r := record("rf-"+s.String(), s)
		f.put(t, record("rf-"+s.String(), refund.Sending), r)
		if s == refund.Waiting || s == refund.Unknown {
			f.wait(t, r, `{"refund_id":"`+r.Job.RefundID+`"}`)
		}
	}
	f.put(t, record("rf-settled", refund.Sending), record("rf-settled", refund.Unresolved), record("rf-settled", refund.Succeeded))
	f.put(t, record("rf-cancelled", refund.Rejected, mandiri, neverSent, func(r *refund.Record) { r.Code, r.EnqueuedAt = refund.CodeCancelled, 0 }))
	return f
}

func names(p operator.Page) string {
	text := ""
	for _, r := range p.Refunds {
		text += r.RefundID[3:] + " "
	}
	return text
}

func TestListFindsByStateChannelAgeCodeAndText(t *testing.T) {
	t.Parallel()
	f := population(t)
	for _, tt := range []struct {
		filter operator.Filter
		want   string
	}{
		{operator.Filter{}, "cancelled settled unresolved failed succeeded unknown waiting sending "},
		{operator.Filter{State: "waiting"}, "waiting "},
		{operator.Filter{State: "unknown"}, "unknown "},
		{operator.Filter{State: "unresolved"}, "unresolved "},
		{operator.Filter{State: "succeeded"}, "settled succeeded "},
		{operator.Filter{State: "sending"}, "sending "},
		{operator.Filter{State: "open"}, "sending unknown waiting "},
		{operator.Filter{Channel: channel.DirectDebitMandiri}, "cancelled "},
		{operator.Filter{Code: "cancelled"}, "cancelled "},
		{operator.Filter{Text: "un"}, "unresolved unknown "},
		{operator.Filter{Older: 30 * time.Minute, State: "failed"}, "failed "},
		{operator.Filter{Newer: 30 * time.Minute}, "cancelled "},
		{operator.Filter{State: "rejected", Channel: channel.CreditCard}, ""},
	} {
		page, err := f.List(t.Context(), tt.filter)
		if got := names(page); err != nil || got != tt.want {
			t.Errorf("%+v: %s, %v; want %s", tt.filter, got, err, tt.want)
		}
	}
}

func TestPagesFollowEachOtherWithoutGapOrRepeat(t *testing.T) {
	t.Parallel()
	f := population(t)
	for state, want := range map[string]string{
		"": "cancelled settled unresolved failed succeeded unknown waiting sending ", "open": "sending unknown waiting ", "succeeded": "settled succeeded ",
	} {
		all, after := "", ""
		for range 10 {
			page, err := f.List(t.Context(), operator.Filter{State: state, Limit: 2, After: after})
			if err != nil || len(page.Refunds) > 2 {
				t.Fatalf("%d refunds, %v", len(page.Refunds), err)
			}
			all += names(page)
			if after = page.Next; after == "" {
				break
			}
		}
		if all != want {
			t.Errorf("%s: %s; want %s", state, all, want)
		}
	}
	if _, err := f.List(t.Context(), operator.Filter{After: "rf-1"}); !errors.Is(err, operator.ErrAfter) {
		t.Errorf("an id is no place among the newest: %v", err)
	}
}

func TestSweepWakesUpWhatHasNeitherJobNorWait(t *testing.T) {
	t.Parallel()
	f := population(t)
	ctx := t.Context()
	f.put(t, record("rf-lost", refund.Unknown))
	f.put(t, record("rf-needs", refund.Waiting, mandiri))
	if _, err := f.js.Publish(ctx, "refunds.jobs.credit_card", []byte(`{"refund_id":"rf-sending"}`)); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		lost, err := f.Sweep(ctx, "", time.Millisecond, dry)
		if err != nil || len(lost) != 2 || lost[0].RefundID != "rf-lost" || lost[0].WokenUp == dry || lost[0].Note != "" || lost[1].Note == "" {
			t.Errorf("%+v, %v", lost, err)
		}
	}
	if msg := f.due(t, channel.CreditCard); msg.Headers().Get("Refund-Nudge") != "1" {
		t.Errorf("%s %v", msg.Data(), msg.Headers())
	}
	if lost, err := f.Sweep(ctx, channel.DirectDebitMandiri, time.Millisecond, true); err != nil || len(lost) != 0 {
		t.Errorf("a wake-up that is queued was not seen: %+v, %v", lost, err)
	}
}

func TestPauseStopsBothConsumersUntilResumeAndStatsShowIt(t *testing.T) {
	t.Parallel()
	f := population(t)
	ctx := t.Context()
	if err := f.Pause(ctx, channel.CreditCard, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.js.Publish(ctx, "refunds.jobs.credit_card", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for stream, name := range map[string]string{"REFUND_JOBS": "worker_credit_card", "REFUND_WAITS": "due_credit_card"} {
		if c, err := f.js.Consumer(ctx, stream, name); err != nil || !c.CachedInfo().Paused {
			t.Errorf("%s is not paused (%v)", name, err)
		}
	}
	var card operator.ChannelStats
	for soon := time.Now().Add(10 * time.Second); card.Queued == 0 && time.Now().Before(soon); {
		stats, err := f.Stats(ctx) // the consumer counts a message soon after it was stored
		if err != nil {
			t.Fatal(err)
		}
		card = stats[0]
	}
	want := operator.ChannelStats{
		Channel: channel.CreditCard, Queued: 1, Waiting: 2, Paused: true, Succeeded: 2, Failed: 1, Unresolved: 1,
	}
	if card != want {
		t.Errorf("%+v, want %+v", card, want)
	}
	if err := f.Resume(ctx, channel.CreditCard); err != nil {
		t.Fatal(err)
	}
	if c, err := f.js.Consumer(ctx, "REFUND_JOBS", "worker_credit_card"); err != nil || c.CachedInfo().Paused {
		t.Errorf("still paused (%v)", err)
	}
	if err := f.Pause(ctx, channel.CreditCard, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if stats, err := f.Stats(ctx); err != nil || stats[0].PausedFor == "" {
		t.Errorf("%+v, %v", stats[0], err)
	}
}

func TestReadingGoesOnWhereItStoppedAndEndsAtTheEnd(t *testing.T) {
	t.Parallel()
	f := population(t)
	var seen []uint64
	stop := errors.New("enough")
	err := f.Read(t.Context(), operator.Span{}, func(r operator.Recorded) error {
		seen = append(seen, r.Sequence)
		if len(seen) == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	results := 0
	err = f.Read(t.Context(), operator.Span{After: seen[4]}, func(r operator.Recorded) error {
		seen = append(seen, r.Sequence)
		if r.Result != nil {
			results++
		}
		return nil
	})
	if err != nil || fmt.Sprint(seen) != "[1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]" || results == 0 {
		t.Errorf("%v, %d results, %v", seen, results, err)
	}
	if err := f.Read(t.Context(), operator.Span{After: 16}, nil); err != nil {
		t.Errorf("nothing new: %v", err)
	}
	if err := f.Read(t.Context(), operator.Span{Subject: "refunds.*.*.*.rf-9"}, nil); err != nil {
		t.Errorf("nothing at all: %v", err)
	}
	if err := f.Read(t.Context(), operator.Span{To: time.Now().Add(-time.Hour)}, nil); err != nil {
		t.Errorf("nothing so old: %v", err)
	}
}

func TestFollowingShowsWhatComesAndSurvivesTheLossOfItsReader(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.put(t, record("rf-1", refund.Sending))
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan operator.Recorded, 8)
	end := make(chan error, 1)
	go func() {
		end <- f.Read(ctx, operator.Span{Subject: "refunds.*.*.*.rf-1", Follow: true}, func(r operator.Recorded) error {
			seen <- r
			return nil
		})
	}()
	if r := <-seen; r.Record.State != refund.Sending {
		t.Errorf("%+v", r)
	}
	dropReaders(t, f.js)
	next := record("rf-1", refund.Unknown)
	next.Prev = 1
	if _, err := f.ledger.Append(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-seen:
		if r.Record.State != refund.Unknown || r.Sequence != 2 {
			t.Errorf("%+v", r)
		}
	case <-time.After(20 * time.Second):
		t.Error("it never came")
	}
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// dropReaders deletes all consumers of the ledger, as a restart of a server
// without them would.
func dropReaders(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	s, err := js.Stream(t.Context(), "REFUNDS")
	if err != nil {
		t.Fatal(err)
	}
	for name := range s.ConsumerNames(t.Context()).Name() {
		if err := s.DeleteConsumer(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}
