package stream_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func TestNoticeOfADeadLetterHoldsNoByteOfIt(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0))
	unreadable := letter(`{"planted":"token"}`)
	unreadable.StoredAt = time.Date(2026, 11, 21, 9, 0, 0, 5, time.FixedZone("WIB", 7*3600))
	conflict := unreadable
	conflict.Reason, conflict.Sequence, conflict.RefundID = stream.DeadRefundIDConflict, 43, "rf-1"
	for range 2 { // the second is there already
		for _, d := range []stream.DeadLetter{unreadable, conflict} {
			if err := letters.Publish(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	for seq, want := range map[uint64]struct{ body, id string }{
		2: {`{"v":1,"channel":"credit_card","reason":"unreadable","stream":"REFUND_JOBS","sequence":42,"refund_id":null,"stored_at":"2026-11-21T02:00:00.000000005Z"}`, "notice.REFUND_JOBS.42"},
		4: {`{"v":1,"channel":"credit_card","reason":"refund_id_conflict","stream":"REFUND_JOBS","sequence":43,"refund_id":"rf-1","stored_at":"2026-11-21T02:00:00.000000005Z"}`, "notice.REFUND_JOBS.43"},
	} {
		msg := stored(t, js, stream.Dead, seq)
		if msg.Subject != "refunds.notices.credit_card" || string(msg.Data) != want.body || !reflect.DeepEqual(msg.Header, nats.Header{"Nats-Msg-Id": {want.id}}) {
			t.Errorf("%s %v %s", msg.Subject, msg.Header, msg.Data)
		}
		if n, err := stream.DecodeNotice(msg.Data); err != nil || n.Sequence != seq/2+41 || n.Stream != "REFUND_JOBS" {
			t.Errorf("%+v, err %v", n, err)
		}
	}
	if stream, err := js.Stream(t.Context(), stream.Dead); err != nil || stream.CachedInfo().State.Msgs != 4 {
		t.Errorf("err %v, not two letters with a notice each", err)
	}
}

func TestWhatIsNoNoticeIsNotReadAsOne(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "{}", `{"v":2,"stream":"REFUND_JOBS","sequence":1}`, `{"v":1,"sequence":1}`, `{"v":1,"stream":"REFUND_JOBS"}`} {
		if n, err := stream.DecodeNotice([]byte(body)); !errors.Is(err, stream.ErrBadNotice) {
			t.Errorf("%s: %+v, %v", body, n, err)
		}
	}
}

// The letter is first: a notice of what is not stored would be a lie, and a
// process that dies between the two publishes both again.
func TestNoticeIsStoredAfterItsLetterAndBeforeTheAck(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	for _, denied := range []string{"refunds.dead.", "refunds.notices."} {
		err := stream.NewDeadLetters(failing{js, denied}, stream.DeadLetterLimit(js.Conn(), 0)).Publish(t.Context(), letter("x"))
		if !errors.Is(err, errFailing) {
			t.Errorf("%s: %v", denied, err)
		}
	}
	if msg := stored(t, js, stream.Dead, 1); msg.Subject != "refunds.dead.credit_card" {
		t.Errorf("first came %s", msg.Subject)
	}
	if err := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0)).Publish(t.Context(), letter("x")); err != nil {
		t.Fatal(err)
	}
	if stream, err := js.Stream(t.Context(), stream.Dead); err != nil || stream.CachedInfo().State.Msgs != 2 {
		t.Errorf("err %v, not one letter and one notice", err)
	}
}

var errFailing = errors.New("the connection is cut")

// failing loses what is published below a prefix.
type failing struct {
	jetstream.JetStream
	prefix string
}

func (f failing) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if strings.HasPrefix(msg.Subject, f.prefix) {
		return nil, errFailing
	}
	return f.JetStream.PublishMsg(ctx, msg, opts...)
}

// As versions before the notices have set it up: the letter counts, the notice
// is lost, and the message may be acknowledged.
func TestOldDeadLetterStreamTakesLettersWithoutNotices(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	old := jetstream.StreamConfig{Name: stream.Dead, Subjects: []string{"refunds.dead.*"}, MaxAge: time.Hour}
	if _, err := js.CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	report, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || len(report.Problems) != 0 || report.NoticesTaken || !strings.Contains(strings.Join(report.Warnings, "\n"), "refundctl setup --upgrade") {
		t.Fatalf("%+v, err %v", report, err)
	}
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0)).WithoutNotices()
	if err := letters.Publish(t.Context(), letter("x")); !errors.Is(err, stream.ErrNotNoticed) {
		t.Fatalf("err %v", err)
	}
	if msg := stored(t, js, stream.Dead, 1); string(msg.Data) != "x" {
		t.Fatalf("%s", msg.Data)
	}
	if stream, err := js.Stream(t.Context(), stream.Dead); err != nil || stream.CachedInfo().State.Msgs != 1 {
		t.Errorf("err %v, not one letter", err)
	}
}

func TestRefusalThatLastsIsToldFromOneThatPasses(t *testing.T) {
	t.Parallel()
	srv, js := newBroker(t, nil)
	full := jetstream.StreamConfig{Name: stream.Dead, Subjects: []string{"refunds.dead.*", "refunds.notices.*"}, MaxBytes: 1, Discard: jetstream.DiscardNew}
	dead, err := js.CreateStream(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0))
	is := func(what string, want bool) {
		t.Helper()
		if err := letters.Publish(t.Context(), letter("x")); err == nil || errors.Is(err, stream.ErrDeadRefused) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	is("full", true)
	full.MaxBytes, full.MaxMsgSize = -1, 1
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	is("message too large", true)
	if err := js.DeleteStream(t.Context(), dead.CachedInfo().Config.Name); err != nil {
		t.Fatal(err)
	}
	is("gone", true)
	full.MaxMsgSize = -1
	if _, err := js.CreateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	acc, err := srv.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]server.JetStreamAccountLimits{"": {MaxMemory: -1, MaxStore: 1, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1}}
	if err := acc.UpdateJetStreamLimits(limits); err != nil {
		t.Fatal(err)
	}
	is("account full", false)
	srv.Shutdown()
	is("server away", false)
}
