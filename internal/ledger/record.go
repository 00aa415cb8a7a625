package ledger

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// encode turns a record into the message that stores it: on refunds.ledger the
// record is the body; on refunds.results the body is the event of
// docs/contract.md, "Result" and the record travels in one header.
func encode(r *refund.Record) *nats.Msg {
	text := r.AppendJSON(make([]byte, 0, usualRecord))
	if !r.State.Result() {
		subject := jobs.LedgerSubject(r.Job.Channel, r.State, r.Job.RefundID)
		return &nats.Msg{Subject: subject, Data: text, Header: nats.Header{}}
	}
	result := Result(r)
	header := result.Headers(jobs.EventSource(r.Environment, r.ClientID), r.Traceparent)
	header.Set(jobs.HeaderRecord, string(text))
	return &nats.Msg{Subject: result.Subject(), Data: result.Encode(), Header: header}
}

// usualRecord is more bytes than most records have.
const usualRecord = 1 << 10

// DecodeRecord reads a record out of a message of the stream REFUNDS, whoever's it
// is. Its error is [ErrRecord].
func DecodeRecord(subject string, header nats.Header, data []byte) (refund.Record, error) {
	r, err := decode(rawMessage{Subject: subject, Data: data, header: header})
	if err != nil {
		return refund.Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, nil
}

// decode reads the record back from either kind of message.
func decode(m rawMessage) (refund.Record, error) {
	text := m.Data
	if h := m.header.Get(jobs.HeaderRecord); h != "" {
		text = []byte(h)
	}
	var r refund.Record
	if err := r.UnmarshalJSON(text); err != nil {
		return refund.Record{}, fmt.Errorf("read record on %s: %w", m.Subject, err)
	}
	if r.V != refund.RecordVersion {
		return refund.Record{}, fmt.Errorf("record on %s has version %d, this program reads %d", m.Subject, r.V, refund.RecordVersion)
	}
	return r, nil
}
