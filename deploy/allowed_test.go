package deploy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// schedule stores a wait as the worker does.
func (c client) schedule(refundID string, due time.Time) {
	c.t.Helper()
	msg := nats.NewMsg("refunds.retry.credit_card." + refundID)
	msg.Data = []byte(`{"refund_id":"` + refundID + `"}`)
	msg.Header.Set("Nats-Schedule", "@at "+due.UTC().Format(time.RFC3339Nano))
	msg.Header.Set("Nats-Schedule-Target", "refunds.due.credit_card")
	if _, err := c.js.PublishMsg(ctx(c.t), msg); err != nil {
		c.t.Fatalf("%s schedules: %v (%v)", c.name, err, c.nc.LastError())
	}
}

func TestProducerPublishesJobs(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	producer := b.connect("producer")
	ack := producer.publish("refunds.jobs.emoney_ovo", "{}", jetstream.WithMsgID("rf-2.0123456789abcdef"))
	if ack.Stream != "REFUND_JOBS" || ack.Duplicate {
		t.Errorf("acknowledged by %q, duplicate %v", ack.Stream, ack.Duplicate)
	}
	if !producer.publish("refunds.jobs.emoney_ovo", "{}", jetstream.WithMsgID("rf-2.0123456789abcdef")).Duplicate {
		t.Error("the same Nats-Msg-Id is no duplicate")
	}
	future, err := producer.js.PublishAsync("refunds.jobs.credit_card", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-future.Ok():
	case err := <-future.Err():
		t.Errorf("asynchronous publish: %v", err)
	case <-ctx(t).Done():
		t.Error("asynchronous publish: no answer")
	}
	producer.undisturbed()
}

// A notice reaches anyone who listens, as a hint, and the order system's own
// durable consumer, without a gap.
func TestProducerLearnsOfItsDeadLetters(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	producer := b.connect("producer")
	hints, err := producer.nc.SubscribeSync("refunds.notices.*")
	if err != nil {
		t.Fatal(err)
	}
	producer.undisturbed()
	const notice = `{"v":1,"channel":"emoney_ovo","reason":"unreadable","stream":"REFUND_JOBS","sequence":7}`
	worker := b.connect("worker")
	worker.publish("refunds.dead.emoney_ovo", "planted-token", jetstream.WithMsgID("REFUND_JOBS.7"))
	worker.publish("refunds.notices.emoney_ovo", notice, jetstream.WithMsgID("notice.REFUND_JOBS.7"))
	hint, err := hints.NextMsgWithContext(ctx(t))
	if err != nil || string(hint.Data) != notice || hint.Subject != "refunds.notices.emoney_ovo" {
		t.Fatalf("%v, err %v", hint, err)
	}
	api, err := jetstream.NewWithAPIPrefix(producer.nc, "REFUNDS.API")
	if err != nil {
		t.Fatal(err)
	}
	producer.js = api
	kept := producer.take("REFUND_DEAD", "orders")
	if string(kept.Data()) != notice {
		t.Errorf("the durable consumer reads %q", kept.Data())
	}
	settle(t, kept)
	producer.undisturbed()
}

// enqueue --wait is a person's tool: it needs what an operator may do.
func TestOperatorPublishesAJobAndWaitsForItsResult(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	operator := b.connect("operator")
	hints, err := operator.nc.SubscribeSync("refunds.notices.*")
	if err != nil {
		t.Fatal(err)
	}
	operator.publish("refunds.jobs.emoney_ovo", "{}")
	if got := operator.request("$JS.API.DIRECT.GET.REFUNDS.refunds.results.*.*.rf-1", ""); got != `{"refund_id":"rf-1"}` {
		t.Errorf("the result reads %q", got)
	}
	b.connect("worker").publish("refunds.notices.emoney_ovo", "{}")
	if _, err := hints.NextMsgWithContext(ctx(t)); err != nil {
		t.Error(err)
	}
	operator.undisturbed()
}

func TestWorkerTakesJobsKeepsRecordsAndWaits(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	worker := b.connect("worker")
	for _, stream := range streams {
		worker.request("$JS.API.STREAM.INFO."+stream, "")
	}
	job := worker.take("REFUND_JOBS", "worker_credit_card")
	if err := job.InProgress(); err != nil {
		t.Fatal(err)
	}
	worker.schedule("rf-1", time.Now().Add(100*time.Millisecond))
	settle(t, job)
	due := worker.take("REFUND_WAITS", "due_credit_card")
	if string(due.Data()) != `{"refund_id":"rf-1"}` {
		t.Errorf("the wait came back as %q", due.Data())
	}
	settle(t, due)

	guard := jetstream.WithExpectLastSequenceForSubject(0, "refunds.*.*.*.rf-2")
	worker.publish("refunds.ledger.credit_card.sending.rf-2", "{}", guard)
	var refused *jetstream.APIError
	_, err := worker.js.Publish(ctx(t), "refunds.results.credit_card.failed.rf-2", []byte("{}"), guard)
	if !errors.As(err, &refused) || refused.ErrorCode != 10071 {
		t.Errorf("a second first record: %v, want error 10071", err)
	}
	worker.publish("refunds.dead.credit_card", "x", jetstream.WithMsgID("REFUND_JOBS.1"))
	worker.publish("refunds.notices.credit_card", "{}", jetstream.WithMsgID("notice.REFUND_JOBS.1"))
	if got := worker.request("$JS.API.STREAM.MSG.GET.REFUNDS", `{"last_by_subj":"refunds.*.*.*.rf-2"}`); !strings.Contains(got, "sending.rf-2") {
		t.Errorf("the last record reads %s", got)
	}
	if got := worker.request("$JS.API.STREAM.MSG.GET.REFUND_WAITS", `{"seq":1,"next_by_subj":"refunds.retry.>"}`); !strings.Contains(got, "rf-far") {
		t.Errorf("the oldest wait reads %s", got)
	}
	worker.undisturbed()
}

func TestShopReadsResultsThroughItsOwnConsumer(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	shop := b.connect("shop")
	result := shop.take("REFUNDS", "shop")
	if result.Subject() != "refunds.results.credit_card.succeeded.rf-1" {
		t.Errorf("the first result is %s", result.Subject())
	}
	settle(t, result)
	if got := shop.request("REFUNDS.API.DIRECT.GET.REFUNDS.refunds.results.*.*.rf-1", ""); got != `{"refund_id":"rf-1"}` {
		t.Errorf("the result reads %q", got)
	}
	b.connect("worker").publish("refunds.results.credit_card.failed.rf-2", `{}`)
	settle(t, shop.take("REFUNDS", "shop"))
	shop.undisturbed()
}

func TestMetricsSeesEveryQueue(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	metrics := b.connect("metrics")
	for _, stream := range streams {
		if got := metrics.request("$JS.API.STREAM.INFO."+stream, ""); !strings.Contains(got, `"messages":`) {
			t.Errorf("%s: %s", stream, got)
		}
	}
	if got := metrics.request("$JS.API.CONSUMER.INFO.REFUND_JOBS.worker_credit_card", ""); !strings.Contains(got, `"num_pending":1`) {
		t.Errorf("the lag of cards: %s", got)
	}
	metrics.undisturbed()
}

func TestOperatorReadsEverythingAndSettles(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	operator := b.connect("operator")
	for subject, body := range map[string]string{
		"$JS.API.INFO": "", "$JS.API.STREAM.NAMES": "", "$JS.API.STREAM.LIST": "",
		"$JS.API.STREAM.INFO.REFUNDS": "", "$JS.API.CONSUMER.NAMES.REFUNDS": "", "$JS.API.CONSUMER.LIST.REFUNDS": "",
		"$JS.API.CONSUMER.INFO.REFUND_JOBS.worker_credit_card":  "",
		"$JS.API.STREAM.MSG.GET.REFUND_DEAD":                    `{"seq":1}`,
		"$JS.API.CONSUMER.PAUSE.REFUND_JOBS.worker_credit_card": `{"pause_until":"2199-01-01T00:00:00Z"}`,
		"$JS.API.CONSUMER.PAUSE.REFUND_WAITS.due_credit_card":   `{"pause_until":"2199-01-01T00:00:00Z"}`,
	} {
		if got := operator.request(subject, body); strings.Contains(got, `"error"`) {
			t.Errorf("%s: %s", subject, got)
		}
	}
	if got := operator.request("$JS.API.DIRECT.GET.REFUNDS.refunds.ledger.credit_card.sending.rf-1", ""); got != "{}" {
		t.Errorf("the record reads %q", got)
	}
	if got := operator.request("$JS.API.DIRECT.GET.REFUNDS", `{"seq":1}`); got != "{}" {
		t.Errorf("record 1 reads %q", got)
	}
	for _, subject := range append(records(), "refunds.jobs.credit_card") {
		if strings.HasPrefix(subject, "refunds.retry.") {
			operator.schedule("rf-3", time.Now().Add(time.Hour))
		} else {
			operator.publish(subject, "{}")
		}
	}
	operator.undisturbed()
}

func TestOperatorReadsHistoryAndClearsDeadLetters(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	operator := b.connect("operator")
	for stream, filter := range map[string]string{"REFUNDS": "refunds.*.*.*.rf-1", "REFUND_DEAD": "refunds.dead.*"} {
		reader, err := operator.js.CreateConsumer(ctx(t), stream, jetstream.ConsumerConfig{
			Name: "reader", FilterSubject: filter, AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Next(jetstream.FetchContext(ctx(t))); err != nil {
			t.Errorf("read %s: %v", stream, err)
		}
	}
	for subject, body := range map[string]string{
		"STREAM.MSG.DELETE.REFUND_DEAD": `{"seq":1}`, "CONSUMER.DELETE.REFUND_DEAD.reader": "",
	} {
		if got := operator.request("$JS.API."+subject, body); !strings.Contains(got, `"success":true`) {
			t.Errorf("%s: %s", subject, got)
		}
	}
	operator.undisturbed()
}

// The reply goes where no stream and no other user listens.
func TestOperatorAsksWorkersAndHearsThem(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	worker, operator := b.connect("worker"), b.connect("operator")
	asked, err := worker.nc.Subscribe("refunds.fleet.status", func(m *nats.Msg) { _ = m.Respond([]byte("here")) })
	if err != nil {
		t.Fatal(err)
	}
	worker.undisturbed()
	heard, err := operator.nc.SubscribeSync("refunds.fleet.reply.x")
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.nc.PublishRequest(asked.Subject, heard.Subject, nil); err != nil {
		t.Fatal(err)
	}
	if msg, err := heard.NextMsgWithContext(ctx(t)); err != nil || string(msg.Data) != "here" {
		t.Errorf("the worker said %v, %v", msg, err)
	}
	operator.undisturbed()
	worker.undisturbed()
}
