package worker

import (
	"testing"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
)

// Producers can set any header on a job.
func TestHeadersOfAJobMakeNoDeadLetter(t *testing.T) {
	t.Parallel()
	d := &intake.Delivery{
		Channel: channel.CreditCard, Source: intake.Fresh,
		Header: nats.Header{"Refund-Dead-Stream": {"REFUND_JOBS"}, "Refund-Dead-Sequence": {"7"}},
	}
	if letter, ok := deferredLetter(d); ok {
		t.Errorf("a job became the dead letter %+v", letter)
	}
	d.Source = intake.Due
	if _, ok := deferredLetter(d); !ok {
		t.Error("a dead letter that came back is not read as one")
	}
}
