package jobs_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// Producers can set any header on a job.
func TestWakeUpHeaderCountsOnTheDueSubjectsAlone(t *testing.T) {
	t.Parallel()
	header := nats.Header{jobs.HeaderWakeUp: {"1"}}
	for due, want := range map[bool]refund.JobKind{false: refund.ValidJob, true: refund.WakeUp} {
		in := jobs.Read(channel.CreditCard, header, object(cardJob()), due)
		if e := in.Delivered(&refund.Record{}); e.Job != want || in.WakeUp != due {
			t.Errorf("due %v: %+v", due, e)
		}
	}
}

func TestJobSurvivesItsRecord(t *testing.T) {
	t.Parallel()
	job := jobs.Decode(channel.CreditCard, object(cardJob())).Job
	again := jobs.FromRecord(job.Recorded())
	if again.Fingerprint() != job.Fingerprint() || again.RefundID != job.RefundID {
		t.Errorf("%+v", again)
	}
}

func TestInvalidJobOfARecordedRefundStopsNothing(t *testing.T) {
	t.Parallel()
	in := jobs.Read(channel.CreditCard, nil, object(edit(cardJob(), "amount", "0")), false)
	if e := in.Delivered(&refund.Record{}); e.Job != refund.InvalidJob || e.Code != refund.CodeInvalidJob {
		t.Errorf("without a record: %+v", e)
	}
	recorded := in.FirstRecord(1)
	if e := in.Delivered(&recorded); e.Job != refund.ValidJob || !e.Same {
		t.Errorf("recorded: %+v", e)
	}
}
