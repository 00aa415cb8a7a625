package refund

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
)

// recordMembers is the stored form of a [Record]: one table gives the order in
// which members are written and the set that is read. A member that is missing
// leaves the zero value, and one that this version does not know is passed over,
// so that versions can read each other's records.
var recordMembers = []member[Record]{
	number("v", always, func(r *Record) *int { return &r.V }),
	text("client_id", always, func(r *Record) *string { return &r.ClientID }),
	text("environment", always, func(r *Record) *string { return &r.Environment }),
	object("job", jobMembers, func(r *Record) *Job { return &r.Job }),
	text("fingerprint", given, func(r *Record) *string { return &r.Fingerprint }),
	number("rules", given, func(r *Record) *int { return &r.Rules }),
	moment("enqueued_at", always, func(r *Record) *Time { return &r.EnqueuedAt }),
	text("traceparent", given, func(r *Record) *string { return &r.Traceparent }),
	object("identity", identityMembers, func(r *Record) *Identity { return &r.Identity }),
	{"sent_reason", appendSentReason, readSentReason},

	named("state", always, func(r *Record) *State { return &r.State }),
	named("why", given, func(r *Record) *Code { return &r.Code }),
	number("sends", always, func(r *Record) *int32 { return &r.Sends }),
	number("first_unknown", given, func(r *Record) *int32 { return &r.FirstUnknown }),
	number("delays", given, func(r *Record) *int32 { return &r.Delays }),
	named("nonce", always, func(r *Record) *Nonce { return &r.Nonce }),
	moment("not_before", given, func(r *Record) *Time { return &r.NotBefore }),
	moment("deadline", given, func(r *Record) *Time { return &r.Deadline }),
	moment("due", given, func(r *Record) *Time { return &r.Due }),
	moment("send_by", given, func(r *Record) *Time { return &r.SendBy }),
	moment("ask_from", given, func(r *Record) *Time { return &r.AskFrom }),
	moment("first_unknown_at", given, func(r *Record) *Time { return &r.FirstUnknownAt }),
	number("quiet", given, func(r *Record) *time.Duration { return &r.Quiet }),

	text("evidence", given, func(r *Record) *Evidence { return &r.Evidence }),
	{"said", appendResponse, readResponse},
	text("note", given, func(r *Record) *string { return &r.Note }),
	text("operator", given, func(r *Record) *string { return &r.Operator }),
	text("because", given, func(r *Record) *string { return &r.Because }),
	moment("at", always, func(r *Record) *Time { return &r.At }),
	text("by", always, func(r *Record) *string { return &r.By }),
	number("prev", always, func(r *Record) *uint64 { return &r.Prev }),
}

var jobMembers = []member[Job]{
	text("refund_id", always, func(j *Job) *string { return &j.RefundID }),
	text("channel", always, func(j *Job) *channel.Channel { return &j.Channel }),
	text("invoice_number", given, func(j *Job) *string { return &j.InvoiceNumber }),
	text("original_request_id", given, func(j *Job) *string { return &j.OriginalRequestID }),
	number("amount", given, func(j *Job) *int64 { return &j.Amount }),
	text("currency", given, func(j *Job) *string { return &j.Currency }),
	text("reason", given, func(j *Job) *string { return &j.Reason }),
	moment("not_before", given, func(j *Job) *Time { return &j.NotBefore }),
	moment("deadline", given, func(j *Job) *Time { return &j.Deadline }),
	{"metadata", appendMetadata, readMetadata},
}

var identityMembers = []member[Identity]{
	text("request_id", given, func(i *Identity) *string { return &i.RequestID }),
	text("partner_refund_no", given, func(i *Identity) *string { return &i.PartnerRefundNo }),
	text("external_id", given, func(i *Identity) *string { return &i.ExternalID }),
}

var responseMembers = []member[Response]{
	number("http_status", given, func(r *Response) *int { return &r.HTTPStatus }),
	text("code", given, func(r *Response) *string { return &r.Code }),
	text("message", given, func(r *Response) *string { return &r.Message }),
	text("error_message", given, func(r *Response) *string { return &r.ErrorMessage }),
	text("type", given, func(r *Response) *string { return &r.Type }),
	text("refund_type", given, func(r *Response) *string { return &r.RefundType }),
	text("approval_code", given, func(r *Response) *string { return &r.ApprovalCode }),
	text("refund_no", given, func(r *Response) *string { return &r.RefundNo }),
	text("reference_no", given, func(r *Response) *string { return &r.ReferenceNo }),
	text("refund_time", given, func(r *Response) *string { return &r.RefundTime }),
}

// AppendJSON appends the record's stored form. It cannot fail: ill-formed UTF-8,
// which DOKU's words may hold, becomes U+FFFD.
func (r *Record) AppendJSON(b []byte) []byte { return appendObject(b, r, recordMembers) }

// MarshalJSON implements [json.Marshaler].
func (r Record) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON wrote.
func (r *Record) UnmarshalJSON(data []byte) error { return unmarshal(data, r, recordMembers) }

// MarshalJSON implements [json.Marshaler], for reports.
func (r Response) MarshalJSON() ([]byte, error) { return appendObject(nil, &r, responseMembers), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Response) UnmarshalJSON(data []byte) error { return unmarshal(data, r, responseMembers) }

var errMore = errors.New("more than one JSON value")

func unmarshal[T any](data []byte, t *T, members []member[T]) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := readObject(d, t, members); err != nil {
		return err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

// member is one member of the object that a T is stored as.
type member[T any] struct {
	name   string
	append func(b []byte, t *T) []byte // appends nothing where the member is left out
	read   func(d *jsontext.Decoder, t *T) error
}

// presence says whether a zero value is written.
type presence bool

const (
	always presence = true
	given  presence = false
)

func text[T any, S ~string](name string, p presence, at func(*T) *S) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			if v := *at(t); v != "" || p == always {
				return appendText(b, string(v))
			}
			return b
		},
		func(d *jsontext.Decoder, t *T) error {
			v, null, err := readText(d)
			if err == nil && !null {
				*at(t) = S(v)
			}
			return err
		},
	}
}

func number[T any, N ~int | ~int32 | ~int64 | ~uint64](name string, p presence, at func(*T) *N) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			switch v := *at(t); {
			case v == 0 && p == given:
				return b
			case v < 0:
				return strconv.AppendInt(b, int64(v), 10)
			default:
				return strconv.AppendUint(b, uint64(v), 10)
			}
		},
		func(d *jsontext.Decoder, t *T) error {
			v, err := d.ReadValue()
			if err != nil {
				return err
			}
			return json.Unmarshal(v, at(t))
		},
	}
}

func moment[T any](name string, p presence, at func(*T) *Time) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			if v := *at(t); v != 0 || p == always {
				return v.appendJSON(b)
			}
			return b
		},
		func(d *jsontext.Decoder, t *T) error {
			v, null, err := readText(d)
			if err != nil || null {
				return err
			}
			return at(t).read(v)
		},
	}
}

// named is a member whose type has a text of its own.
func named[T any, V interface {
	comparable
	encoding.TextAppender
}, P interface {
	*V
	encoding.TextUnmarshaler
}](name string, p presence, at func(*T) *V) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte {
			var zero V
			if *at(t) == zero && p == given {
				return b
			}
			b, _ = (*at(t)).AppendText(append(b, '"')) // never fails
			return append(b, '"')
		},
		func(d *jsontext.Decoder, t *T) error {
			v, null, err := readText(d)
			if err != nil || null {
				return err
			}
			return P(at(t)).UnmarshalText([]byte(v))
		},
	}
}

func object[T, O any](name string, members []member[O], at func(*T) *O) member[T] {
	return member[T]{
		name,
		func(b []byte, t *T) []byte { return appendObject(b, at(t), members) },
		func(d *jsontext.Decoder, t *T) error { return readObject(d, at(t), members) },
	}
}

func appendSentReason(b []byte, r *Record) []byte {
	if r.SentReason == nil {
		return b
	}
	return appendText(b, *r.SentReason)
}

func readSentReason(d *jsontext.Decoder, r *Record) error {
	v, null, err := readText(d)
	if err == nil && !null {
		r.SentReason = &v
	}
	return err
}

func appendResponse(b []byte, r *Record) []byte {
	if r.Response == nil {
		return b
	}
	return appendObject(b, r.Response, responseMembers)
}

func readResponse(d *jsontext.Decoder, r *Record) error {
	if d.PeekKind() != 'n' {
		r.Response = &Response{}
	}
	return readObject(d, r.Response, responseMembers)
}

func appendMetadata(b []byte, j *Job) []byte {
	if len(j.Metadata) == 0 {
		return b
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(j.Metadata)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, key), ':')
		b = appendText(b, j.Metadata[key])
	}
	return append(b, '}')
}

func readMetadata(d *jsontext.Decoder, j *Job) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	var pairs map[string]string
	if err := json.Unmarshal(v, &pairs); err != nil || len(pairs) == 0 {
		return err
	}
	j.Metadata = pairs
	return nil
}

func appendText(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

func appendObject[T any](b []byte, t *T, members []member[T]) []byte {
	b = append(b, '{')
	start := len(b)
	for i := range members {
		m, before := &members[i], len(b)
		if before > start {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), m.name...), `":`...)
		value := len(b)
		if b = m.append(b, t); len(b) == value {
			b = b[:before]
		}
	}
	return append(b, '}')
}

var errKind = errors.New("a value of another kind")

// readText reads a string; null changes nothing.
func readText(d *jsontext.Decoder) (text string, null bool, err error) {
	token, err := d.ReadToken()
	switch {
	case err != nil:
		return "", false, err
	case token.Kind() == '"':
		return token.String(), false, nil
	case token.Kind() == 'n':
		return "", true, nil
	}
	return "", false, errKind
}

// readObject reads as encoding/json does: null changes nothing, and of repeated
// names the last one counts.
func readObject[T any](d *jsontext.Decoder, t *T, members []member[T]) error {
	switch token, err := d.ReadToken(); {
	case err != nil:
		return err
	case token.Kind() == 'n':
		return nil
	case token.Kind() != '{':
		return errKind
	}
	for d.PeekKind() == '"' {
		if err := readMember(d, t, members); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func readMember[T any](d *jsontext.Decoder, t *T, members []member[T]) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	name := token.String()
	for i := range members {
		if members[i].name != name {
			continue
		}
		if err := members[i].read(d, t); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return d.SkipValue()
}
