package deploy_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// configurations are the four streams of contract.md §1.
func configurations() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{{
		Name: "REFUND_JOBS", Subjects: []string{
			"refunds.jobs.credit_card", "refunds.jobs.direct_debit_mandiri", "refunds.jobs.direct_debit_bri",
			"refunds.jobs.direct_debit_cimb", "refunds.jobs.direct_debit_allo", "refunds.jobs.emoney_ovo",
			"refunds.jobs.emoney_dana", "refunds.jobs.emoney_shopeepay",
		},
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
		DenyDelete: true, DenyPurge: true, MaxMsgSize: 64 << 10,
	}, {
		Name: "REFUND_WAITS", Subjects: []string{"refunds.retry.*.*", "refunds.due.*"},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		AllowMsgSchedules: true, AllowDirect: true,
	}, {
		Name: "REFUNDS", Subjects: []string{"refunds.ledger.*.*.*", "refunds.results.*.*.*"},
		Storage: jetstream.FileStorage, DenyDelete: true, DenyPurge: true, AllowDirect: true,
	}, {
		Name: "REFUND_DEAD", Subjects: []string{"refunds.dead.*"}, Storage: jetstream.FileStorage, MaxAge: 90 * 24 * time.Hour,
	}}
}

// fill has the user setup create all streams, the workers' consumers of cards
// and two consumers of results, and puts one message into each stream.
func (b broker) fill() {
	b.t.Helper()
	setup, worker, producer := b.connect("setup"), b.connect("worker"), b.connect("producer")
	for _, config := range configurations() {
		if _, err := setup.js.CreateStream(ctx(b.t), config); err != nil {
			b.t.Fatalf("create %s: %v", config.Name, err)
		}
	}
	setup.consumer("REFUND_JOBS", "worker_credit_card", "refunds.jobs.credit_card")
	setup.consumer("REFUND_WAITS", "due_credit_card", "refunds.due.credit_card")
	setup.consumer("REFUNDS", "shop", "refunds.results.>")
	setup.consumer("REFUNDS", "audit", "refunds.results.>")
	setup.undisturbed()

	producer.publish("refunds.jobs.credit_card", `{"refund_id":"rf-1"}`)
	worker.publish("refunds.ledger.credit_card.sending.rf-1", `{}`)
	worker.publish("refunds.results.credit_card.succeeded.rf-1", `{"refund_id":"rf-1"}`)
	worker.publish("refunds.dead.credit_card", `no job`)
	worker.schedule("rf-far", time.Now().Add(time.Hour))
}

func (c client) consumer(stream, name, filter string) jetstream.Consumer {
	c.t.Helper()
	consumer, err := c.js.CreateConsumer(ctx(c.t), stream, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: 30 * time.Second, MaxAckPending: 512, MaxDeliver: -1,
	})
	if err != nil {
		c.t.Fatalf("create consumer %s of %s: %v", name, stream, err)
	}
	return consumer
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
