package jobs_test

import (
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// content is the fingerprint that a worker of before the rule recorded.
func content(invoice, original, reason string) string {
	return jobs.Job{
		Channel: channel.EmoneyDANA, InvoiceNumber: invoice, OriginalRequestID: original, Amount: 10000, Reason: reason,
	}.Fingerprint().String()
}

func dana(change ...string) []byte {
	return object(edit(danaJob(), append([]string{
		"invoice_number", `"INV-1"`, "original_request_id", `"1"`, "amount", "10000", "reason", `"r"`,
		"customer", `{"ip_address":"10.0.0.1","device_id":"d"}`,
	}, change...)...))
}

// beforeTheRule are jobs that were accepted before a rule became stricter.
var beforeTheRule = map[string]struct {
	body        []byte
	fingerprint string
}{
	"invoice_number with a space": {dana("invoice_number", `"INV-1 "`), content("INV-1 ", "1", "r")},
	"request id with a space":     {dana("original_request_id", `" 1"`), content("INV-1", " 1", "r")},
	"reason in full-width digits": {dana("reason", `"４１１１１１１１１１１１１１１１"`), content("INV-1", "1", "４１１１１１１１１１１１１１１１")},
	"device_id of 65":             {dana("customer", `{"ip_address":"10.0.0.1","device_id":`+quoted("d", 65)+`}`), content("INV-1", "1", "r")},
	"ip_address a name":           {dana("customer", `{"ip_address":"localhost","device_id":"d"}`), content("INV-1", "1", "r")},
	"metadata in full-width digits": {
		dana("metadata", `{"a":"４１１１１１１１１１１１１１１１"}`), content("INV-1", "1", "r"),
	},
	"all of them": {
		dana("invoice_number", `" I "`, "original_request_id", `"1 "`, "reason", `"４１１１１１１１１１１１１１１１"`,
			"customer", `{"ip_address":"::1","device_id":`+quoted("d", 2048)+`}`),
		content(" I ", "1 ", "４１１１１１１１１１１１１１１１"),
	},
}

func TestStricterRuleRejectsFirstMessagesOnly(t *testing.T) {
	t.Parallel()
	for name, c := range beforeTheRule {
		got := jobs.Decode(channel.EmoneyDANA, c.body)
		if got.Outcome != jobs.Invalid {
			t.Errorf("%s: outcome %d as a first message", name, got.Outcome)
		}
		if !got.Repeats(c.fingerprint, 0) || !got.Repeats(c.fingerprint, jobs.AnyRules) {
			t.Errorf("%s: no repeat of the job that was recorded before the rule", name)
		}
		if got.Repeats(content("INV-1", "1", "other"), 0) {
			t.Errorf("%s: a repeat of another job", name)
		}
		if got.CustomerTokenMissing {
			t.Errorf("%s: the customer's values are not at hand", name)
		}
	}
}

// What is not in the fingerprint says nothing about the rules that were in force
// when the record was made: its version does.
func TestRepeatThatBreaksARuleOfTheRecordsOwnTimeIsNone(t *testing.T) {
	t.Parallel()
	recorded := content("INV-1", "1", "r")
	for name, body := range map[string][]byte{
		"device_id of 65":    dana("customer", `{"ip_address":"10.0.0.1","device_id":`+quoted("d", 65)+`}`),
		"ip_address a name":  dana("customer", `{"ip_address":"localhost","device_id":"d"}`),
		"hidden card number": dana("metadata", `{"a":"４１１１１１１１１１１１１１１１"}`),
	} {
		if got := jobs.Decode(channel.EmoneyDANA, body); got.Repeats(recorded, jobs.RulesVersion) || !got.Repeats(recorded, jobs.AnyRules) {
			t.Errorf("%s: repeats by the recorded version %t, as a refund's own wait %t", name,
				got.Repeats(recorded, jobs.RulesVersion), got.Repeats(recorded, jobs.AnyRules))
		}
	}
	for name, body := range map[string][]byte{
		"unknown member":     dana("extra", "1"),
		"customer missing":   dana("customer", `{}`),
		"currency":           dana("currency", `"USD"`),
		"deadline":           dana("deadline", `"tomorrow"`),
		"plain card number":  dana("metadata", `{"a":"4111111111111111"}`),
		"device and unknown": dana("extra", "1", "customer", `{"ip_address":"localhost","device_id":"d"}`),
	} {
		if got := jobs.Decode(channel.EmoneyDANA, body); got.Repeats(recorded, 0) {
			t.Errorf("%s: a broken job repeats the recorded one", name)
		}
	}
}

func TestContentThatCannotBeReadRepeatsNothing(t *testing.T) {
	t.Parallel()
	recorded := content("INV-1", "1", "r")
	for name, body := range map[string][]byte{
		"invoice_number twice":  append(dana()[:len(dana())-1], `,"invoice_number":"INV-1"}`...),
		"reason no string":      dana("reason", "1"),
		"reason with a control": dana("reason", `"r\u0000"`),
		"amount with a rest":    dana("amount", "10000.5"),
		"amount missing":        dana("amount", ""),
		"another channel":       dana("channel", `"emoney_ovo"`),
		"no channel":            dana("channel", ""),
	} {
		got := jobs.Decode(channel.EmoneyDANA, body)
		if got.Outcome != jobs.Invalid || got.Repeats(recorded, jobs.AnyRules) {
			t.Errorf("%s: outcome %d, repeats %t", name, got.Outcome, got.Repeats(recorded, jobs.AnyRules))
		}
	}
}

// The very bytes of a job that was rejected repeat it, also where a rule has
// become more lenient since and the job would be sound now.
func TestVeryBytesOfARejectedJobRepeatIt(t *testing.T) {
	t.Parallel()
	for _, body := range [][]byte{dana("amount", "10000.00"), dana("amount", "0")} {
		got := jobs.Decode(channel.EmoneyDANA, body)
		if !got.Repeats(got.BodySHA256.String(), jobs.RulesVersion) {
			t.Errorf("%s: outcome %d, no repeat", body, got.Outcome)
		}
	}
	if got := jobs.Decode(channel.EmoneyDANA, dana("amount", "10000.00")); !got.Repeats(content("INV-1", "1", "r"), jobs.RulesVersion) {
		t.Error("10000.00 is another amount than 10000")
	}
}
