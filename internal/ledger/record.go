package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// encode turns a record into the message that stores it: on refunds.ledger the
// record is the body; on refunds.results the body is the event of
// docs/contract.md, "Result" and the record travels in one header.
func encode(r *refund.Record) (*nats.Msg, error) {
	text, err := marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record of %s: %w", r.Job.RefundID, err)
	}
	if !r.State.Result() {
		subject := jobs.LedgerSubject(r.Job.Channel, r.State, r.Job.RefundID)
		return &nats.Msg{Subject: subject, Data: text, Header: nats.Header{}}, nil
	}
	result := Result(r)
	header := result.Headers(jobs.EventSource(r.Environment, r.ClientID), r.Traceparent)
	header.Set(jobs.HeaderRecord, string(text))
	return &nats.Msg{Subject: result.Subject(), Data: result.Encode(), Header: header}, nil
}

// marshal leaves <, > and & as they are: escaped they would take six bytes each,
// and texts of others decide how large a record can be.
func marshal(r *refund.Record) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// decode reads the record back from either kind of message.
func decode(m rawMessage) (refund.Record, error) {
	text := m.Data
	if h := m.header.Get(jobs.HeaderRecord); h != "" {
		text = []byte(h)
	}
	var r refund.Record
	if err := json.Unmarshal(text, &r); err != nil {
		return refund.Record{}, fmt.Errorf("read record on %s: %w", m.Subject, err)
	}
	if r.V != refund.RecordVersion {
		return refund.Record{}, fmt.Errorf("record on %s has version %d, this program reads %d", m.Subject, r.V, refund.RecordVersion)
	}
	return r, nil
}
