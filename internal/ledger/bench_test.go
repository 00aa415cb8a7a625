package ledger

import (
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// full is a record with every member, and texts that are escaped.
func full() *refund.Record {
	at := refund.At(time.Date(2026, 3, 1, 9, 30, 0, 120_000_000, time.UTC))
	reason := "sent \"as\" is\\"
	return &refund.Record{
		V: refund.RecordVersion, ClientID: "BRN-0204-1720000000000", Environment: "simulator",
		Job: refund.Job{
			RefundID: "r-0000001", Channel: channel.CreditCard, InvoiceNumber: "INV-0000001",
			OriginalRequestID: "b266c265-3d61-4708-9860-000000000001", Amount: 90_001, Currency: "IDR",
			Reason: "a<b> & é\t", NotBefore: at, Deadline: at,
			Metadata: map[string]string{"order": "A-1"},
		},
		Fingerprint: "2cf24dba5fb0a30e", Rules: 3, EnqueuedAt: at, Traceparent: "00-1-2-01",
		Identity:   refund.Identity{RequestID: "b266c265-3d61-4708-9860-000000000001", PartnerRefundNo: "p", ExternalID: "1"},
		SentReason: &reason,
		Core: refund.Core{
			State: refund.Succeeded, Code: refund.CodeAnswered, Sends: 1, FirstUnknown: 1, Delays: 2, Nonce: 77,
			NotBefore: at, Deadline: at, Due: at, SendBy: at, AskFrom: at, FirstUnknownAt: at, Quiet: time.Minute,
		},
		Evidence: refund.ByResponse,
		Response: &refund.Response{HTTPStatus: 200, Code: "00", Message: "Approved", RefundType: "PARTIAL_REFUND", ApprovalCode: "123456"},
		Note:     "note", Operator: "operator", Because: "because", At: at, By: "worker-1-1", Prev: 1 << 62,
	}
}

func BenchmarkEncodeRecord(b *testing.B) {
	for name, state := range map[string]refund.State{"sending": refund.Sending, "succeeded": refund.Succeeded} {
		b.Run(name, func(b *testing.B) {
			r := full()
			r.State = state
			b.ReportAllocs()
			for b.Loop() {
				encode(r)
			}
		})
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	msg := encode(full())
	m := rawMessage{Subject: msg.Subject, Data: msg.Data, header: msg.Header}
	if m.header.Get(jobs.HeaderRecord) == "" {
		b.Fatal("no result")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(m); err != nil {
			b.Fatal(err)
		}
	}
}
