package deploy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var streams = []string{"REFUND_JOBS", "REFUND_WAITS", "REFUNDS", "REFUND_DEAD"}

// each fills a subject in once for every stream.
func each(format string, names ...string) []string {
	if len(names) == 0 {
		names = streams
	}
	var subjects []string
	for _, name := range names {
		subjects = append(subjects, fmt.Sprintf(format, name))
	}
	return subjects
}

func join(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// changesOfStreams are the requests that nobody may make: what exists is
// altered by an administrator of the server, not by a user of the account.
func changesOfStreams() []string {
	return join(
		each("$JS.API.STREAM.UPDATE.%s"), each("$JS.API.STREAM.DELETE.%s"),
		each("$JS.API.STREAM.PURGE.%s"), each("$JS.API.STREAM.SNAPSHOT.%s"),
		each("$JS.API.STREAM.RESTORE.%s"), each("$JS.API.STREAM.LEADER.STEPDOWN.%s"),
		each("$JS.API.STREAM.PEER.REMOVE.%s"), each("$JS.API.CONSUMER.LEADER.STEPDOWN.%s.x"),
		each("$JS.API.STREAM.MSG.DELETE.%s", "REFUND_JOBS", "REFUND_WAITS", "REFUNDS"),
		[]string{"$JS.API.META.LEADER.STEPDOWN", "$JS.API.ACCOUNT.PURGE.REFUNDS", "$JS.API.STREAM.CREATE.OTHER"},
	)
}

// changesOfConsumers are for setup, or for an operator's own reading.
func changesOfConsumers(names ...string) []string {
	return join(
		each("$JS.API.CONSUMER.CREATE.%s", names...), each("$JS.API.CONSUMER.CREATE.%s.worker_credit_card", names...),
		each("$JS.API.CONSUMER.DURABLE.CREATE.%s.worker_credit_card", names...),
		each("$JS.API.CONSUMER.DELETE.%s.worker_credit_card", names...),
		each("$JS.API.CONSUMER.RESET.%s.worker_credit_card", names...),
		each("$JS.API.CONSUMER.UNPIN.%s.worker_credit_card", names...),
	)
}

// changesOfReaders are all but to remove one, which is setup's: results and notices
// stay, and are read again.
func changesOfReaders() []string {
	return join(
		each("$JS.API.CONSUMER.CREATE.%s", "REFUNDS", "REFUND_DEAD"), each("$JS.API.CONSUMER.CREATE.%s.shop", "REFUNDS", "REFUND_DEAD"),
		each("$JS.API.CONSUMER.DURABLE.CREATE.%s.shop", "REFUNDS", "REFUND_DEAD"),
		each("$JS.API.CONSUMER.RESET.%s.shop", "REFUNDS", "REFUND_DEAD"), each("$JS.API.CONSUMER.UNPIN.%s.shop", "REFUNDS", "REFUND_DEAD"),
		each("$JS.API.CONSUMER.LIST.%s", "REFUND_JOBS", "REFUND_WAITS"),
	)
}

// records are the subjects on which a forged message would be believed.
func records() []string {
	return []string{
		"refunds.ledger.credit_card.sending.rf-1", "refunds.results.credit_card.succeeded.rf-1",
		"refunds.retry.credit_card.rf-1", "refunds.due.credit_card", "refunds.dead.credit_card",
	}
}

// readings are all ways to read the streams.
func readings() []string {
	return join(
		each("$JS.API.STREAM.MSG.GET.%s"), each("$JS.API.DIRECT.GET.%s"),
		each("$JS.API.DIRECT.GET.%s.refunds.ledger.credit_card.sending.rf-1"),
		each("$JS.API.CONSUMER.MSG.NEXT.%s.worker_credit_card"), each("$JS.API.CONSUMER.MSG.NEXT.%s.shop"),
	)
}

func acks() []string {
	return join(
		each("$JS.ACK.%s.worker_credit_card.1.1.1.1.0"), each("$JS.ACK._.HASH.%s.worker_credit_card.1.1.1.1.0.x"))
}

// denied says what each user tries in vain.
func denied() map[string][]string {
	pauses := each("$JS.API.CONSUMER.PAUSE.%s.worker_credit_card")
	infos := join(each("$JS.API.STREAM.INFO.%s"), each("$JS.API.CONSUMER.INFO.%s.worker_credit_card"),
		[]string{"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"})
	creations := each("$JS.API.STREAM.CREATE.%s")
	deleteDead := []string{"$JS.API.STREAM.MSG.DELETE.REFUND_DEAD"}
	changes := join(changesOfStreams(), creations, deleteDead, changesOfConsumers(), pauses)
	job := []string{"refunds.jobs.credit_card"}
	asking, answering := []string{"refunds.fleet.status"}, []string{"refunds.fleet.reply.x"}
	// A forged notice would have a producer give up a job that is worked on.
	notice := []string{"refunds.notices.credit_card"}
	return map[string][]string{
		"producer": join(asking, answering, notice, changes, readings(), acks(), infos, records(), each("REFUNDS.API.CONSUMER.MSG.NEXT.%s.shop"), []string{
			// Anybody's result with its internal record.
			"$JS.API.DIRECT.GET.REFUNDS.refunds.results.*.*.rf-1", "REFUNDS.API.DIRECT.GET.REFUNDS.refunds.results.*.*.rf-1",
			"$JS.API.DIRECT.GET.REFUNDS.refunds.results.credit_card.succeeded.rf-1",
			// Customers' tokens, and another order system's notices.
			"$JS.API.DIRECT.GET.REFUND_DEAD.refunds.dead.credit_card", "REFUNDS.API.DIRECT.GET.REFUND_DEAD.refunds.notices.credit_card",
			"REFUNDS.API.STREAM.MSG.GET.REFUND_DEAD", "REFUNDS.API.STREAM.INFO.REFUND_DEAD",
			"REFUNDS.API.CONSUMER.MSG.NEXT.REFUND_DEAD.others", "REFUNDS.API.CONSUMER.INFO.REFUND_DEAD.others",
			"$JS.ACK.REFUND_DEAD.others.1.1.1.1.0", "$JS.ACK._.HASH.REFUND_DEAD.others.1.1.1.1.0.x",
			"REFUNDS.API.CONSUMER.CREATE.REFUND_DEAD.mine.refunds.dead.>", "REFUNDS.API.CONSUMER.CREATE.REFUND_DEAD.mine.refunds.notices.>",
			"REFUNDS.API.CONSUMER.DELETE.REFUND_DEAD.orders", "REFUNDS.API.CONSUMER.RESET.REFUND_DEAD.orders",
		}),
		"worker": join(asking, changes, job, []string{"refunds.due.credit_card"},
			each("$JS.API.STREAM.MSG.GET.%s", "REFUND_JOBS", "REFUND_DEAD"), each("$JS.API.DIRECT.GET.%s"),
			each("$JS.API.DIRECT.GET.%s.refunds.ledger.credit_card.sending.rf-1"),
			each("$JS.API.CONSUMER.MSG.NEXT.%s.shop", "REFUNDS", "REFUND_DEAD"),
			[]string{"$JS.API.CONSUMER.MSG.NEXT.REFUND_DEAD.orders", "$JS.API.INFO"},
			each("$JS.ACK.%s.shop.1.1.1.1.0", "REFUNDS", "REFUND_DEAD")),
		"shop": join(asking, answering, notice, changes, readings(), infos, records(), job, acks(), []string{
			"REFUNDS.API.CONSUMER.MSG.NEXT.REFUNDS.audit", "REFUNDS.API.CONSUMER.INFO.REFUNDS.audit",
			"$JS.ACK.REFUNDS.audit.1.1.1.1.0", "$JS.ACK._.HASH.REFUNDS.audit.1.1.1.1.0.x",
			"REFUNDS.API.CONSUMER.CREATE.REFUNDS.mine.refunds.results.>", "REFUNDS.API.CONSUMER.DELETE.REFUNDS.shop",
			"REFUNDS.API.CONSUMER.RESET.REFUNDS.shop", "REFUNDS.API.STREAM.INFO.REFUNDS",
			"REFUNDS.API.DIRECT.GET.REFUNDS.refunds.ledger.credit_card.sending.rf-1", "REFUNDS.API.DIRECT.GET.REFUNDS",
			"REFUNDS.API.CONSUMER.MSG.NEXT.REFUND_DEAD.orders", "$JS.ACK.REFUND_DEAD.orders.1.1.1.1.0",
			"anything.at.all",
		}),
		"gateway": join(asking, answering, notice, changes, readings(), infos, records(), acks(), each("REFUNDS.API.STREAM.MSG.GET.%s"),
			each("REFUNDS.API.DIRECT.GET.%s", "REFUND_JOBS", "REFUND_WAITS", "REFUND_DEAD"),
			each("REFUNDS.API.DIRECT.GET.%s.refunds.dead.credit_card"), each("REFUNDS.API.DIRECT.GET.%s.refunds.jobs.credit_card"),
			each("REFUNDS.API.DIRECT.GET.%s.refunds.retry.credit_card.rf-1"), each("REFUNDS.API.DIRECT.GET.%s.>"),
			each("REFUNDS.API.CONSUMER.CREATE.%s.mine.refunds.notices.>"), each("REFUNDS.API.CONSUMER.CREATE.%s.mine.refunds.results.>"),
			each("REFUNDS.API.CONSUMER.MSG.NEXT.%s.shop"), each("REFUNDS.API.STREAM.INFO.%s"), []string{
				"REFUNDS.API.CONSUMER.MSG.NEXT.REFUND_DEAD.orders", "REFUNDS.API.CONSUMER.CREATE.REFUND_NOTICES.mine",
				"REFUNDS.API.STREAM.UPDATE.REFUND_NOTICES", "REFUNDS.API.STREAM.DELETE.REFUND_NOTICES", "REFUNDS.API.STREAM.PURGE.REFUND_NOTICES",
				"REFUNDS.API.STREAM.MSG.DELETE.REFUND_NOTICES", "$JS.API.DIRECT.GET.REFUND_NOTICES", "$JS.API.DIRECT.GET.REFUND_DEAD",
				"refunds.jobs.credit_card.x", "refunds.jobs", "anything.at.all",
			}),
		"metrics": join(asking, answering, notice, changes, readings(), acks(), records(), job, []string{"$JS.API.INFO"}),
		"operator": join(answering, notice, changesOfStreams(), creations, acks(), each("$JS.API.CONSUMER.PAUSE.%s.shop", "REFUNDS", "REFUND_DEAD"),
			changesOfConsumers("REFUND_JOBS", "REFUND_WAITS"),
			each("$JS.API.CONSUMER.DELETE.%s.shop", "REFUNDS"), each("$JS.API.CONSUMER.RESET.%s.shop", "REFUNDS"),
			each("$JS.API.CONSUMER.MSG.NEXT.%s.worker_credit_card", "REFUND_JOBS", "REFUND_WAITS")),
		"setup": join(asking, answering, notice, changesOfStreams(), deleteDead, changesOfConsumers("REFUND_JOBS", "REFUND_WAITS"),
			changesOfReaders(), pauses, readings(), acks(), records(), job, []string{
				"$JS.API.CONSUMER.CREATE.REFUND_DEAD.mine", "$JS.API.CONSUMER.CREATE.REFUND_DEAD.mine.refunds.dead.>",
				"$JS.API.CONSUMER.CREATE.REFUND_DEAD.mine.>", "$JS.API.CONSUMER.MSG.NEXT.REFUND_DEAD.orders",
			}),
	}
}

func TestNobodyDoesWhatHeMustNot(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	before := b.state()
	for user, subjects := range denied() {
		c := b.connect(user)
		for _, subject := range subjects {
			if c.denial(subject, "_INBOX_"+user+".x", nil, "{}") == nil {
				t.Errorf("%s may publish to %s", user, subject)
			}
		}
	}
	if after := b.state(); after != before {
		t.Errorf("the streams changed:\n%s\nbefore:\n%s", after, before)
	}
}

func TestNobodyListensToAnother(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, user := range users {
		c := b.connect(user)
		subjects := []string{">", "refunds.>", "refunds.results.>", "refunds.jobs.*", "refunds.dead.*", "_INBOX.>", "$JS.>", "$SYS.>"}
		for _, other := range users {
			if other != user {
				subjects = append(subjects, "_INBOX_"+other+".>")
			}
		}
		for _, subject := range subjects {
			if _, err := c.nc.SubscribeSync(subject); err != nil {
				t.Fatal(err)
			}
			if c.violation(fmt.Sprintf("Subscription to %q", subject)) == nil {
				t.Errorf("%s may subscribe to %s", user, subject)
			}
		}
	}
}

// A setup that filtered for notices and read dead letters all the same would
// have customers' tokens.
func TestSetupMakesNoConsumerOfDeadLettersUnderTheFilterOfNotices(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.fill()
	answer := b.connect("setup").request("$JS.API.CONSUMER.CREATE.REFUND_DEAD.mine.refunds.notices.>",
		`{"stream_name":"REFUND_DEAD","config":{"durable_name":"mine","name":"mine","filter_subject":"refunds.dead.>","ack_policy":"explicit"}}`)
	if !strings.Contains(answer, `"error"`) {
		t.Errorf("made: %s", answer)
	}
	answer = b.connect("setup").request("$JS.API.CONSUMER.CREATE.REFUND_DEAD.mine.refunds.notices.>",
		`{"stream_name":"REFUND_DEAD","config":{"durable_name":"mine","name":"mine","filter_subjects":["refunds.notices.>","refunds.dead.>"],"ack_policy":"explicit"}}`)
	if !strings.Contains(answer, `"error"`) {
		t.Errorf("made: %s", answer)
	}
}

// A reply subject is checked against nobody's permissions: within one account
// the acknowledgement of a job is stored as a result. The operator, who lives in
// the streams' account, shows that it is; the other accounts must not get there.
func TestReplySubjectForgesNoResultFromAnotherAccount(t *testing.T) {
	t.Parallel()
	const victim = "refunds.results.credit_card.succeeded.victim"
	const job, pull = "refunds.jobs.credit_card", "REFUNDS.API.CONSUMER.MSG.NEXT.REFUNDS.shop"
	for _, try := range []struct {
		user, subject, body string
		forged              uint64
	}{
		{"operator", job, `{"refund_id":"rf-9"}`, 1},
		{"producer", job, `{"refund_id":"rf-9"}`, 0},
		{"producer", "REFUNDS.API.CONSUMER.MSG.NEXT.REFUND_DEAD.orders", `{"batch":1,"no_wait":true}`, 0},
		{"shop", pull, `{"batch":1,"no_wait":true}`, 0},
		{"gateway", job, `{"refund_id":"rf-9"}`, 0},
		{"gateway", "REFUNDS.API.DIRECT.GET.REFUNDS", `{"seq":1,"next_by_subj":"refunds.results.>","batch":10}`, 0},
		{"gateway", "REFUNDS.API.DIRECT.GET.REFUNDS.refunds.results.credit_card.succeeded.rf-1", ``, 0},
		{"gateway", "REFUNDS.API.DIRECT.GET.REFUND_NOTICES", `{"seq":1,"batch":10}`, 0},
	} {
		b := startBroker(t)
		b.fill()
		worker := b.connect("worker")
		before := worker.publish("refunds.ledger.credit_card.sending.rf-8", "{}").Sequence
		c := b.connect(try.user)
		if err := c.denial(try.subject, victim, nil, try.body); err != nil {
			t.Fatalf("%s: the request itself was refused: %v", try.user, err)
		}
		// Whatever the server sent on is in the queue of REFUNDS before this one.
		b.connect("producer").publish(job, `{"refund_id":"rf-10"}`)
		if err := c.nc.LastError(); err != nil {
			t.Errorf("%s: %v", try.user, err)
		}
		after := worker.publish("refunds.ledger.credit_card.waiting.rf-8", "{}").Sequence
		if forged := after - before - 1; forged != try.forged {
			t.Errorf("%s stored %d forged results, want %d", try.user, forged, try.forged)
		}
	}
}

// No permission can forbid a header, so the stream must refuse those by which
// whoever publishes jobs could erase others'.
func TestProducerErasesNoJobByAHeader(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"producer", "gateway"} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			erasesNoJob(t, user)
		})
	}
}

func erasesNoJob(t *testing.T, user string) {
	t.Helper()
	b := startBroker(t)
	b.fill()
	before := b.streamState("REFUND_JOBS")
	producer := b.connect(user)
	for header, want := range map[string]string{
		"Nats-Rollup: sub":                        "10111",
		"Nats-Rollup: all":                        "10111",
		"Nats-Schedule: @at 2199-01-01T00:00:00Z": "10188",
		"Nats-Schedule-Next: purge":               "10212",
		"Nats-TTL: 1s":                            "10166",
	} {
		name, value, _ := strings.Cut(header, ": ")
		msg := &nats.Msg{Subject: "refunds.jobs.credit_card", Data: []byte("{}"), Header: nats.Header{name: {value}}}
		ack, err := producer.nc.RequestMsgWithContext(ctx(t), msg)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(ack.Data), want) {
			t.Errorf("%s: %s, want error %s", header, ack.Data, want)
		}
	}
	if after := b.streamState("REFUND_JOBS"); after != before {
		t.Errorf("REFUND_JOBS changed: %s, before %s", after, before)
	}
}

// state is what may not change: every stream's messages and configuration and
// every consumer, as one text.
func (b broker) state() string {
	b.t.Helper()
	var states []string
	for _, stream := range streams {
		states = append(states, b.streamState(stream))
	}
	return strings.Join(states, "\n")
}

func (b broker) streamState(stream string) string {
	b.t.Helper()
	var info struct {
		Config jetstream.StreamConfig `json:"config"`
		State  jetstream.StreamState  `json:"state"`
	}
	answer := b.connect("setup").request("$JS.API.STREAM.INFO."+stream, `{"deleted_details":true,"subjects_filter":">"}`)
	if err := json.Unmarshal([]byte(answer), &info); err != nil {
		b.t.Fatal(err)
	}
	text, err := json.Marshal(info)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
