package service_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker/internal/channel"
	"refundworker/internal/devstack"
	"refundworker/internal/jobs"
	"refundworker/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixture struct {
	*devstack.Stack
	results jetstream.MessagesContext
}

func setup(t *testing.T, cfg devstack.Config) fixture {
	t.Helper()
	cfg.Dir = t.TempDir()
	s, err := devstack.Start(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	c, err := s.JS.OrderedConsumer(t.Context(), jobs.StreamRefunds, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{"refunds.results.>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{Stack: s}
	if f.results, err = c.Messages(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.results.Stop)
	return f
}

// worker starts a worker that the test's end drains.
func (f fixture) worker(t *testing.T, change func(*service.Config)) *devstack.Worker {
	t.Helper()
	level := slog.LevelError + 4
	if testing.Verbose() && os.Getenv("LOG_LEVEL") == "debug" {
		level = slog.LevelDebug
	}
	cfg := f.WorkerConfig(slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})))
	if change != nil {
		change(&cfg)
	}
	w := f.StartWorker(context.WithoutCancel(t.Context()), cfg)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("worker ended with %v", err)
		}
	})
	return w
}

// publish is a raw NATS publisher: it knows the contract's text and nothing of
// our code.
func (f fixture) publish(t *testing.T, ch channel.Channel, body string) {
	t.Helper()
	if _, err := f.JS.Publish(t.Context(), "refunds.jobs."+string(ch), []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// result returns the next result event.
func (f fixture) result(t *testing.T) jobs.Result {
	t.Helper()
	msg, err := f.results.Next(jetstream.NextMaxWait(30 * time.Second))
	if err != nil {
		t.Fatalf("no result: %v", err)
	}
	r, err := jobs.DecodeResult(msg.Data())
	if err != nil {
		t.Fatalf("%s: %v\n%s", msg.Subject(), err, msg.Data())
	}
	return r
}

// bodies is one job for every channel, as an order system writes it.
var bodies = map[channel.Channel]string{
	channel.CreditCard:         `{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-20210118-0001","original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c","amount":90000}`,
	channel.DirectDebitMandiri: `{"refund_id":"rf-2","channel":"direct_debit_mandiri","invoice_number":"INV-0001","original_request_id":"REQ-0001","amount":10000,"reason":"Request by Customer","customer":{"access_token":"tok"}}`,
	channel.DirectDebitBRI:     `{"refund_id":"rf-3","channel":"direct_debit_bri","invoice_number":"INV-0003","amount":10000,"customer":{"access_token":"tok"}}`,
	channel.DirectDebitCIMB:    `{"refund_id":"rf-4","channel":"direct_debit_cimb","invoice_number":"INV-0004","amount":10000,"customer":{"access_token":"tok"}}`,
	channel.DirectDebitAllo:    `{"refund_id":"rf-5","channel":"direct_debit_allo","invoice_number":"` + strings.Repeat("A", 32) + `","amount":10000,"customer":{"access_token":"tok","ip_address":"10.1.2.3"}}`,
	channel.EmoneyOVO:          `{"refund_id":"rf-6","channel":"emoney_ovo","invoice_number":"INV-0006","amount":10000}`,
	channel.EmoneyDANA:         `{"refund_id":"rf-7","channel":"emoney_dana","invoice_number":"INV-0007","amount":10000,"customer":{"device_id":"d","ip_address":"10.1.2.3"}}`,
	channel.EmoneyShopeePay:    `{"refund_id":"rf-8","channel":"emoney_shopeepay","invoice_number":"INV-0008","amount":10000,"customer":{"device_id":"d","ip_address":"10.1.2.3"}}`,
}

func TestRawPublisherGetsItsResultsOnAllEightChannels(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, nil)
	for ch, body := range bodies {
		f.publish(t, ch, body)
	}
	for range bodies {
		r := f.result(t)
		if r.Status != jobs.StatusSucceeded || r.Evidence != jobs.EvidenceResponse || r.Attempts != 1 || r.Environment != "simulator" {
			t.Errorf("result = %+v", r)
		}
	}
	if book := f.DOKU.Book(); book.Total.Movements != 8 || book.Total.Amount != 90000+7*10000 {
		t.Errorf("money moved: %+v", book.Total)
	}
}
