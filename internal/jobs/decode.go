package jobs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
)

// MaxJobSize is the largest job, in bytes (docs/contract.md, "Job").
const MaxJobSize = 16 << 10

// Outcome says what a message is. The zero value is [Unreadable].
type Outcome uint8

// The three outcomes of decoding.
const (
	Unreadable Outcome = iota // no refund can be named: a dead letter
	Invalid                   // the refund can be named: a rejected result
	Valid                     // a job that keeps every rule
)

// Decoded is what [Decode] made of a message.
type Decoded struct {
	Outcome Outcome

	// Job holds every field when sound. When broken it holds RefundID, Channel
	// and those other fields that were valid, which is what a rejected result
	// repeats, and customer values that only a rule of this version forbids;
	// when unreadable, Channel alone.
	Job Job

	Problems Problems // when broken: at least one
	Err      error    // when unreadable: why, one of the sentinels from [ErrTooLarge] to [ErrRefundIDForm]

	// BodySHA256 is taken over the bytes of the message, whatever they are.
	BodySHA256 Fingerprint

	// CustomerTokenMissing: the channel requires a customer value (the access
	// token, or the address or device that it wants as well) that this message
	// lacks, so that nothing can be sent with it. In a job this is a problem as
	// well; in a wake-up it is not.
	CustomerTokenMissing bool

	// content is the fingerprint of a broken job whose five fields of content
	// could be read, whatever rules they break; else zero.
	content Fingerprint
}

// Fingerprint returns what a repeat of the message is compared by: the job's
// content when sound, the very bytes when not.
func (d Decoded) Fingerprint() Fingerprint {
	if d.Outcome == Valid {
		return d.Job.Fingerprint()
	}
	return d.BodySHA256
}

// AnyRules is the version to give to [Decoded.Repeats] for a message that only
// workers publish.
const AnyRules = -1

// Repeats reports whether the message is the job that was recorded with that
// fingerprint and checked by that version of the rules ([RulesVersion]; 0:
// the record names none). The very bytes of a recorded job repeat it. So does a
// job of the same content, unless it breaks a rule that was in force when the
// first message was accepted. A rule that is stricter than the recorded one must
// not turn a refund's own wait into a dead letter: the refund would be lost.
func (d Decoded) Repeats(fingerprint string, rules int) bool {
	switch {
	case fingerprint == "": // cancelled before a job came
		return true
	case fingerprint == d.Fingerprint().String(), fingerprint == d.BodySHA256.String():
		return true
	}
	return d.content != Fingerprint{} && fingerprint == d.content.String() && d.Problems.newerThan(rules)
}

// Decode reads a job that came on a subject of ch by the rules of
// docs/contract.md, "Job". It keeps no reference to data.
func Decode(ch channel.Channel, data []byte) Decoded { return decode(ch, data, true) }

// DecodeWakeUp is [Decode] for a message made from the ledger, which has no
// customer values (docs/architecture.md, "Scheduled messages"): that required
// ones are missing is then no problem.
func DecodeWakeUp(ch channel.Channel, data []byte) Decoded { return decode(ch, data, false) }

func decode(ch channel.Channel, data []byte, customerRequired bool) Decoded {
	d := Decoded{Job: Job{Channel: ch}, BodySHA256: sha256.Sum256(data)}
	switch {
	case len(data) > MaxJobSize:
		d.Err = ErrTooLarge
		return d
	case !utf8.Valid(data):
		d.Err = ErrNotUTF8
		return d
	}
	r := newReader(ch, data)
	if d.Err = r.readJob(); d.Err != nil {
		return d
	}
	d.CustomerTokenMissing = r.finish(customerRequired)
	d.Job, d.Problems, d.Outcome = r.job, r.problems, Valid
	if len(r.problems.List) > 0 {
		d.Outcome = Invalid
		d.content = r.fingerprint()
	}
	return d
}

// reader walks the bytes of one job once.
type reader struct {
	dec      *jsontext.Decoder
	facts    channel.Facts
	job      Job
	content  Job // the five fields of the fingerprint as they could be read
	problems Problems
	noPrint  bool  // one of those five could not be read
	err      error // the first syntax error; nothing is read after it

	ids           int    // members refund_id met
	seen          uint32 // fields met, by their bit
	given         uint32 // fields that were neither null nor ""; repeated ones too
	customerSeen  uint32 // the same within customer
	customerGiven uint32
	noCustomer    bool // customer is itself the problem, not what it lacks
}

// lenient lets the walk go on past what makes a job broken and not unreadable:
// repeated members and, the bytes being valid UTF-8 already, lone surrogate
// escapes. Depth is not a concern: the decoder allows more of it than 16 KiB hold.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func newReader(ch channel.Channel, data []byte) *reader {
	return &reader{
		dec:   jsontext.NewDecoder(bytes.NewBuffer(data), lenient),
		facts: ch.Facts(),
		job:   Job{Channel: ch, Currency: Currency},
	}
}

// readJob reads the whole message and returns why it is unreadable, if it is.
func (r *reader) readJob() error {
	if r.dec.PeekKind() != '{' {
		return ErrNotObject
	}
	r.object(r.member)
	if r.err != nil {
		return ErrNotObject // the cause would quote the message
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return ErrNotObject
	}
	switch {
	case r.ids == 0:
		return ErrNoRefundID
	case r.ids > 1:
		return ErrRepeatedRefundID
	case r.job.RefundID == "":
		return ErrRefundIDForm
	}
	return nil
}

// member reads one member of the job. A second one of the same name makes the
// field worthless, for nobody can say which is meant.
func (r *reader) member(name []byte, _ bool) {
	if string(name) == refundIDField {
		r.refundID()
		return
	}
	i, known := fieldIndex[string(name)]
	bit := uint32(1) << i
	switch {
	case !known:
		r.unknown("", name)
		return
	case r.seen&bit == 0:
		r.seen |= bit
		if !fields[i].read(r) {
			return
		}
	default:
		r.broken(fields[i].name, ruleRepeated)
		fields[i].clear(r)
		r.skip()
	}
	r.given |= bit
}

func (r *reader) unknown(parent string, name []byte) {
	r.broken(parent+shownName(name), ruleUnknown)
	r.skip()
}

// broken notes a rule that a field breaks so that its value is not known.
func (r *reader) broken(name, rule string) {
	r.problems.add(Problem{Field: name, Rule: rule})
	r.noPrint = r.noPrint || slices.Contains(contentFields, name)
}

// unfit notes a rule that the value of a field of content breaks.
func (r *reader) unfit(name, rule string) {
	r.problems.add(Problem{Field: name, Rule: rule, since: sinceRecord})
}

// contentFields are the fields whose values [Job.Fingerprint] hashes.
var contentFields = []string{"channel", "invoice_number", "original_request_id", "amount", "reason"}

// fingerprint is that of the content; zero where part of it could not be read.
func (r *reader) fingerprint() Fingerprint {
	if r.noPrint {
		return Fingerprint{}
	}
	r.content.Channel = r.job.Channel
	return r.content.Fingerprint()
}

// refundID keeps a well-formed id; anything else leaves it empty.
func (r *reader) refundID() {
	r.ids++
	if r.dec.PeekKind() != '"' {
		r.skip()
		return
	}
	if id, sound := unquote(r.value()); sound && ValidRefundID(string(id)) {
		r.job.RefundID = string(id)
	}
}

// object calls each for every member of the object that comes next; each reads
// the value. sound is false for a name with a lone surrogate.
func (r *reader) object(each func(name []byte, sound bool)) {
	r.token()
	for r.err == nil && r.dec.PeekKind() != '}' {
		raw := r.value()
		if r.err != nil {
			return
		}
		each(unquote(raw))
	}
	r.token()
}

func (r *reader) token() {
	if r.err == nil {
		_, r.err = r.dec.ReadToken()
	}
}

// value returns the bytes of the value or name that comes next; they are good
// until the next read.
func (r *reader) value() jsontext.Value {
	if r.err != nil {
		return nil
	}
	var value jsontext.Value
	value, r.err = r.dec.ReadValue()
	return value
}

func (r *reader) skip() {
	if r.err == nil {
		r.err = r.dec.SkipValue()
	}
}

// unquote returns the text of a JSON string. sound is false if it holds a lone
// surrogate; the text then has U+FFFD there. raw is valid UTF-8.
func unquote(raw jsontext.Value) (text []byte, sound bool) {
	if len(raw) < 2 {
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return text, err == nil
}
