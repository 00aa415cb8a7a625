//go:build unix

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/proof/devstack"
)

// BenchmarkAck is what an acknowledgement costs the server, with and without fsync
// of every write: in a work queue, where it removes the message, and in a stream
// that keeps messages. All are sent at once, as by many workers.
func BenchmarkAck(b *testing.B) {
	for _, sync := range []bool{false, true} {
		for name, retention := range map[string]jetstream.RetentionPolicy{
			"work queue": jetstream.WorkQueuePolicy, "limits": jetstream.LimitsPolicy,
		} {
			b.Run(fmt.Sprintf("fsync=%t/%s", sync, name), func(b *testing.B) { acknowledge(b, sync, retention) })
		}
	}
}

func acknowledge(b *testing.B, sync bool, retention jetstream.RetentionPolicy) {
	b.Helper()
	n, err := devstack.StartNATS(devstack.NATSConfig{Dir: b.TempDir(), SyncAlways: sync})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(n.Stop)
	nc, err := nats.Connect(n.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ACKS", Subjects: []string{"acks"}, Retention: retention})
	if err != nil {
		b.Fatal(err)
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: "acks", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1, AckWait: time.Hour,
	})
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if _, err := js.PublishAsync("acks", make([]byte, 300), jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	batch, err := consumer.Fetch(b.N, jetstream.FetchMaxWait(time.Minute))
	if err != nil {
		b.Fatal(err)
	}
	var messages []jetstream.Msg
	for m := range batch.Messages() {
		messages = append(messages, m)
	}
	b.ResetTimer()
	for _, m := range messages[:len(messages)-1] {
		if err := m.Ack(); err != nil {
			b.Fatal(err)
		}
	}
	if err := messages[len(messages)-1].DoubleAck(ctx); err != nil { // the server takes them in their order
		b.Fatal(err)
	}
}
