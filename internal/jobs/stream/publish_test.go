package stream_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func stored(t *testing.T, js jetstream.JetStream, name string, sequence uint64) *jetstream.RawStreamMsg {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), sequence)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestPublishedJobIsStoredByteForByte(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	body := []byte(`{"refund_id":"rf-20210118-0001","channel":"credit_card","invoice_number":"INV-20210118-0001",` +
		`"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c","amount":90000}`)
	receipt, err := stream.NewPublisher(js).Publish(t.Context(), stream.Publication{
		RefundID: "rf-1", Channel: channel.CreditCard, Body: body, TraceParent: "00-trace",
	})
	if err != nil || receipt != (stream.Receipt{Sequence: 1}) {
		t.Fatalf("%+v, err %v", receipt, err)
	}
	msg := stored(t, js, stream.Jobs, 1)
	// The digits are those of: printf %s '<the body>' | sha256sum | cut -c 1-16
	want := nats.Header{"Nats-Msg-Id": {"rf-1.118828c323e290b9"}, "traceparent": {"00-trace"}}
	if msg.Subject != "refunds.jobs.credit_card" || !bytes.Equal(msg.Data, body) || !reflect.DeepEqual(msg.Header, want) {
		t.Fatalf("%s %v %s", msg.Subject, msg.Header, msg.Data)
	}
}

func TestSameBytesAreADuplicateAndOtherContentIsNot(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	publisher := stream.NewPublisher(js)
	for i, want := range []stream.Receipt{{Sequence: 1}, {Sequence: 1, Duplicate: true}, {Sequence: 2}} {
		posting := stream.Publication{RefundID: "rf-1", Channel: channel.EmoneyOVO, Body: []byte("one")}
		if i == 2 {
			posting.Body = []byte("other")
		}
		if got, err := publisher.Publish(t.Context(), posting); err != nil || got != want {
			t.Errorf("%d: %+v, err %v", i, got, err)
		}
	}
	if stored(t, js, stream.Jobs, 1).Header.Get("traceparent") != "" {
		t.Error("an empty traceparent")
	}
}

func TestJobThatAnotherStreamTookIsNotPublished(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	posting := stream.Publication{RefundID: "rf-1", Channel: channel.CreditCard, Body: []byte("{}")}
	if _, err := stream.NewPublisher(js).Publish(t.Context(), posting); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Fatalf("no stream: %v", err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"refunds.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.NewPublisher(js).Publish(t.Context(), posting); !errors.Is(err, stream.ErrWrongStream) {
		t.Fatalf("another stream: %v", err)
	}
	letters := stream.NewDeadLetters(js, func() int { return 1000 })
	if err := letters.Publish(t.Context(), letter("x")); !errors.Is(err, stream.ErrWrongStream) {
		t.Fatalf("dead letter: %v", err)
	}
}
