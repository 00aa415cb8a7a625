package operator_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

const sound = `{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-1","original_request_id":"pay-1","amount":90000}`

// storeDeadLetter stores a dead letter and returns its sequence.
func (f fixture) storeDeadLetter(t *testing.T, source uint64, reason stream.DeadReason, body string) uint64 {
	t.Helper()
	l := stream.DeadLetter{
		Reason: reason, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: source,
		Subject: "refunds.jobs.credit_card", Body: []byte(body),
	}
	if err := stream.NewDeadLetters(f.js, func() int { return 1 << 20 }).WithoutNotices().Publish(t.Context(), l); !errors.Is(err, stream.ErrNotNoticed) {
		t.Fatal(err)
	}
	s, err := f.js.Stream(t.Context(), stream.Dead)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// job returns the newest job that is queued.
func (f fixture) job(t *testing.T) (string, uint64) {
	t.Helper()
	s, err := f.js.Stream(t.Context(), stream.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return "", 0
	}
	msg, err := s.GetMsg(t.Context(), state.LastSeq)
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Data), state.Msgs
}

func changes(t *testing.T, texts ...string) []operator.Change {
	t.Helper()
	var list []operator.Change
	for _, text := range texts {
		c, err := operator.ParseChange(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func TestReplayPublishesWhatIsAJobAndRecordsWhoAndWhy(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	broken := strings.Replace(sound, "90000", `"90000"`, 1)
	letter := f.storeDeadLetter(t, 7, stream.DeadUnreadable, strings.Replace(broken, "rf-1", "rf 1", 1))
	if _, err := f.Replay(ctx, letter, nil, "why", false); !errors.Is(err, operator.ErrNoJob) {
		t.Errorf("no job was published: %v", err)
	}
	fix := changes(t, "refund_id=rf-1", "amount=90000", "customer.access_token=planted-secret-7", "metadata.amount=5", "reason=late")
	dry, err := f.Replay(ctx, letter, fix, "", true)
	if _, n := f.job(t); err != nil || dry.Published != 0 || n != 0 {
		t.Fatalf("a dry run published %d jobs: %+v, %v", n, dry, err)
	}
	r, err := f.Replay(ctx, letter, fix, "producer corrected", false)
	if err != nil || r.Published == 0 || r.Job.Amount != 90000 || strings.Contains(fmt.Sprint(r), "planted") {
		t.Fatalf("%+v, %v", r, err)
	}
	body, _ := f.job(t)
	if d := jobs.Decode(channel.CreditCard, []byte(body)); d.Outcome != jobs.Valid || d.Job.Metadata["amount"] != "5" || d.Job.Reason != "late" {
		t.Errorf("%s: %v", body, d.Problems)
	}
	open, actions, err := f.DeadLetters(ctx, operator.DeadFilter{})
	if err != nil || len(open) != 0 || len(actions) != 1 || actions[0].Operator != "ayu" || actions[0].Because != "producer corrected" {
		t.Errorf("%+v %+v %v", open, actions, err)
	}
	if all, _, err := f.DeadLetters(ctx, operator.DeadFilter{All: true}); err != nil || len(all) != 1 || all[0].Handled == nil {
		t.Errorf("%+v %v", all, err)
	}
}

func TestALetterIsNeverReplayedUnderASecondID(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	letter := f.storeDeadLetter(t, 1, stream.DeadRefundIDConflict, sound)
	if _, err := f.Replay(ctx, letter, changes(t, "refund_id=rf-2"), "meant as well", false); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Replay(ctx, letter, changes(t, "refund_id=rf-3"), "again", false); !errors.Is(err, operator.ErrReplayed) {
		t.Errorf("a second refund: %v", err)
	}
	if _, err := f.Replay(ctx, letter, changes(t, "refund_id=rf-2"), "again", false); err != nil {
		t.Errorf("the same id again, which the ledger deduplicates: %v", err)
	}
}

func TestUsedRefundIDIsRefusedWithTheExplanation(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.put(t, record("rf-1", refund.Succeeded)) // its fingerprint is another's
	letter := f.storeDeadLetter(t, 1, stream.DeadRefundIDConflict, sound)
	_, err := f.Replay(ctx, letter, nil, "why", false)
	if !errors.Is(err, operator.ErrUsedID) || !strings.Contains(err.Error(), "succeeded") || !strings.Contains(err.Error(), "--set refund_id=") {
		t.Errorf("%v", err)
	}
	if _, n := f.job(t); n != 0 {
		t.Error("it was published")
	}
}

func TestTheSameContentAgainIsPublishedAndSaysSo(t *testing.T) {
	t.Parallel()
	f := setup(t)
	same := jobs.Decode(channel.CreditCard, []byte(sound)).Fingerprint().String()
	f.put(t, record("rf-1", refund.Waiting, func(r *refund.Record) { r.Fingerprint = same }))
	r, err := f.Replay(t.Context(), f.storeDeadLetter(t, 1, stream.DeadRefundIDConflict, sound), nil, "new token", false)
	if err != nil || r.Known != "waiting" || r.Published == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDiscardErasesTheLetterAndKeepsWhoAndWhy(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	letter := f.storeDeadLetter(t, 1, stream.DeadUnreadable, "planted-secret-8")
	if _, err := f.Discard(ctx, letter, ""); !errors.Is(err, operator.ErrBecause) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := f.Discard(ctx, letter, "test message"); err != nil {
		t.Fatal(err)
	}
	all, actions, err := f.DeadLetters(ctx, operator.DeadFilter{All: true})
	if err != nil || len(all) != 0 || len(actions) != 1 || actions[0].Action != "discarded" || actions[0].Letter != letter || actions[0].Because != "test message" {
		t.Errorf("%+v %+v %v", all, actions, err)
	}
	if _, err := f.DeadLetter(ctx, letter); !errors.Is(err, operator.ErrNoLetter) {
		t.Errorf("it can still be read: %v", err)
	}
	if _, err := f.Discard(ctx, letter, "again"); !errors.Is(err, operator.ErrNoLetter) {
		t.Errorf("discarded twice: %v", err)
	}
}

func TestWhatIsNoObjectOrWasCutCannotBeReplayed(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	for i, body := range []string{"no json", `["a"]`, `{"refund_id":"a","refund_id":"b"}`, "null"} {
		letter := f.storeDeadLetter(t, uint64(i+1), stream.DeadUnreadable, body)
		if _, err := f.Replay(ctx, letter, changes(t, "refund_id=rf-1"), "why", false); !errors.Is(err, operator.ErrNoJob) {
			t.Errorf("%s: %v", body, err)
		}
	}
	l := stream.DeadLetter{Reason: stream.DeadUnreadable, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: 99, Subject: "x", Body: []byte(strings.Repeat("a", 900))}
	if err := stream.NewDeadLetters(f.js, func() int { return 400 }).WithoutNotices().Publish(ctx, l); !errors.Is(err, stream.ErrNotNoticed) {
		t.Fatal(err)
	}
	if _, err := f.Replay(ctx, 5, nil, "why", false); !errors.Is(err, operator.ErrTruncated) {
		t.Errorf("a cut letter: %v", err)
	}
	letters, _, err := f.DeadLetters(ctx, operator.DeadFilter{Reason: "unreadable"})
	if err != nil || len(letters) != 5 || !letters[4].Truncated || letters[4].Size != 900 || letters[0].Problem == "" {
		t.Errorf("%+v %v", letters, err)
	}
}
