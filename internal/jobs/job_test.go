package jobs_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/secret"
)

// Records of refunds that are years old are compared by it. The expectation is
// made by Python's hashlib over struct.pack('>Q', len(t)) + t for each text.
func TestFingerprintNeverChanges(t *testing.T) {
	t.Parallel()
	const want = "10d326d82c36ed786445891b50c1f60399bb91866cb093eb777c2ae5c3e10a95"
	job := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "reason", `"Request by customer"`))).Job
	if got := job.Fingerprint().String(); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestFingerprintCoversTheContentAndNothingElse(t *testing.T) {
	t.Parallel()
	base := jobs.Job{
		RefundID: "rf-1", Channel: channel.CreditCard, InvoiceNumber: "INV-1", OriginalRequestID: "req-1", Amount: 100, Reason: "why",
	}
	for name, change := range map[string]func(*jobs.Job){
		"channel":             func(j *jobs.Job) { j.Channel = channel.EmoneyOVO },
		"invoice":             func(j *jobs.Job) { j.InvoiceNumber = "INV-2" },
		"original request":    func(j *jobs.Job) { j.OriginalRequestID = "" },
		"amount":              func(j *jobs.Job) { j.Amount = 101 },
		"reason":              func(j *jobs.Job) { j.Reason = "" },
		"boundary of a field": func(j *jobs.Job) { j.InvoiceNumber, j.OriginalRequestID = "INV-1r", "eq-1" },
	} {
		other := base
		change(&other)
		if other.Fingerprint() == base.Fingerprint() {
			t.Errorf("%s is not covered", name)
		}
	}
	same := base
	same.RefundID, same.Currency, same.Customer.AccessToken = "rf-2", "IDR", secret.New("t")
	same.NotBefore, same.Deadline, same.Metadata = time.Unix(1, 0), time.Unix(2, 0), map[string]string{"a": "b"}
	if same.Fingerprint() != base.Fingerprint() {
		t.Error("more than the content is covered")
	}
}

func TestBrokenJobIsComparedByItsBytes(t *testing.T) {
	t.Parallel()
	one := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "amount", "0")))
	two := jobs.Decode(channel.CreditCard, append(object(edit(cardJob(), "amount", "0")), ' '))
	if one.Fingerprint() != one.BodySHA256 || one.Fingerprint() == two.Fingerprint() {
		t.Fatal("not the bytes' hash")
	}
	sound := jobs.Decode(channel.CreditCard, append(object(cardJob()), ' '))
	if sound.Fingerprint() != jobs.Decode(channel.CreditCard, object(cardJob())).Fingerprint() {
		t.Fatal("white space makes another content")
	}
}

func TestEncodeIsCompactAndInTheContractsOrder(t *testing.T) {
	t.Parallel()
	job := jobs.Job{
		RefundID: "rf-1", Channel: channel.DirectDebitAllo, InvoiceNumber: "A<&>", OriginalRequestID: "7", Amount: 9999999999999999,
		Currency: "IDR", Reason: "é \"x\"\u2028", Customer: jobs.Customer{AccessToken: secret.New("tok"), IPAddress: secret.New("10.0.0.1")},
		NotBefore: time.Date(2026, 11, 21, 16, 0, 0, 0, time.FixedZone("WIB", 7*3600)),
		Deadline:  time.Date(2026, 11, 22, 9, 0, 0, 1, time.UTC), Metadata: map[string]string{"b": "2", "a": ""},
	}
	const want = `{"refund_id":"rf-1","channel":"direct_debit_allo","invoice_number":"A<&>","original_request_id":"7","amount":9999999999999999,` +
		`"currency":"IDR","reason":"é \"x\"` + "\u2028" + `","customer":{"access_token":"tok","ip_address":"10.0.0.1"},` +
		`"not_before":"2026-11-21T09:00:00Z","deadline":"2026-11-22T09:00:00.000000001Z","metadata":{"a":"","b":"2"}}`
	if got := string(job.Encode()); got != want {
		t.Fatalf("\n got %s\nwant %s", got, want)
	}
	const least = `{"refund_id":"","channel":"","invoice_number":"","amount":0}`
	if got := string(jobs.Job{}.Encode()); got != least {
		t.Fatalf("zero job: %s", got)
	}
}

// Only Encode reveals: a job that is printed or marshalled by accident does not.
func TestPrintedJobShowsNoCustomerValue(t *testing.T) {
	t.Parallel()
	job := jobs.Job{Customer: jobs.Customer{AccessToken: secret.New("tok-canary")}}
	marshalled, err := json.Marshal(job)
	if err != nil || bytes.Contains(marshalled, []byte("canary")) {
		t.Fatalf("%s, err %v", marshalled, err)
	}
	if !bytes.Contains(job.Encode(), []byte("tok-canary")) {
		t.Fatal("the wire lacks it")
	}
}

func TestEncodedJobDecodesToItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		job := anyJob(t)
		got := jobs.Decode(job.Channel, job.Encode())
		if got.Outcome != jobs.Valid || !reflect.DeepEqual(got.Job, job) || got.Job.Fingerprint() != job.Fingerprint() {
			t.Fatalf("outcome %d, err %v, %s\n got %+v\nwant %+v", got.Outcome, got.Err, got.Problems, got.Job, job)
		}
	})
}

// anyJob draws a sound job of any channel, with the values that it uses.
func anyJob(t *rapid.T) jobs.Job {
	ch := rapid.SampledFrom(channel.All()).Draw(t, "channel")
	facts := ch.Facts()
	job := jobs.Job{
		RefundID: rapid.StringMatching(`[A-Za-z0-9_/:#-]{1,64}`).Draw(t, "refund_id"), Channel: ch, Currency: "IDR",
		InvoiceNumber: strings.Repeat("I", facts.Invoice.Min-1) + rapid.StringMatching(`[!-~]([ -~]{0,10}[!-~])?`).Draw(t, "invoice"),
		Amount:        rapid.Int64Range(1, 9999999999999999).Draw(t, "amount"),
		Reason:        anyText(t, "reason", 255),
		NotBefore:     anyTime(t, 2000, 2099), Deadline: anyTime(t, 2100, 2199),
		Customer: jobs.Customer{
			AccessToken: anyValue(t, facts.CustomerToken, `[!-~]{1,80}`), DeviceID: anyValue(t, facts.DeviceID, `[!-~]{1,64}`),
			IPAddress: anyValue(t, facts.IPAddress, `(1?\d|2[0-4])\.\d\.25[0-5]\.(0|[1-9]\d)`),
		},
	}
	if facts.OriginalRequestID == channel.Required || rapid.Bool().Draw(t, "has request") {
		job.OriginalRequestID = rapid.StringMatching(`[!-~]([ -~]{0,34}[!-~])?`).Draw(t, "original_request_id")
	}
	for range rapid.IntRange(0, 16).Draw(t, "pairs") {
		if job.Metadata == nil {
			job.Metadata = map[string]string{}
		}
		job.Metadata[anyText(t, "key", 7)] = anyText(t, "value", 7)
	}
	return job
}

// anyText draws text without control characters and without digits, which might
// be a card number.
func anyText(t *rapid.T, label string, length int) string {
	return rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool {
		return (r < '0' || r > '9') && r >= ' ' && (r < 0x7f || r > 0x9f)
	}), 0, length, -1).Draw(t, label)
}

func anyTime(t *rapid.T, first, last int) time.Time {
	from, to := time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(last, 12, 31, 0, 0, 0, 0, time.UTC)
	return time.Unix(rapid.Int64Range(from.Unix(), to.Unix()).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
}

func anyValue(t *rapid.T, need channel.Need, form string) secret.Text {
	if need == channel.Unused || need == channel.Optional && rapid.Bool().Draw(t, "absent") {
		return secret.Text{}
	}
	return secret.New(rapid.StringMatching(form).Draw(t, "customer value"))
}

func BenchmarkDecode(b *testing.B) {
	for name, job := range map[string][]string{
		"card":    cardJob(),
		"mandiri": mandiriJob(),
		"full": edit(cardJob(), "currency", `"IDR"`, "reason", `"Request by customer"`, "not_before", `"2026-11-21T09:00:00Z"`,
			"deadline", `"2026-11-22T09:00:00Z"`, "metadata", `{"order":"A-17"}`),
	} {
		body, ch := object(job), channelOf(job)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if jobs.Decode(ch, body).Outcome != jobs.Valid {
					b.Fatal("not sound")
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	job := jobs.Decode(channel.CreditCard, object(cardJob())).Job
	b.ReportAllocs()
	for b.Loop() {
		_ = job.Encode()
	}
}
