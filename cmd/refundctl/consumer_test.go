package main

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/refund"
)

// As the user setup of deploy/nats.conf, and with a result that each reader is to see
// or not.
func TestReadersAreAddedListedAndRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct{ flags, consumer, filter string }{
		{"shop", "REFUNDS/shop", "refunds.results.>"},
		{"cards --channel=credit_card", "REFUNDS/cards", "refunds.results.credit_card.*.*"},
		{"pager --status=unresolved", "REFUNDS/pager", "refunds.results.*.unresolved.*"},
		{"orders --notices", "REFUND_DEAD/orders", "refunds.notices.>"},
	} {
		for _, want := range []string{"created " + c.consumer, c.consumer + " was there"} {
			e := b.runAs(t, "setup", append([]string{"consumer", "add"}, strings.Fields(c.flags)...)...)
			if e.status != exitDone {
				t.Fatalf("%+v", e)
			}
			holds(t, e.out, want+": "+c.filter)
		}
	}
	b.put(t, record("rf-1", refund.Unresolved))
	b.put(t, record("rf-2", refund.Succeeded))
	list := b.runAs(t, "setup", "consumer", "list")
	for name, unread := range map[string]string{"shop": "2", "pager": "1", "cards": "2", "orders": "0"} {
		found := false
		for line := range strings.Lines(list.out) {
			cells := strings.Fields(line)
			found = found || len(cells) == 4 && cells[0] == name && cells[2] == unread
		}
		if !found {
			t.Errorf("%s has not %s unread:\n%s", name, unread, list.out)
		}
	}
	holds(t, b.runAs(t, "setup", "consumer", "remove", "pager").out, "removed REFUNDS/pager", "had not read 1 messages")
	holds(t, b.runAs(t, "setup", "consumer", "remove", "orders", "--notices").out, "removed REFUND_DEAD/orders")
	if out := b.runAs(t, "setup", "consumer", "list").out; strings.Contains(out, "pager") || strings.Contains(out, "orders") || !strings.Contains(out, "shop") {
		t.Error(out)
	}
}

func TestAReaderThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	if e := b.runAs(t, "setup", "setup", "--result-consumer=shop"); e.status != 0 {
		t.Fatalf("%+v", e)
	}
	_, err := b.as(t, "operator").CreateConsumer(t.Context(), "REFUNDS", jetstream.ConsumerConfig{Durable: "history", FilterSubject: "refunds.ledger.>"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, says string
		status     int
	}{
		{"add shop --status=failed", "is there with another filter", exitWrong},
		{"add a.b", "NAME: must be 1 to 64 letters", exitUsage},
		{"add x --status=sending", "--status", exitUsage},
		{"add x --channel=paper", "--channel", exitUsage},
		{"add x --notices --status=failed", "--notices", exitUsage},
		{"remove nobody", "has no consumer nobody", exitWrong},
		{"remove history", "reads neither results nor notices", exitWrong},
		{"remove *", "no reader has such a name", exitWrong},
	} {
		e := b.runAs(t, "setup", append([]string{"consumer"}, strings.Fields(c.args)...)...)
		if e.status != c.status || !strings.Contains(e.errors, c.says) {
			t.Errorf("%s: %+v", c.args, e)
		}
	}
	if e := b.runAs(t, "worker", "consumer", "remove", "shop"); e.status == exitDone || !strings.Contains(e.errors, "Permissions Violation") {
		t.Errorf("a worker removed it: %+v", e)
	}
}

func TestReadersWithoutStreamsSayWhatToDo(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, args := range [][]string{{"add", "shop"}, {"list"}, {"remove", "shop"}} {
		e := b.runAs(t, "setup", append([]string{"consumer"}, args...)...)
		if e.status != exitWrong || !strings.Contains(e.errors, "stream REFUNDS is not there: run `refundctl setup` first") {
			t.Errorf("%q: %+v", args, e)
		}
	}
}

// The lines that add prints are those of deploy/nats.conf.
func TestPrintedLinesAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	if e := b.runAs(t, "setup", "setup"); e.status != 0 {
		t.Fatalf("%+v", e)
	}
	conf := read(t, "../../deploy/nats.conf")
	for _, flags := range [][]string{{"shop"}, {"orders", "--notices"}} {
		printed := 0
		for line := range strings.Lines(b.runAs(t, "setup", append([]string{"consumer", "add"}, flags...)...).out) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, `"`) {
				continue
			}
			if printed++; !strings.Contains(conf, "\n      "+line+"\n") && !strings.Contains(conf, "\n            "+line+"\n") {
				t.Errorf("not in nats.conf: %s", line)
			}
		}
		if printed != 12 {
			t.Errorf("%d lines printed for %q", printed, flags)
		}
	}
}
