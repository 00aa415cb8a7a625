package stream_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// Another program may have made a reader of two channels: it is shown and removed like
// ours, and never taken for one of another filter.
func TestAReaderWithTwoFiltersIsOne(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	ctx := t.Context()
	_, err := js.CreateConsumer(ctx, stream.Refunds, jetstream.ConsumerConfig{
		Durable: "two", FilterSubjects: []string{"refunds.results.credit_card.>", "refunds.results.emoney_ovo.>"}, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := stream.Reader{Name: "all", Stream: stream.Refunds, Filter: stream.ResultFilter("", refund.None)}
	if made, err := stream.AddReader(ctx, js, all); err != nil || !made {
		t.Fatal(made, err)
	}
	found, err := stream.Readers(ctx, js)
	if err != nil || len(found) != 2 || found[1].Filter != "refunds.results.credit_card.>, refunds.results.emoney_ovo.>" {
		t.Errorf("%+v, %v", found, err)
	}
	two := all
	two.Name = "two"
	if _, err := stream.AddReader(ctx, js, two); !errors.Is(err, stream.ErrReader) {
		t.Errorf("taken for a reader of everything: %v", err)
	}
	if r, err := stream.RemoveReader(ctx, js, stream.Refunds, "two"); err != nil || r.Name != "two" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFiltersOfReaders(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"refunds.results.>":                       stream.ResultFilter("", refund.None),
		"refunds.results.credit_card.*.*":         stream.ResultFilter(channel.CreditCard, refund.None),
		"refunds.results.*.unresolved.*":          stream.ResultFilter("", refund.Unresolved),
		"refunds.results.credit_card.succeeded.*": stream.ResultFilter(channel.CreditCard, refund.Succeeded),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
