package stream_test

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func letter(body string) stream.DeadLetter {
	return stream.DeadLetter{
		Reason: stream.DeadUnreadable, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: 42,
		Subject: "refunds.jobs.credit_card", Body: []byte(body),
	}
}

func TestDeadLetterIsVerbatimWithItsReason(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0))
	const body = "\x00\xff{no job"
	for range 2 { // the second is there already
		if err := letters.Publish(t.Context(), letter(body)); err != nil {
			t.Fatal(err)
		}
	}
	msg := stored(t, js, stream.Dead, 1)
	want := nats.Header{
		"Refund-Dead-Reason": {"unreadable"}, "Refund-Dead-Subject": {"refunds.jobs.credit_card"},
		"Refund-Dead-Sequence": {"42"}, "Nats-Msg-Id": {"REFUND_JOBS.42"},
	}
	if msg.Subject != "refunds.dead.credit_card" || string(msg.Data) != body || !reflect.DeepEqual(msg.Header, want) {
		t.Fatalf("%s %v %q", msg.Subject, msg.Header, msg.Data)
	}
	stream, err := js.Stream(t.Context(), stream.Dead)
	if err != nil || stream.CachedInfo().State.Msgs != 2 {
		t.Fatalf("err %v, more than one letter and its notice", err)
	}
}

// The server counts headers and body together; so do we, to the byte.
func TestDeadLetterIsCutToWhatTheServerAccepts(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, func(o *server.Options) { o.MaxPayload = 2000 })
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0))
	fits := fitting(t, 2000)
	for i, c := range []struct {
		body, kept int
		truncated  string
	}{
		{0, 0, ""},
		{fits, fits, ""},
		{fits + 1, 2000 - headerLength(t, fits+1), strconv.Itoa(fits + 1)},
		{60_000, 2000 - headerLength(t, 60_000), "60000"},
	} {
		d := letter(strings.Repeat("x", c.body))
		d.Sequence = uint64(10 + i)
		if err := letters.Publish(t.Context(), d); err != nil {
			t.Fatalf("%d bytes: %v", c.body, err)
		}
		msg := stored(t, js, stream.Dead, uint64(2*i+1))
		if len(msg.Data) != c.kept || msg.Header.Get("Refund-Dead-Truncated") != c.truncated || !bytes.HasPrefix(d.Body, msg.Data) {
			t.Errorf("%d bytes: kept %d, want %d, truncated %q", c.body, len(msg.Data), c.kept, msg.Header.Get("Refund-Dead-Truncated"))
		}
	}
}

// fitting is the longest body that a limit leaves uncut.
func fitting(t *testing.T, limit int) int {
	t.Helper()
	return limit - len("NATS/1.0\r\nRefund-Dead-Reason: unreadable\r\nRefund-Dead-Subject: refunds.jobs.credit_card\r\n"+
		"Refund-Dead-Sequence: 42\r\nNats-Msg-Id: REFUND_JOBS.42\r\n\r\n")
}

func headerLength(t *testing.T, body int) int {
	t.Helper()
	return -fitting(t, 0) + len("Refund-Dead-Truncated: "+strconv.Itoa(body)+"\r\n")
}

func TestDeadLetterObeysTheStreamsLimitToo(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream.Dead, Subjects: []string{"refunds.dead.*", "refunds.notices.*"}, MaxMsgSize: 500}); err != nil {
		t.Fatal(err)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	report, err := stream.Check(t.Context(), js, channel.All())
	if err != nil || report.DeadLetterSize != 500 || len(report.Problems) != 0 {
		t.Fatalf("%+v, err %v", report, err)
	}
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), report.DeadLetterSize))
	if err := letters.Publish(t.Context(), letter(strings.Repeat("x", 500))); err != nil {
		t.Fatal(err)
	}
	if kept := len(stored(t, js, stream.Dead, 1).Data); kept != 500-headerLength(t, 500) {
		t.Fatalf("kept %d", kept)
	}
}

func TestDeadLetterWithoutRoomForItsHeadersIsAnError(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 100)
	msg, err := letter(body).Message(headerLength(t, 100) - 1)
	if !errors.Is(err, stream.ErrNoRoom) || msg != nil {
		t.Fatalf("%v, err %v", msg, err)
	}
	msg, err = letter(body).Message(headerLength(t, 100))
	if err != nil || msg.Header.Get("Refund-Dead-Truncated") != "100" || len(msg.Data) != 0 {
		t.Fatalf("%v, err %v", msg, err)
	}
}
