package deploy_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// fill has the user setup create all streams, the workers' consumers and two
// readers each of results and of notices, and puts one message into each stream.
func (b broker) fill() {
	b.t.Helper()
	setup, worker, producer := b.connect("setup"), b.connect("worker"), b.connect("producer")
	if _, err := (stream.SetupConfig{NoticeStream: true, Replicas: 1}).Run(ctx(b.t), setup.js); err != nil {
		b.t.Fatalf("set up: %v (%v)", err, setup.nc.LastError())
	}
	setup.reader(stream.Refunds, "shop", "refunds.results.>")
	setup.reader(stream.Refunds, "audit", "refunds.results.>")
	setup.reader(stream.Dead, "orders", "refunds.notices.>")
	setup.reader(stream.Dead, "others", "refunds.notices.>")
	setup.undisturbed()

	producer.publish("refunds.jobs.credit_card", `{"refund_id":"rf-1"}`)
	worker.publish("refunds.ledger.credit_card.sending.rf-1", `{}`)
	worker.publish("refunds.results.credit_card.succeeded.rf-1", `{"refund_id":"rf-1"}`)
	worker.publish("refunds.dead.credit_card", `no job`)
	worker.schedule("rf-far", time.Now().Add(time.Hour))
}

func (c client) reader(stream, name, filter string) {
	c.t.Helper()
	_, err := c.js.CreateConsumer(ctx(c.t), stream, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		c.t.Fatalf("create consumer %s: %v (%v)", name, err, c.nc.LastError())
	}
}

// publish stores a message and fails the test where it is not stored.
func (c client) publish(subject, body string, opts ...jetstream.PublishOpt) *jetstream.PubAck {
	c.t.Helper()
	ack, err := c.js.Publish(ctx(c.t), subject, []byte(body), opts...)
	if err != nil {
		c.t.Fatalf("%s publishes %s: %v (%v)", c.name, subject, err, c.nc.LastError())
	}
	return ack
}

// take pulls one message through a consumer that exists.
func (c client) take(stream, consumer string) jetstream.Msg {
	c.t.Helper()
	pull, err := c.js.Consumer(ctx(c.t), stream, consumer)
	if err != nil {
		c.t.Fatalf("%s looks %s up: %v (%v)", c.name, consumer, err, c.nc.LastError())
	}
	msg, err := pull.Next(jetstream.FetchContext(ctx(c.t)))
	if err != nil {
		c.t.Fatalf("%s pulls from %s: %v (%v)", c.name, consumer, err, c.nc.LastError())
	}
	return msg
}

// settle acknowledges and waits until the server has it: a denied ack returns
// nothing else.
func settle(t *testing.T, msg jetstream.Msg) {
	t.Helper()
	if err := msg.DoubleAck(ctx(t)); err != nil {
		t.Fatalf("ack %s: %v", msg.Subject(), err)
	}
}
