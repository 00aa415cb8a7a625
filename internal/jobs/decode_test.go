package jobs_test

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/secret"
)

// cardJob and the others are jobs of the contract as name and raw value, to be
// changed by edit.
func cardJob() []string {
	return []string{
		"refund_id", `"rf-20210118-0001"`, "channel", `"credit_card"`, "invoice_number", `"INV-20210118-0001"`,
		"original_request_id", `"b266c265-3d61-4708-9860-c0d5b9a98f8c"`, "amount", `90000`,
	}
}

func mandiriJob() []string {
	return []string{
		"refund_id", `"rf-0002"`, "channel", `"direct_debit_mandiri"`, "invoice_number", `"INV-0001"`,
		"amount", `10000`, "customer", `{"access_token":"tok-1"}`,
	}
}

func alloJob() []string {
	return edit(mandiriJob(), "channel", `"direct_debit_allo"`, "invoice_number", quoted("A", 32),
		"customer", `{"access_token":"tok-1","ip_address":"10.20.30.40"}`)
}

func danaJob() []string {
	return edit(mandiriJob(), "channel", `"emoney_dana"`, "customer", `{"device_id":"dev-1","ip_address":"10.20.30.40"}`)
}

// edit returns job with values set, added, or, where the raw value is empty,
// removed.
func edit(job []string, changes ...string) []string {
	job = slices.Clone(job)
	for i := 0; i < len(changes); i += 2 {
		at := slices.Index(job, changes[i])
		switch {
		case at < 0:
			job = append(job, changes[i], changes[i+1])
		case changes[i+1] == "":
			job = slices.Delete(job, at, at+2)
		default:
			job[at+1] = changes[i+1]
		}
	}
	return job
}

func object(job []string) []byte {
	members := make([]string, 0, len(job)/2)
	for i := 0; i < len(job); i += 2 {
		members = append(members, `"`+job[i]+`":`+job[i+1])
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

func quoted(s string, times int) string { return `"` + strings.Repeat(s, times) + `"` }

// channelOf returns the channel that job itself names.
func channelOf(job []string) channel.Channel {
	return channel.Channel(strings.Trim(job[slices.Index(job, "channel")+1], `"`))
}

func TestSoundCardJobKeepsEveryField(t *testing.T) {
	t.Parallel()
	job := edit(cardJob(), "currency", `"IDR"`, "reason", `"Request by customer"`,
		"not_before", `"2026-11-21T16:00:00+07:00"`, "deadline", `"2026-11-22T09:00:00.5Z"`, "metadata", `{"order":"A-17"}`)
	got := jobs.Decode(channel.CreditCard, object(job))
	want := jobs.Job{
		RefundID: "rf-20210118-0001", Channel: channel.CreditCard, InvoiceNumber: "INV-20210118-0001",
		OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c", Amount: 90000, Currency: "IDR",
		Reason:    "Request by customer",
		NotBefore: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		Deadline:  time.Date(2026, 11, 22, 9, 0, 0, 500_000_000, time.UTC),
		Metadata:  map[string]string{"order": "A-17"},
	}
	if got.Outcome != jobs.Valid || !reflect.DeepEqual(got.Job, want) {
		t.Fatalf("outcome %d, problems %q, job %+v", got.Outcome, got.Problems, got.Job)
	}
	if got.Err != nil || got.CustomerTokenMissing || got.BodySHA256 != sha256.Sum256(object(job)) {
		t.Fatalf("err %v, token missing %t, hash %s", got.Err, got.CustomerTokenMissing, got.BodySHA256)
	}
}

func TestSoundDirectDebitJobKeepsTheCustomersValues(t *testing.T) {
	t.Parallel()
	got := jobs.Decode(channel.DirectDebitAllo, object(alloJob()))
	want := jobs.Customer{AccessToken: secret.New("tok-1"), IPAddress: secret.New("10.20.30.40")}
	if got.Outcome != jobs.Valid || got.Job.Customer != want || got.Job.Currency != "IDR" {
		t.Fatalf("outcome %d, problems %q, revealed %q", got.Outcome, got.Problems, got.Job.Customer.AccessToken.Reveal())
	}
}

func TestEveryChannelHasASoundJob(t *testing.T) {
	t.Parallel()
	snap := []channel.Channel{channel.DirectDebitBRI, channel.DirectDebitCIMB, channel.EmoneyOVO}
	all := [][]string{cardJob(), mandiriJob(), alloJob(), danaJob(), edit(danaJob(), "channel", `"emoney_shopeepay"`)}
	for _, ch := range snap {
		all = append(all, edit(mandiriJob(), "channel", `"`+string(ch)+`"`))
	}
	if len(all) != len(channel.All()) {
		t.Fatalf("%d jobs", len(all))
	}
	for _, job := range all {
		if got := jobs.Decode(channelOf(job), object(job)); got.Outcome != jobs.Valid {
			t.Errorf("%s: %s", channelOf(job), got.Problems)
		}
	}
}

func TestNullAndEmptyOptionalFieldsCountAsAbsent(t *testing.T) {
	t.Parallel()
	want := jobs.Decode(channel.EmoneyOVO, object(edit(mandiriJob(), "channel", `"emoney_ovo"`, "customer", ""))).Job
	for _, absent := range []string{`null`, `""`} {
		job := edit(mandiriJob(), "channel", `"emoney_ovo"`)
		for _, field := range []string{"original_request_id", "currency", "reason", "customer", "not_before", "deadline", "metadata"} {
			job = edit(job, field, absent)
		}
		if got := jobs.Decode(channel.EmoneyOVO, object(job)); got.Outcome != jobs.Valid || !reflect.DeepEqual(got.Job, want) {
			t.Errorf("%s: outcome %d, %s", absent, got.Outcome, got.Problems)
		}
		job = edit(job, "customer", `{"access_token":`+absent+`,"device_id":`+absent+`,"ip_address":`+absent+`}`)
		if got := jobs.Decode(channel.EmoneyOVO, object(job)); got.Outcome != jobs.Valid || !reflect.DeepEqual(got.Job, want) {
			t.Errorf("customer with %s: outcome %d, %s", absent, got.Outcome, got.Problems)
		}
	}
}

func TestFieldThatTheChannelDoesNotUseIsIgnored(t *testing.T) {
	t.Parallel()
	long := `{"access_token":"` + strings.Repeat("x", 3000) + `","device_id":"tänää päivä","ip_address":"a b"}`
	got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), "customer", long)))
	if got.Outcome != jobs.Valid || got.Job.Customer != (jobs.Customer{}) {
		t.Fatalf("outcome %d, %s", got.Outcome, got.Problems)
	}
}

func TestEscapedNamesAndValuesAreReadAfterDecoding(t *testing.T) {
	t.Parallel()
	body := strings.NewReplacer(`"refund_id"`, `"refund\u005fid"`, `"amount"`, `"\u0061mount"`,
		`"rf-20210118-0001"`, `"rf\u002d20210118-0001"`).Replace(string(object(cardJob())))
	got := jobs.Decode(channel.CreditCard, []byte(" \n\t"+body+"\r\n"))
	if got.Outcome != jobs.Valid || got.Job.RefundID != "rf-20210118-0001" || got.Job.Amount != 90000 {
		t.Fatalf("outcome %d, err %v, %s", got.Outcome, got.Err, got.Problems)
	}
}

func TestUnreadableMessages(t *testing.T) {
	t.Parallel()
	sound := string(object(cardJob()))
	large := string(object(edit(cardJob(), "pad", quoted("x", jobs.MaxJobSize))))
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"empty":                                {"", jobs.ErrNotObject},
		"blank":                                {" \n", jobs.ErrNotObject},
		"more than 16 KiB":                     {large, jobs.ErrTooLarge},
		"byte that is no UTF-8":                {strings.Replace(sound, "INV", "IN\xff", 1), jobs.ErrNotUTF8},
		"surrogate as UTF-8":                   {strings.Replace(sound, "INV", "\xed\xa0\x80", 1), jobs.ErrNotUTF8},
		"byte order mark":                      {"\ufeff" + sound, jobs.ErrNotObject},
		"array":                                {"[" + sound + "]", jobs.ErrNotObject},
		"string":                               {`"refund_id"`, jobs.ErrNotObject},
		"null":                                 {`null`, jobs.ErrNotObject},
		"truncated":                            {sound[:len(sound)-1], jobs.ErrNotObject},
		"second object after it":               {sound + sound, jobs.ErrNotObject},
		"brace after it":                       {sound + "}", jobs.ErrNotObject},
		"NUL after it":                         {sound + "\x00", jobs.ErrNotObject},
		"comment":                              {sound + "// rf", jobs.ErrNotObject},
		"raw control character in a string":    {strings.Replace(sound, "INV", "I\nV", 1), jobs.ErrNotObject},
		"number with a leading zero":           {strings.Replace(sound, "90000", "090000", 1), jobs.ErrNotObject},
		"number with a plus":                   {strings.Replace(sound, "90000", "+90000", 1), jobs.ErrNotObject},
		"bad escape":                           {strings.Replace(sound, "INV", `\x`, 1), jobs.ErrNotObject},
		"no refund_id":                         {`{"channel":"credit_card"}`, jobs.ErrNoRefundID},
		"refund_id only nested":                {`{"metadata":{"refund_id":"rf-1"}}`, jobs.ErrNoRefundID},
		"refund_id in other case":              {`{"Refund_ID":"rf-1"}`, jobs.ErrNoRefundID},
		"refund_id twice":                      {`{"refund_id":"rf-1","refund_id":"rf-1"}`, jobs.ErrRepeatedRefundID},
		"refund_id twice, once with an escape": {`{"refund_id":"rf-1","\u0072efund_id":"rf-1"}`, jobs.ErrRepeatedRefundID},
		"refund_id twice, once ill-formed":     {`{"refund_id":"rf-1","refund_id":7}`, jobs.ErrRepeatedRefundID},
		"refund_id null":                       {`{"refund_id":null}`, jobs.ErrRefundIDForm},
		"refund_id a number":                   {`{"refund_id":7}`, jobs.ErrRefundIDForm},
		"refund_id an object":                  {`{"refund_id":{"refund_id":"rf-1"}}`, jobs.ErrRefundIDForm},
		"refund_id empty":                      {`{"refund_id":""}`, jobs.ErrRefundIDForm},
		"refund_id with a dot":                 {`{"refund_id":"rf.1"}`, jobs.ErrRefundIDForm},
		"refund_id with a wildcard":            {`{"refund_id":"*"}`, jobs.ErrRefundIDForm},
		"refund_id with a line end":            {`{"refund_id":"rf-1\n"}`, jobs.ErrRefundIDForm},
		"refund_id with a lone surrogate":      {`{"refund_id":"rf\ud800"}`, jobs.ErrRefundIDForm},
		"refund_id of 65 bytes":                {`{"refund_id":` + quoted("r", 65) + `}`, jobs.ErrRefundIDForm},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := jobs.Decode(channel.CreditCard, []byte(c.body))
			if got.Outcome != jobs.Unreadable || !errors.Is(got.Err, c.want) {
				t.Fatalf("outcome %d, err %v, want %v", got.Outcome, got.Err, c.want)
			}
			if !reflect.DeepEqual(got.Job, jobs.Job{Channel: channel.CreditCard}) || got.BodySHA256 != sha256.Sum256([]byte(c.body)) {
				t.Fatalf("job %+v", got.Job)
			}
		})
	}
}

func TestJobOfExactly16KiBIsRead(t *testing.T) {
	t.Parallel()
	sound := string(object(cardJob()))
	got := jobs.Decode(channel.CreditCard, []byte(sound+strings.Repeat(" ", jobs.MaxJobSize-len(sound))))
	if got.Outcome != jobs.Valid {
		t.Fatalf("outcome %d, err %v", got.Outcome, got.Err)
	}
}

// The deepest nesting that 16 KiB can hold complete is not a syntax error.
func TestDeepNestingIsBrokenNotUnreadable(t *testing.T) {
	t.Parallel()
	head := `{"refund_id":"r","x":`
	depth := (jobs.MaxJobSize - len(head) - 1) / 2
	got := jobs.Decode(channel.CreditCard, []byte(head+strings.Repeat("[", depth)+strings.Repeat("]", depth)+"}"))
	if got.Outcome != jobs.Invalid || got.Job.RefundID != "r" {
		t.Fatalf("outcome %d, err %v", got.Outcome, got.Err)
	}
}

func TestWakeUpMayLackTheCustomer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		job     []string
		missing bool
	}{
		{edit(mandiriJob(), "customer", ""), true},
		{edit(alloJob(), "customer", `{"access_token":"tok-1"}`), true},
		{edit(danaJob(), "customer", `{"device_id":"dev-1"}`), true},
		{edit(mandiriJob(), "channel", `"emoney_ovo"`, "customer", ""), false},
		{cardJob(), false},
		{mandiriJob(), false},
	} {
		ch := channelOf(c.job)
		wakeUp, job := jobs.DecodeWakeUp(ch, object(c.job)), jobs.Decode(ch, object(c.job))
		if wakeUp.Outcome != jobs.Valid || wakeUp.CustomerTokenMissing != c.missing {
			t.Errorf("%s: wake-up: outcome %d, missing %t, %s", ch, wakeUp.Outcome, wakeUp.CustomerTokenMissing, wakeUp.Problems)
		}
		if (job.Outcome == jobs.Invalid) != c.missing || job.CustomerTokenMissing != c.missing {
			t.Errorf("%s: job: outcome %d, missing %t", ch, job.Outcome, job.CustomerTokenMissing)
		}
	}
	broken := jobs.DecodeWakeUp(channel.DirectDebitMandiri, object(edit(mandiriJob(), "customer", `{"access_token":"a b"}`)))
	if broken.Outcome != jobs.Invalid || !broken.CustomerTokenMissing {
		t.Errorf("malformed token in a wake-up: outcome %d", broken.Outcome)
	}
}

// The body stays with the message; a decoded job must not change with it.
func TestDecodeKeepsNoReferenceToTheMessage(t *testing.T) {
	t.Parallel()
	body := object(edit(mandiriJob(), "reason", `"why"`, "metadata", `{"k":"v"}`))
	got := jobs.Decode(channel.DirectDebitMandiri, body)
	clear(body)
	if got.Job.Reason != "why" || got.Job.Metadata["k"] != "v" || got.Job.Customer.AccessToken.Reveal() != "tok-1" {
		t.Fatalf("job %+v", got.Job)
	}
}
