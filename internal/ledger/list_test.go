package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

func (f fixture) append(t *testing.T, r *refund.Record) uint64 {
	t.Helper()
	seq, err := f.ledger.Append(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestRefundsAreFoundBySubjectWithoutReadingRecords(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 3 {
		f.append(t, record(fmt.Sprintf("rf-%d", i), refund.Sending, 0, "a"))
	}
	last, err := f.ledger.Last(t.Context(), "rf-1")
	if err != nil {
		t.Fatal(err)
	}
	f.append(t, record("rf-1", refund.Unresolved, last.Seq, "b"))
	for name, tt := range map[string]struct {
		find func() ([]string, error)
		want []string
	}{
		"all":           {func() ([]string, error) { return f.ledger.Refunds(t.Context(), "", "") }, []string{"rf-0", "rf-1", "rf-2"}},
		"one state":     {func() ([]string, error) { return f.ledger.Refunds(t.Context(), "", "unresolved") }, []string{"rf-1"}},
		"other channel": {func() ([]string, error) { return f.ledger.Refunds(t.Context(), channel.EmoneyOVO, "") }, nil},
		"no result":     {func() ([]string, error) { return f.ledger.Unended(t.Context(), "") }, []string{"rf-0", "rf-2"}},
	} {
		if got, err := tt.find(); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tt.want)
		}
	}
}

func TestRescheduledWaitKeepsBodyAndNeverTakesTheOneOfANewer(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	for _, body := range []string{"old token", "new token"} {
		if err := f.ledger.Schedule(ctx, scheduledMessage(time.Now().Add(time.Hour), body)); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := f.ledger.ScheduledOf(ctx, channel.CreditCard, "rf-1")
	if err != nil || string(stored.Body) != "new token" {
		t.Fatalf("%s, %v", stored.Body, err)
	}
	if ids, err := f.ledger.Waits(ctx, ""); err != nil || !slices.Equal(ids, []string{"rf-1"}) {
		t.Errorf("waits %v, %v", ids, err)
	}
	stale := stored
	stale.Seq--
	if err := f.ledger.Reschedule(ctx, stale); !errors.Is(err, ledger.ErrScheduleMoved) {
		t.Errorf("a stale copy was stored: %v", err)
	}
	stored.At = time.Now()
	if err := f.ledger.Reschedule(ctx, stored); err != nil {
		t.Fatal(err)
	}
	if msg := due(t, f, 5*time.Second); string(msg.Data()) != "new token" || msg.Headers().Get("traceparent") != stored.Traceparent {
		t.Errorf("%s %v", msg.Data(), msg.Headers())
	}
	if err := f.ledger.Reschedule(ctx, stored); !errors.Is(err, ledger.ErrScheduleMoved) {
		t.Errorf("a wait that has fired was stored again: %v", err)
	}
	if none, err := f.ledger.ScheduledOf(ctx, channel.CreditCard, "rf-1"); err != nil || none.Seq != 0 {
		t.Errorf("%+v, %v", none, err)
	}
}

func TestWakeUpIsTheRecordsJobAndCountsAsQueued(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := record("rf-1", refund.Waiting, 0, "a")
	f.append(t, r)
	if _, err := f.js.Publish(t.Context(), "refunds.jobs.emoney_ovo", []byte(`{"refund_id":"rf-2"}`)); err != nil {
		t.Fatal(err)
	}
	if err := f.ledger.WakeUp(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	queued, err := f.ledger.Queued(t.Context(), "")
	if err != nil || len(queued) != 2 || !queued["rf-1"] || !queued["rf-2"] {
		t.Errorf("queued %v, %v", queued, err)
	}
	msg := due(t, f, 5*time.Second)
	d := jobs.DecodeWakeUp(channel.CreditCard, msg.Data())
	if d.Outcome != jobs.Valid || d.Job.Amount != r.Job.Amount || d.Job.Metadata["order"] != "A-17" || msg.Headers().Get(jobs.HeaderWakeUp) != "1" {
		t.Errorf("%s %v: %v", msg.Data(), msg.Headers(), d.Problems)
	}
}

func TestOwnerIsThatOfTheLastRecord(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if id, env, err := f.ledger.Owner(t.Context()); err != nil || id != "" || env != "" {
		t.Errorf("an empty ledger belongs to %q in %q (%v)", id, env, err)
	}
	f.append(t, record("rf-1", refund.Waiting, 0, "a"))
	if id, env, err := f.ledger.Owner(t.Context()); err != nil || id != "BRN-1" || env != "simulator" {
		t.Errorf("%q in %q (%v)", id, env, err)
	}
}
