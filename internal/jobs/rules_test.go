package jobs_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// ruleCases: one row a rule; change is made to the job, and want is the whole
// text of its problems.
var ruleCases = []struct {
	name   string
	job    []string
	change []string
	want   string
}{
	{"channel absent", cardJob(), []string{"channel", "null"}, "channel: is required"},
	{"channel of another subject", cardJob(), []string{"channel", `"emoney_ovo"`}, "channel: must equal the last token of the subject"},
	{"channel no string", cardJob(), []string{"channel", `["credit_card"]`}, "channel: must be a string"},
	{"invoice_number absent", cardJob(), []string{"invoice_number", ""}, "invoice_number: is required"},
	{"invoice_number null", cardJob(), []string{"invoice_number", "null"}, "invoice_number: is required"},
	{"invoice_number empty", cardJob(), []string{"invoice_number", `""`}, "invoice_number: is required"},
	{"invoice_number no string", cardJob(), []string{"invoice_number", "17"}, "invoice_number: must be a string"},
	{"invoice_number not ASCII", cardJob(), []string{"invoice_number", `"INV–1"`}, "invoice_number: must be printable ASCII"},
	{"invoice_number blank", cardJob(), []string{"invoice_number", `"   "`}, "invoice_number: must not be blank"},
	{"invoice_number with a space before", cardJob(), []string{"invoice_number", `" INV-1"`}, "invoice_number: must not begin or end with a space"},
	{"invoice_number with a space behind", cardJob(), []string{"invoice_number", `"INV-1 "`}, "invoice_number: must not begin or end with a space"},
	{"original_request_id with a space before", mandiriJob(), []string{"original_request_id", `" 1"`}, "original_request_id: must not begin or end with a space"},
	{"original_request_id with a space behind", cardJob(), []string{"original_request_id", `"1 "`}, "original_request_id: must not begin or end with a space"},
	{"device_id too long", danaJob(), []string{"customer", `{"ip_address":"10.0.0.1","device_id":` + quoted("x", 65) + `}`}, "customer.device_id: must have at most 64 characters"},
	{"device_id with a space", danaJob(), []string{"customer", `{"ip_address":"10.0.0.1","device_id":"a "}`}, "customer.device_id: must be printable ASCII without spaces"},
	{"ip_address a name", danaJob(), []string{"customer", `{"ip_address":"localhost","device_id":"d"}`}, "customer.ip_address: must be an IPv4 address"},
	{"ip_address with a port", danaJob(), []string{"customer", `{"ip_address":"10.0.0.1:80","device_id":"d"}`}, "customer.ip_address: must be an IPv4 address"},
	{"ip_address of IPv6", alloJob(), []string{"customer", `{"access_token":"t","ip_address":"2001:db8::1"}`}, "customer.ip_address: must be an IPv4 address"},
	{"ip_address of IPv4 in IPv6", alloJob(), []string{"customer", `{"access_token":"t","ip_address":"::ffff:10.0.0.1"}`}, "customer.ip_address: must be an IPv4 address"},
	{"ip_address with zeros before", alloJob(), []string{"customer", `{"access_token":"t","ip_address":"010.0.0.1"}`}, "customer.ip_address: must be an IPv4 address"},
	{"ip_address out of range", alloJob(), []string{"customer", `{"access_token":"t","ip_address":"10.0.0.256"}`}, "customer.ip_address: must be an IPv4 address"},
	{"reason with a card number in full-width digits", cardJob(), []string{"reason", `"４１１１　１１１１　１１１１　１１１１"`}, "reason: must hold no card number"},
	{"metadata with a card number in full-width digits", cardJob(), []string{"metadata", `{"a":"４１１１１１１１１１１１１１１１"}`}, "metadata: must hold no card number"},
	{"invoice_number too long for cards", cardJob(), []string{"invoice_number", quoted("x", 65)}, "invoice_number: must have at most 64 characters"},
	{"invoice_number too long for Mandiri", mandiriJob(), []string{"invoice_number", quoted("x", 13)}, "invoice_number: must have at most 12 characters"},
	{"invoice_number too short for Allo", alloJob(), []string{"invoice_number", quoted("x", 31)}, "invoice_number: must have 32 to 64 characters"},
	{"invoice_number too long for Allo", alloJob(), []string{"invoice_number", quoted("x", 65)}, "invoice_number: must have 32 to 64 characters"},
	{"original_request_id absent for cards", cardJob(), []string{"original_request_id", ""}, "original_request_id: is required"},
	{"original_request_id empty for cards", cardJob(), []string{"original_request_id", `""`}, "original_request_id: is required"},
	{"original_request_id too long for cards", cardJob(), []string{"original_request_id", quoted("x", 129)}, "original_request_id: must have at most 128 characters"},
	{"original_request_id too long for SNAP", mandiriJob(), []string{"original_request_id", quoted("1", 37)}, "original_request_id: must have at most 36 characters"},
	{"original_request_id not ASCII", cardJob(), []string{"original_request_id", `"é"`}, "original_request_id: must be printable ASCII"},
	{"original_request_id no string", mandiriJob(), []string{"original_request_id", "1"}, "original_request_id: must be a string"},
	{"currency another", cardJob(), []string{"currency", `"USD"`}, "currency: must be IDR"},
	{"currency in lower case", cardJob(), []string{"currency", `"idr"`}, "currency: must be IDR"},
	{"currency no string", cardJob(), []string{"currency", "360"}, "currency: must be a string"},
	{"reason too long", cardJob(), []string{"reason", quoted("é", 256)}, "reason: must have at most 255 characters"},
	{"reason no string", cardJob(), []string{"reason", "{}"}, "reason: must be a string"},
	{"reason with a control character", cardJob(), []string{"reason", `"a\u0007b"`}, "reason: must hold no control character"},
	{"reason with DEL", cardJob(), []string{"reason", "\"a\x7fb\""}, "reason: must hold no control character"},
	{"reason with a C1 control", cardJob(), []string{"reason", "\"a\u0085b\""}, "reason: must hold no control character"},
	{"reason with a lone high surrogate", cardJob(), []string{"reason", `"a\ud83d"`}, "reason: must hold no lone surrogate"},
	{"reason with a lone low surrogate", cardJob(), []string{"reason", `"\ude00a"`}, "reason: must hold no lone surrogate"},
	{"reason with a card number", cardJob(), []string{"reason", `"card 4111 1111-1111 1111!"`}, "reason: must hold no card number"},
	{"customer no object", mandiriJob(), []string{"customer", `["tok-1"]`}, "customer: must be an object"},
	{"customer no object, unused", cardJob(), []string{"customer", "true"}, "customer: must be an object"},
	{"customer absent", mandiriJob(), []string{"customer", ""}, "customer.access_token: is required"},
	{"customer empty", mandiriJob(), []string{"customer", "{}"}, "customer.access_token: is required"},
	{"access_token empty", mandiriJob(), []string{"customer", `{"access_token":""}`}, "customer.access_token: is required"},
	{"access_token no string", mandiriJob(), []string{"customer", `{"access_token":7}`}, "customer.access_token: must be a string"},
	{"access_token no string, unused", cardJob(), []string{"customer", `{"access_token":7}`}, "customer.access_token: must be a string"},
	{"access_token with a control character, unused", cardJob(), []string{"customer", `{"access_token":"\u0000"}`}, "customer.access_token: must hold no control character"},
	{"access_token with a space", mandiriJob(), []string{"customer", `{"access_token":"a b"}`}, "customer.access_token: must be printable ASCII without spaces"},
	{"access_token too long", mandiriJob(), []string{"customer", `{"access_token":` + quoted("x", 2049) + `}`}, "customer.access_token: must have at most 2048 characters"},
	{"access_token malformed where optional", mandiriJob(), []string{"channel", `"emoney_ovo"`, "customer", `{"access_token":"é"}`}, "customer.access_token: must be printable ASCII without spaces"},
	{"access_token twice", mandiriJob(), []string{"customer", `{"access_token":"a","access_token":"a"}`}, "customer.access_token: must not be repeated"},
	{"ip_address absent for Allo", alloJob(), []string{"customer", `{"access_token":"t"}`}, "customer.ip_address: is required"},
	{"ip_address and device_id absent for DANA", danaJob(), []string{"customer", ""}, "customer.device_id: is required; customer.ip_address: is required"},
	{"customer with an unknown member", cardJob(), []string{"customer", `{"email":"x"}`}, `customer."email": is no field of a job`},
	{"not_before no time", cardJob(), []string{"not_before", `"tomorrow"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before without a zone", cardJob(), []string{"not_before", `"2026-11-21T09:00:00"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before with a short hour", cardJob(), []string{"not_before", `"2026-11-21T9:00:00Z"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before with a comma", cardJob(), []string{"not_before", `"2026-11-21T09:00:00,5Z"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before on a day that is none", cardJob(), []string{"not_before", `"2026-02-29T09:00:00Z"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before in a zone of 24 hours", cardJob(), []string{"not_before", `"2026-11-21T09:00:00+24:00"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before in a leap second", cardJob(), []string{"not_before", `"2016-12-31T23:59:60Z"`}, "not_before: must be an RFC 3339 time with a zone"},
	{"not_before no string", cardJob(), []string{"not_before", "1795000000"}, "not_before: must be a string"},
	{"not_before before 2000 in UTC", cardJob(), []string{"not_before", `"2000-01-01T06:59:59+07:00"`}, "not_before: must lie in the years 2000 to 2199 UTC"},
	{"deadline after 2199 in UTC", cardJob(), []string{"deadline", `"2199-12-31T23:59:59-00:01"`}, "deadline: must lie in the years 2000 to 2199 UTC"},
	{"deadline no time", cardJob(), []string{"deadline", `"2026-11-21"`}, "deadline: must be an RFC 3339 time with a zone"},
	{"deadline at not_before", cardJob(), []string{"not_before", `"2026-11-21T09:00:00Z"`, "deadline", `"2026-11-21T16:00:00+07:00"`}, "deadline: must be after not_before"},
	{"metadata no object", cardJob(), []string{"metadata", `["a"]`}, "metadata: must be an object"},
	{"metadata value no string", cardJob(), []string{"metadata", `{"a":1,"b":null,"c":{}}`}, "metadata: must hold only strings"},
	{"metadata key twice", cardJob(), []string{"metadata", `{"a":"1","\u0061":"1"}`}, "metadata: must hold no key twice"},
	{"metadata of 17 pairs", cardJob(), []string{"metadata", pairs(17, "v")}, "metadata: must hold at most 16 pairs"},
	{"metadata of 1025 bytes", cardJob(), []string{"metadata", `{"k":"` + strings.Repeat("é", 512) + `"}`}, "metadata: must have at most 1024 bytes of keys and values"},
	{"metadata key with a control character", cardJob(), []string{"metadata", `{"a\tb":"1"}`}, "metadata: must hold no control character"},
	{"metadata value with a control character", cardJob(), []string{"metadata", `{"a":"1\n"}`}, "metadata: must hold no control character"},
	{"metadata key with a lone surrogate", cardJob(), []string{"metadata", `{"\udc00":"1"}`}, "metadata: must hold no lone surrogate"},
	{"metadata value with a lone surrogate", cardJob(), []string{"metadata", `{"a":"\ud800\ud800"}`}, "metadata: must hold no lone surrogate"},
	{"metadata value with a card number", cardJob(), []string{"metadata", `{"a":"4111111111111111"}`}, "metadata: must hold no card number"},
	{"unknown member", cardJob(), []string{"amont", "1"}, `"amont": is no field of a job`},
	{"name in another case", cardJob(), []string{"Reason", `"x"`}, `"Reason": is no field of a job`},
	{"several rules at once", cardJob(), []string{"amount", "0", "currency", "1", "reason", `"4111111111111111"`}, "" +
		"amount: " + amountRule + "; currency: must be a string; reason: must hold no card number"},
}

const amountRule = "must be an integer from 1 to 9999999999999999, without sign or exponent, and with no fraction but .0 or .00"

func pairs(n int, value string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = `"k` + strconv.Itoa(i) + `":"` + value + `"`
	}
	return "{" + strings.Join(members, ",") + "}"
}

// subjectOf is the channel whose subject a case comes on: that of its job, for
// some cases change the job's own.
func subjectOf(job, change []string) channel.Channel {
	if len(change) == 4 && change[0] == "channel" {
		return channelOf(change)
	}
	return channelOf(job)
}

func TestBrokenRuleIsNamedWithItsField(t *testing.T) {
	t.Parallel()
	for _, c := range ruleCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := jobs.Decode(subjectOf(c.job, c.change), object(edit(c.job, c.change...)))
			if got.Outcome != jobs.Invalid || got.Problems.String() != c.want {
				t.Fatalf("outcome %d, err %v\n got %s\nwant %s", got.Outcome, got.Err, got.Problems, c.want)
			}
		})
	}
}

func TestAmountIsANumberOfWholeRupiah(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int64{
		"1": 1, "90000": 90000, "9999999999999999": 9999999999999999,
		"1.0": 1, "90000.0": 90000, "90000.00": 90000, "9999999999999999.00": 9999999999999999,
	} {
		if got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "amount", raw))); got.Outcome != jobs.Valid || got.Job.Amount != want {
			t.Errorf("%s: outcome %d, %d", raw, got.Outcome, got.Job.Amount)
		}
	}
	for _, raw := range []string{
		"0", "-1", "-0", "1e3", "1E0", "10000000000000000", "0.0", "0.00", "-1.0", "90.000", "90000.000", "90000.5", "90000.01",
		"90000.10", "1.0e1", "1.00E0", "9e4", "10000000000000000.0", "90000.0000", "1.00000000000000000000000", "99999999999999999999999", `"90000"`, `""`, "true", "[1]", "{}",
	} {
		got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "amount", raw)))
		if got.Outcome != jobs.Invalid || got.Problems.String() != "amount: "+amountRule || got.Job.Amount != 0 {
			t.Errorf("%s: outcome %d, %s", raw, got.Outcome, got.Problems)
		}
	}
	for _, raw := range []string{"", "null"} {
		got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "amount", raw)))
		if got.Problems.String() != "amount: is required" {
			t.Errorf("%q: %s", raw, got.Problems)
		}
	}
}

func TestWidestValuesAreSound(t *testing.T) {
	t.Parallel()
	for name, job := range map[string][]string{
		"invoice with a space":     edit(cardJob(), "invoice_number", `"A ~"`),
		"invoice of 64":            edit(cardJob(), "invoice_number", quoted("x", 64)),
		"invoice of 12":            edit(mandiriJob(), "invoice_number", quoted("x", 12)),
		"invoice of 64 for Allo":   edit(alloJob(), "invoice_number", quoted("x", 64)),
		"request id of 128":        edit(cardJob(), "original_request_id", quoted("x", 128)),
		"request id of 36":         edit(mandiriJob(), "original_request_id", quoted("x", 36)),
		"reason of 255 and emoji":  edit(cardJob(), "reason", `"\ud83d\ude00`+strings.Repeat("é", 254)+`"`),
		"replacement character":    edit(cardJob(), "reason", "\"a\ufffdb\\ufffd\""),
		"longest device":           edit(danaJob(), "customer", `{"ip_address":"255.255.255.255","device_id":`+quoted("~", 64)+`}`),
		"unused customer values":   edit(mandiriJob(), "customer", `{"access_token":"t","ip_address":"localhost","device_id":`+quoted("é", 100)+`}`),
		"token of 2048":            edit(mandiriJob(), "customer", `{"access_token":`+quoted("~", 2048)+`}`),
		"16 pairs":                 edit(cardJob(), "metadata", pairs(16, "v")),
		"1024 bytes of metadata":   edit(cardJob(), "metadata", `{"":"`+strings.Repeat("é", 512)+`"}`),
		"empty value and key":      edit(cardJob(), "metadata", `{"":""}`),
		"no pairs":                 edit(cardJob(), "metadata", `{}`),
		"times in lower case":      edit(cardJob(), "not_before", `"2026-11-21t09:00:00z"`),
		"first and last moment":    edit(cardJob(), "not_before", `"2000-01-01T00:00:00Z"`, "deadline", `"2199-12-31T23:59:59.999999999Z"`),
		"leap day, negative zone":  edit(cardJob(), "deadline", `"2028-02-29T23:59:59-11:30"`),
		"card number as a key":     edit(cardJob(), "metadata", `{"4111111111111111":"x"}`),
		"card number as a invoice": edit(cardJob(), "invoice_number", `"4111111111111111"`),
	} {
		if got := jobs.Decode(channelOf(job), object(job)); got.Outcome != jobs.Valid {
			t.Errorf("%s: outcome %d, err %v, %s", name, got.Outcome, got.Err, got.Problems)
		}
	}
}

// Even where both are equal: the sender's encoder cannot be trusted.
func TestRepeatedMemberMakesItsFieldWorthless(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"channel": `"direct_debit_mandiri"`, "invoice_number": `"INV-0001"`, "original_request_id": `"1"`, "amount": "5",
		"currency": `"IDR"`, "reason": `"x"`, "customer": `{"access_token":"t"}`, "not_before": `"2026-01-01T00:00:00Z"`,
		"deadline": `"2026-01-02T00:00:00Z"`, "metadata": `{"a":"b"}`,
	}
	for field, value := range values {
		for _, first := range []string{value, "null"} {
			job := append(edit(mandiriJob(), field, first), field, value, field, value)
			got := jobs.Decode(channel.DirectDebitMandiri, object(job))
			if got.Outcome != jobs.Invalid || got.Problems.String() != field+": must not be repeated" {
				t.Errorf("%s: outcome %d, %s", field, got.Outcome, got.Problems)
			}
			want := jobs.Decode(channel.DirectDebitMandiri, object(mandiriJob())).Job
			forget(&want, field)
			if !reflect.DeepEqual(got.Job, want) {
				t.Errorf("%s: %+v", field, got.Job)
			}
		}
	}
}

func forget(j *jobs.Job, field string) {
	switch field {
	case "invoice_number":
		j.InvoiceNumber = ""
	case "amount":
		j.Amount = 0
	case "currency":
		j.Currency = ""
	case "customer":
		j.Customer = jobs.Customer{}
	}
}

func TestBrokenJobKeepsOnlyItsValidFields(t *testing.T) {
	t.Parallel()
	job := edit(cardJob(), "invoice_number", quoted("x", 65), "amount", "1.5", "currency", `"USD"`, "reason", `"4111111111111111"`,
		"not_before", `"2026-11-21T09:00:00Z"`, "deadline", `"2026-11-21T09:00:00Z"`, "metadata", `{"a":"b","c":1}`)
	got := jobs.Decode(channel.CreditCard, object(job)).Job
	if got.RefundID != "rf-20210118-0001" || got.OriginalRequestID == "" || got.NotBefore.IsZero() {
		t.Errorf("valid fields lost: %+v", got)
	}
	got.RefundID, got.OriginalRequestID, got.NotBefore = "", "", got.Deadline
	if !reflect.DeepEqual(got, jobs.Job{Channel: channel.CreditCard}) {
		t.Errorf("invalid fields kept: %+v", got)
	}
}

func TestCodeIsCardNumberOnlyWhereThatIsAll(t *testing.T) {
	t.Parallel()
	card := edit(cardJob(), "reason", `"4111111111111111"`)
	for _, c := range []struct {
		job  []string
		want refund.Code
	}{
		{card, refund.CodeCardNumber},
		{edit(card, "metadata", `{"a":"5500-0000-0000-0004"}`), refund.CodeCardNumber},
		{edit(card, "amount", "0"), refund.CodeInvalidJob},
		{edit(cardJob(), "amount", "0"), refund.CodeInvalidJob},
	} {
		got := jobs.Decode(channel.CreditCard, object(c.job))
		if got.Problems.Code() != c.want {
			t.Errorf("%s: %s", got.Problems, got.Problems.Code())
		}
	}
}
