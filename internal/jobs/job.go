package jobs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

// Currency is the only currency of a job.
const Currency = "IDR"

// Job is one request for a refund (docs/contract.md, "Job"). The zero value of an
// optional field means that the job has none.
type Job struct {
	RefundID          string // [A-Za-z0-9_/:#-]{1,64}, the idempotency key
	Channel           channel.Channel
	InvoiceNumber     string
	OriginalRequestID string
	Amount            int64  // rupiah
	Currency          string // "IDR"; empty only in a broken job whose currency was invalid
	Reason            string
	Customer          Customer
	NotBefore         time.Time         // UTC
	Deadline          time.Time         // UTC
	Metadata          map[string]string // nil when empty
}

// Customer is what only the order system knows of the customer. A decoded job
// holds only the values that its channel uses.
type Customer struct {
	AccessToken secret.Text
	DeviceID    secret.Text
	IPAddress   secret.Text
}

// Fingerprint tells whether two jobs have the same content (docs/contract.md,
// "Job").
type Fingerprint [sha256.Size]byte

// String returns the fingerprint as 64 lower-case hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Fingerprint hashes what makes two jobs the same: channel, invoice_number,
// original_request_id, amount and reason. Each text is preceded by its length,
// so that no two different jobs share the hashed bytes.
func (j Job) Fingerprint() Fingerprint {
	b := make([]byte, 0, 256)
	for _, text := range []string{"refund job 1", string(j.Channel), j.InvoiceNumber, j.OriginalRequestID, j.Reason} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(j.Amount)) //nolint:gosec // the bit pattern is what is hashed
	return sha256.Sum256(b)
}

// Encode returns the job as it is published: compact JSON, absent optional
// fields left out, metadata in the order of its keys. It holds the customer's
// values in the clear. Encode checks nothing; [Decode] its output for that.
func (j Job) Encode() []byte {
	o := openObject(512)
	o.text("refund_id", j.RefundID)
	o.text("channel", string(j.Channel))
	o.text("invoice_number", j.InvoiceNumber)
	o.given("original_request_id", j.OriginalRequestID)
	o.whole("amount", j.Amount)
	o.given("currency", j.Currency)
	o.given("reason", j.Reason)
	if j.Customer != (Customer{}) {
		o.value("customer", j.Customer.encode())
	}
	o.moment("not_before", j.NotBefore)
	o.moment("deadline", j.Deadline)
	if len(j.Metadata) > 0 {
		o.value("metadata", encodePairs(j.Metadata))
	}
	return o.close()
}

func (c Customer) encode() []byte {
	o := openObject(256)
	o.given("access_token", c.AccessToken.Reveal())
	o.given("device_id", c.DeviceID.Reveal())
	o.given("ip_address", c.IPAddress.Reveal())
	return o.close()
}

// object writes one JSON object, member by member.
type object struct{ bytes []byte }

func openObject(size int) *object { return &object{append(make([]byte, 0, size), '{')} }

func (o *object) close() []byte { return append(o.bytes, '}') }

func (o *object) name(name string) {
	if len(o.bytes) > 1 {
		o.bytes = append(o.bytes, ',')
	}
	o.bytes = append(appendText(o.bytes, name), ':')
}

func (o *object) value(name string, value []byte) {
	o.name(name)
	o.bytes = append(o.bytes, value...)
}

func (o *object) text(name, value string) {
	o.name(name)
	o.bytes = appendText(o.bytes, value)
}

// given writes value unless it is empty.
func (o *object) given(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) whole(name string, value int64) {
	o.name(name)
	o.bytes = strconv.AppendInt(o.bytes, value, 10)
}

// moment writes value unless it is the zero time.
func (o *object) moment(name string, value time.Time) {
	if !value.IsZero() {
		o.name(name)
		o.bytes = appendMoment(o.bytes, value)
	}
}

// encodePairs writes the pairs in the order of their keys, so that equal pairs
// are equal bytes.
func encodePairs(pairs map[string]string) []byte {
	o := openObject(64)
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		o.text(key, pairs[key])
	}
	return o.close()
}

// appendText quotes text. Ill-formed UTF-8, which DOKU's words may hold,
// becomes U+FFFD: an answer must be recorded, so that nothing here may fail.
func appendText(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

func appendMoment(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}
