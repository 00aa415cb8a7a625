package jobs

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// resultVersion is the v of every result: a reader that meets another one must
// not guess what its members mean.
const resultVersion = 1

// member is one member of an object of type T that the contract fixes: one
// table gives the order in which it is written and the set that is read.
type member[T any] struct {
	name   string
	append func(b []byte, t *T) []byte
	read   func(t *T, value jsontext.Value) error
}

// resultMembers stands in the order of docs/contract.md.
var resultMembers = []member[Result]{
	{"v", appendVersion, readVersion},
	text("refund_id", func(r *Result) *string { return &r.RefundID }),
	text("channel", func(r *Result) *channel.Channel { return &r.Channel }),
	{"status", appendStatus, readStatus},
	text("invoice_number", func(r *Result) *string { return &r.InvoiceNumber }),
	text("original_request_id", func(r *Result) *string { return &r.OriginalRequestID }),
	whole("amount", func(r *Result) *int64 { return &r.Amount }),
	text("currency", func(r *Result) *string { return &r.Currency }),
	text("refund_type", func(r *Result) *string { return &r.RefundType }),
	text("message", func(r *Result) *string { return &r.Message }),
	text("approval_code", func(r *Result) *string { return &r.ApprovalCode }),
	text("partner_refund_no", func(r *Result) *string { return &r.PartnerRefundNo }),
	text("refund_no", func(r *Result) *string { return &r.RefundNo }),
	text("reference_no", func(r *Result) *string { return &r.ReferenceNo }),
	text("refund_time", func(r *Result) *string { return &r.RefundTime }),
	{"error", appendError, readError},
	text("request_id", func(r *Result) *string { return &r.RequestID }),
	{
		"attempts",
		func(b []byte, r *Result) []byte { return strconv.AppendInt(b, r.Attempts, 10) },
		func(r *Result, v jsontext.Value) error { return json.Unmarshal(v, &r.Attempts) },
	},
	text("evidence", func(r *Result) *refund.Evidence { return &r.Evidence }),
	text("environment", func(r *Result) *string { return &r.Environment }),
	moment("enqueued_at", func(r *Result) *time.Time { return &r.EnqueuedAt }),
	moment("completed_at", func(r *Result) *time.Time { return &r.CompletedAt }),
	{"metadata", appendMetadata, readMetadata},
}

var errorMembers = []member[ResultError]{
	text("source", func(e *ResultError) *string { return &e.Source }),
	text("code", func(e *ResultError) *string { return &e.Code }),
	text("message", func(e *ResultError) *string { return &e.Message }),
	text("type", func(e *ResultError) *string { return &e.Type }),
	whole("http_status", func(e *ResultError) *int64 { return &e.HTTPStatus }),
}

func encodeMembers[T any](t *T, members []member[T], size int) []byte {
	o := openObject(size)
	for i := range members {
		m := &members[i]
		if len(o.bytes) > 1 {
			o.bytes = append(o.bytes, ',')
		}
		o.bytes = append(append(append(o.bytes, '"'), m.name...), `":`...) // a name of ours has nothing to escape
		o.bytes = m.append(o.bytes, t)
	}
	return o.close()
}

func decodeMembers[T any](body []byte, t *T, members []member[T]) error {
	var values map[string]jsontext.Value
	if err := json.Unmarshal(body, &values); err != nil {
		return errors.New("not one JSON object") // the cause would quote the body
	}
	for _, m := range members {
		value, ok := values[m.name]
		if !ok {
			return fmt.Errorf("%s is missing", m.name)
		}
		if err := m.read(t, value); err != nil {
			return fmt.Errorf("%s has another type", m.name)
		}
	}
	if len(values) != len(members) {
		return errors.New("a member that no result has")
	}
	return nil
}

func text[T any, S ~string](name string, at func(*T) *S) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			if *at(t) == "" {
				return append(b, "null"...)
			}
			return appendText(b, string(*at(t)))
		},
		func(t *T, v jsontext.Value) error { return json.Unmarshal(v, at(t)) },
	}
}

func whole[T any](name string, at func(*T) *int64) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			if *at(t) == 0 {
				return append(b, "null"...)
			}
			return strconv.AppendInt(b, *at(t), 10)
		},
		func(t *T, v jsontext.Value) error { return json.Unmarshal(v, at(t)) },
	}
}

func moment[T any](name string, at func(*T) *time.Time) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			if at(t).IsZero() {
				return append(b, "null"...)
			}
			return appendMoment(b, *at(t))
		},
		func(t *T, v jsontext.Value) error { return json.Unmarshal(v, at(t)) },
	}
}

func appendVersion(b []byte, _ *Result) []byte { return strconv.AppendInt(b, resultVersion, 10) }

func readVersion(_ *Result, v jsontext.Value) error {
	if string(v) != strconv.Itoa(resultVersion) {
		return errors.New("another version")
	}
	return nil
}

func appendStatus(b []byte, r *Result) []byte {
	if r.Status == refund.None {
		return append(b, "null"...)
	}
	return appendText(b, r.Status.String())
}

func readStatus(r *Result, v jsontext.Value) error {
	if v.Kind() == 'n' {
		return nil
	}
	return json.Unmarshal(v, &r.Status)
}

func appendError(b []byte, r *Result) []byte {
	if r.Error == (ResultError{}) {
		return append(b, "null"...)
	}
	return append(b, encodeMembers(&r.Error, errorMembers, 256)...)
}

func readError(r *Result, v jsontext.Value) error {
	if v.Kind() == 'n' {
		return nil
	}
	return decodeMembers(v, &r.Error, errorMembers)
}

func appendMetadata(b []byte, r *Result) []byte { return append(b, encodePairs(r.Metadata)...) }

// readMetadata leaves empty metadata nil, as [Decode] does.
func readMetadata(r *Result, v jsontext.Value) error {
	var pairs map[string]string
	if err := json.Unmarshal(v, &pairs); err != nil || len(pairs) == 0 {
		return err
	}
	r.Metadata = pairs
	return nil
}
