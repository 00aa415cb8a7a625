package docs_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// schema compiles one of docs/schema.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits reports whether a schema accepts a document.
func fits(s *jsonschema.Schema, document []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// sample is a value that a member of a job can have, as JSON. beyond: the schema
// cannot see what is wrong with it, and says so.
type sample struct {
	json   string
	beyond bool
}

func samples(texts ...string) (all []sample) {
	for _, text := range texts {
		all = append(all, sample{json: text})
	}
	return all
}

func beyond(texts ...string) (all []sample) {
	for _, text := range texts {
		all = append(all, sample{text, true})
	}
	return all
}

func quoted(text string) string { return `"` + text + `"` }

var (
	wrongKinds = samples(`null`, `""`, `0`, `true`, `[]`, `{}`, `" "`, `"\u0000"`, `"\n"`, `"é"`)

	identifiers = slices.Concat(wrongKinds, samples(`"INV-1"`, `" x"`, `"x "`, `"a b"`, `"~!"`,
		quoted(strings.Repeat("x", 12)), quoted(strings.Repeat("x", 13)), quoted(strings.Repeat("x", 31)), quoted(strings.Repeat("x", 32)),
		quoted(strings.Repeat("x", 33)), quoted(strings.Repeat("x", 36)), quoted(strings.Repeat("x", 37)), quoted(strings.Repeat("x", 64)),
		quoted(strings.Repeat("x", 65)), quoted(strings.Repeat("x", 128)), quoted(strings.Repeat("x", 129))))

	moments = slices.Concat(wrongKinds, samples(`"2026-11-21T09:00:00Z"`, `"2026-11-21t09:00:00.123456789z"`, `"2026-11-21T09:00:00+07:00"`,
		`"2026-11-21T09:00:00"`, `"2026-11-21 09:00:00Z"`, `"2026-11-21T9:00:00Z"`, `"2026-11-21T09:00:00,5Z"`, `"2026-11-21T24:00:00Z"`,
		`"2026-11-21T09:00:00+24:00"`, `"2026-13-01T00:00:00Z"`, `"1998-01-01T00:00:00Z"`, `"2201-01-01T00:00:00Z"`),
		beyond(`"2026-02-30T09:00:00Z"`, `"1999-12-31T00:00:00Z"`, `"2200-01-01T00:00:00Z"`, `"2026-11-22T09:00:00Z"`, `"2026-11-20T09:00:00Z"`))

	// jobMembers are the samples of each member of a job. A member may be missing too.
	jobMembers = map[string][]sample{
		"refund_id": slices.Concat(wrongKinds, samples(`"rf-1"`, `"RINV/2026/00012:a#b"`, `"rf 1"`, `"rf.1"`,
			quoted(strings.Repeat("r", 64)), quoted(strings.Repeat("r", 65)))),
		"invoice_number":      identifiers,
		"original_request_id": identifiers,
		"amount": slices.Concat(wrongKinds, samples(`1`, `90000`, `90000.0`, `90000.00`, `9999999999999999`, `10000000000000000`, `-1`, `1.5`, `"90000"`),
			beyond(`90000.000`, `9e4`, `1E+05`)),
		"currency": slices.Concat(wrongKinds, samples(`"IDR"`, `"USD"`)),
		"reason": slices.Concat(wrongKinds, samples(`"Barang rusak 😢"`, quoted(strings.Repeat("é", 255)), quoted(strings.Repeat("é", 256))),
			beyond(`"4111 1111 1111 1111"`)),
		"not_before": moments,
		"deadline":   moments,
		"metadata": slices.Concat(wrongKinds, samples(`{"order":"A-17"}`, `{"":""}`, `{"a":null}`, `{"a":1}`, `{"a\n":"b"}`, `{"a":"b\u007f"}`, pairs(16), pairs(17)),
			beyond(`{"a":"`+strings.Repeat("x", 1024)+`"}`, `{"card":"4111111111111111"}`)),
		"surprise": samples(`1`),
	}

	customerMembers = map[string][]sample{
		"access_token": slices.Concat(wrongKinds, samples(`"token"`, `"to ken"`, quoted(strings.Repeat("t", 2048)), quoted(strings.Repeat("t", 2049)))),
		"device_id":    slices.Concat(wrongKinds, samples(`"device"`, quoted(strings.Repeat("d", 64)), quoted(strings.Repeat("d", 65)))),
		"ip_address":   slices.Concat(wrongKinds, samples(`"10.0.0.1"`, `"255.255.255.255"`, `"256.0.0.1"`, `"10.0.0.01"`, `"::1"`, `"10.0.0"`)),
		"surprise":     samples(`1`),
	}
)

func pairs(n int) string {
	all := map[string]string{}
	for i := range n {
		all[string(rune('a'+i))] = "x"
	}
	text, _ := json.Marshal(all)
	return string(text)
}

// sound is a job of the channel that keeps every rule, by its members.
func sound(ch channel.Channel) (job, customer map[string]sample) {
	facts := ch.Facts()
	job = map[string]sample{
		"refund_id": {json: `"rf-1"`}, "channel": {json: quoted(string(ch))}, "amount": {json: `90000`},
		"invoice_number": {json: quoted(strings.Repeat("I", facts.Invoice.Min+2))}, "original_request_id": {json: `"payment"`},
	}
	return job, map[string]sample{"access_token": {json: `"token"`}, "device_id": {json: `"device"`}, "ip_address": {json: `"10.0.0.1"`}}
}

// spoil changes up to two members.
func spoil(t *rapid.T, of map[string]sample, by map[string][]sample) {
	names := slices.Sorted(maps.Keys(by))
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		name := rapid.SampledFrom(names).Draw(t, "member")
		of[name] = rapid.SampledFrom(by[name]).Draw(t, name)
	}
}

// object writes the members, and reports whether one has something wrong that no
// schema sees.
func object(members map[string]sample) (text string, hidden bool) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, quoted(name)+":"+members[name].json)
		hidden = hidden || members[name].beyond
	}
	return "{" + strings.Join(parts, ",") + "}", hidden
}

// judges are the schema of jobs and the codec, and how often they agreed.
type judges struct {
	schema            *jsonschema.Schema
	accepted, refused int
}

// compare fails where one accepts what the other refuses, but for what the schema's
// description says that it cannot see.
func (j *judges) compare(t interface{ Fatalf(string, ...any) }, ch channel.Channel, job map[string]sample) {
	text, hidden := object(job)
	byCodec := jobs.Decode(ch, []byte(text))
	bySchema := fits(j.schema, []byte(text))
	valid := byCodec.Outcome == jobs.Valid
	if valid != (bySchema == nil) && (valid || !hidden) {
		t.Fatalf("%s\ncodec: %v %v\nschema: %v", text, byCodec.Problems, byCodec.Err, bySchema)
	}
	if valid {
		j.accepted++
	} else {
		j.refused++
	}
}

// What the schema accepts the codec accepts, and the reverse: each sample by itself, on
// every channel.
func TestTheSchemaOfJobsIsTheCodecs(t *testing.T) {
	t.Parallel()
	j := judges{schema: schema(t, "job")}
	for _, ch := range channel.All() {
		each(jobMembers, func(name string, value *sample) {
			job, customer := sound(ch)
			set(job, name, value)
			text, _ := object(customer)
			job["customer"] = sample{json: text}
			j.compare(t, ch, job)
		})
		each(customerMembers, func(name string, value *sample) {
			job, customer := sound(ch)
			set(customer, name, value)
			text, hidden := object(customer)
			job["customer"] = sample{text, hidden}
			j.compare(t, ch, job)
		})
		each(map[string][]sample{"customer": wrongKinds, "channel": slices.Concat(wrongKinds, samples(`"paper"`))}, func(name string, value *sample) {
			job, _ := sound(ch)
			set(job, name, value)
			j.compare(t, ch, job)
		})
	}
	if j.accepted < 100 || j.refused < 100 {
		t.Errorf("%d accepted, %d refused", j.accepted, j.refused)
	}
}

// each calls f with every sample of every member, and with nil for a member that is
// missing.
func each(members map[string][]sample, f func(name string, value *sample)) {
	for name, values := range members {
		f(name, nil)
		for i := range values {
			f(name, &values[i])
		}
	}
}

func set(of map[string]sample, name string, value *sample) {
	if delete(of, name); value != nil {
		of[name] = *value
	}
}

// The same of samples that meet.
func TestTheSchemaOfJobsIsTheCodecsWhereMembersMeet(t *testing.T) {
	t.Parallel()
	j := judges{schema: schema(t, "job")}
	rapid.Check(t, func(t *rapid.T) {
		ch := rapid.SampledFrom(channel.All()).Draw(t, "channel")
		job, customer := sound(ch)
		spoil(t, job, jobMembers)
		spoil(t, customer, customerMembers)
		text, hidden := object(customer)
		job["customer"] = sample{text, hidden}
		j.compare(t, ch, job)
	})
}

// Every result that a worker can write fits the schema, and is read back as it was.
func TestTheSchemaOfResultsIsTheCodecs(t *testing.T) {
	t.Parallel()
	s := schema(t, "result")
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[ -~]{1,20}`))
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
		r := jobs.Result{
			RefundID: rapid.StringMatching(`[A-Za-z0-9_/:#-]{1,64}`).Draw(t, "id"), Channel: rapid.SampledFrom(channel.All()).Draw(t, "channel"),
			Status:        rapid.SampledFrom([]refund.State{refund.Succeeded, refund.Failed, refund.Rejected, refund.Unresolved}).Draw(t, "status"),
			InvoiceNumber: text.Draw(t, "invoice"), OriginalRequestID: text.Draw(t, "original"),
			Amount:   rapid.Int64Range(0, 9_999_999_999_999_999).Draw(t, "amount"),
			Currency: rapid.SampledFrom([]string{"", "IDR"}).Draw(t, "currency"), RefundType: text.Draw(t, "type"), Message: text.Draw(t, "message"),
			ApprovalCode: text.Draw(t, "approval"), PartnerRefundNo: text.Draw(t, "number"), RefundNo: text.Draw(t, "refund no"),
			ReferenceNo: text.Draw(t, "reference"), RefundTime: text.Draw(t, "time"), RequestID: text.Draw(t, "request"),
			Attempts:    rapid.Int64Range(0, 100).Draw(t, "attempts"),
			Evidence:    rapid.SampledFrom([]refund.Evidence{"", refund.ByResponse, refund.ByReplay, refund.ByInquiry, refund.ByOperator}).Draw(t, "evidence"),
			Environment: rapid.SampledFrom([]string{"production", "sandbox", "simulator"}).Draw(t, "environment"),
			EnqueuedAt:  at, CompletedAt: at.Add(time.Second),
		}
		if rapid.Bool().Draw(t, "error") {
			r.Error = jobs.ResultError{Source: jobs.SourceDOKU, Code: "x" + text.Draw(t, "code"), Message: text.Draw(t, "words"), HTTPStatus: 400}
		}
		body := r.Encode()
		if err := fits(s, body); err != nil {
			t.Fatalf("%s\n%v", body, err)
		}
		if read, err := jobs.DecodeResult(body); err != nil || !bytes.Equal(read.Encode(), body) {
			t.Fatalf("%s\nread as %+v, %v", body, read, err)
		}
	})
}

// A result that lacks a member, has one too many or one of another kind is refused by
// schema and codec.
func TestAResultThatIsSpoiltFitsNeither(t *testing.T) {
	t.Parallel()
	s := schema(t, "result")
	sound := jobs.Result{
		RefundID: "rf-1", Channel: channel.CreditCard, Status: refund.Failed, Environment: "sandbox",
		Error: jobs.ResultError{Source: jobs.SourceDOKU, Code: "x"}, EnqueuedAt: time.Unix(1, 0), CompletedAt: time.Unix(2, 0),
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(sound.Encode(), &members); err != nil {
		t.Fatal(err)
	}
	refuse := func(what string) {
		body, _ := json.Marshal(members)
		if _, err := jobs.DecodeResult(body); err == nil || fits(s, body) == nil {
			t.Errorf("%s: codec %v, schema %v", what, err, fits(s, body))
		}
	}
	for name, value := range maps.Clone(members) {
		delete(members, name)
		refuse(name + " is missing")
		members[name] = json.RawMessage(`[1]`)
		refuse(name + " is a list")
		members[name] = value
	}
	members["surprise"] = json.RawMessage(`1`)
	refuse("a member too many")
	delete(members, "surprise")
	members["v"] = json.RawMessage(`2`)
	refuse("another version")
}

func TestTheSchemaOfNoticesIsTheCodecs(t *testing.T) {
	t.Parallel()
	s := schema(t, "notice")
	for _, id := range []string{"", "rf/1"} {
		letter := stream.DeadLetter{
			Channel: channel.EmoneyOVO, Reason: stream.DeadUnreadable, Stream: stream.Jobs, Sequence: 7, RefundID: id,
			StoredAt: time.Unix(1_800_000_000, 5),
		}
		body := letter.Notice().Data
		if _, err := stream.DecodeNotice(body); err != nil || fits(s, body) != nil {
			t.Errorf("%s: codec %v, schema %v", body, err, fits(s, body))
		}
	}
	for _, body := range []string{`{}`, `[]`, `{"v":2,"channel":"credit_card","reason":"unreadable","stream":"REFUND_JOBS","sequence":1,"refund_id":null,"stored_at":"2026-11-21T09:00:00Z"}`} {
		if _, err := stream.DecodeNotice([]byte(body)); err == nil || fits(s, []byte(body)) == nil {
			t.Errorf("%s: codec %v, schema %v", body, err, fits(s, []byte(body)))
		}
	}
}

// Every channel of the contract stands in AsyncAPI's document, which the parser of
// AsyncAPI reads (make asyncapi).
func TestAsyncAPINamesEveryChannel(t *testing.T) {
	t.Parallel()
	text := read(t, "asyncapi.yaml")
	for _, ch := range channel.All() {
		if !strings.Contains(text, "        - "+string(ch)+"\n") {
			t.Errorf("no word of %s", ch)
		}
	}
	for _, address := range []string{jobs.JobsPrefix + "{channel}", jobs.ResultsPrefix + "{channel}.{status}.{refund_id}", jobs.NoticesPrefix + "{channel}"} {
		if !strings.Contains(text, "    address: "+address+"\n") {
			t.Errorf("no address %s", address)
		}
	}
}

func TestExamplesOfTheDocumentsFitTheSchemas(t *testing.T) {
	t.Parallel()
	job, result, notice := schema(t, "job"), schema(t, "result"), schema(t, "notice")
	found := 0
	for path, text := range documents(t) {
		notices := regexp.MustCompile(`(?m)^\{"v":.*"sequence":.*\}$`).FindAllString(text, -1)
		for _, example := range append(blocks(text, "json"), notices...) {
			if !strings.Contains(example, `"refund_id"`) {
				continue
			}
			found++
			of := job
			switch {
			case strings.Contains(example, `"sequence":`):
				of = notice
			case strings.Contains(example, `"v":`):
				of = result
			}
			if err := fits(of, []byte(example)); err != nil {
				t.Errorf("%s: %v:\n%s", path, err, example)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d examples found", found)
	}
}
