package doku

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"refundworker/internal/channel"
)

func TestSNAPSuccessKeepsWhatDOKUSaid(t *testing.T) {
	t.Parallel()
	v := classifySNAP(snapOrder(), respond(200, snapSuccessBody))
	wantVerdict(t, v, Succeeded, Plain)
	want := Said{
		HTTPStatus: 200, Code: "2000700", Message: "Successful", RefundNo: "R2", ReferenceNo: "R1",
		RefundTime: "2024-01-01T09:09:00.123", PartnerRefundNo: "INV-REF-0001",
	}
	if v.Said != want || v.Evidence != ByResponse || v.Mismatches != nil {
		t.Errorf("got %+v", v)
	}
}

// expected is doku-api.md §2's table written out anew, case by case.
func expected(status, caseNo int) (Class, Cause) {
	type key struct{ status, caseNo int }
	no, later := [2]any{Failed, Plain}, [2]any{NotExecuted, Unavailable}
	table := map[key][2]any{
		{200, 0}: {Succeeded, Plain}, {202, 0}: {InProgress, Plain},
		{400, 0}: no, {400, 1}: no, {400, 2}: no, {400, 4}: no,
		{401, 2}: {NotExecuted, CustomerToken}, {401, 4}: {NotExecuted, CustomerToken},
		{403, 4}: later, {403, 6}: later, {403, 14}: later, {403, 20}: later, {403, 23}: later,
		{404, 0}: no, {404, 1}: no, {404, 2}: later, {404, 19}: no,
		{405, 0}: no, {405, 1}: later,
	}
	for c := 3; c <= 17; c++ {
		table[key{404, c}] = no
	}
	rest := map[int][2]any{
		401: {NotExecuted, Credentials}, 403: no, 409: {Unknown, Collision}, 429: {NotExecuted, Throttled},
	}
	for _, row := range []any{table[key{status, caseNo}], rest[status]} {
		if pair, _ := row.([2]any); pair[0] != nil {
			class, _ := pair[0].(Class)
			cause, _ := pair[1].(Cause)
			return class, cause
		}
	}
	return Unknown, Plain
}

func TestEverySNAPCodeHasItsVerdict(t *testing.T) {
	t.Parallel()
	statuses := []int{200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 405, 406, 408, 409, 422, 425, 429, 500, 502, 503, 504}
	for _, status := range statuses {
		for caseNo := range 100 {
			class, cause := expected(status, caseNo)
			for _, service := range []int{7, 58, 0} { // the service is ignored
				for _, form := range []string{`"%03d%02d%02d"`, `%03d%02d%02d`} {
					code := fmt.Sprintf(form, status, service, caseNo)
					v := classifySNAP(snapOrder(), respond(status, `{"responseCode":`+code+`}`))
					if v.Class != class || v.Cause != cause {
						t.Fatalf("%d %s: got %v/%v, want %v/%v", status, code, v.Class, v.Cause, class, cause)
					}
				}
			}
		}
	}
}

func TestSNAPAnswersThatTheCodeDoesNotDecide(t *testing.T) {
	t.Parallel()
	change := func(old, replacement string) string { return edit(t, snapSuccessBody, old, replacement) }
	inside := func(status string) string {
		return change(`"refundTime"`, `"additionalInfo":{"latestTransactionStatus":"`+status+`"},"refundTime"`)
	}
	tests := []struct {
		name   string
		status int
		body   string
		class  Class
		cause  Cause
	}{
		{"inside: done", 200, inside("00"), Succeeded, Plain},
		{"inside: pending", 200, inside("03"), InProgress, Plain},
		{"inside: failed", 200, inside("06"), Failed, Plain},
		{"inside: refunded", 200, inside("04"), Unknown, Plain},
		{"inside: no such status", 200, inside("99"), Unknown, Plain},
		{"outside: pending", 200, change(`"refundTime"`, `"latestTransactionStatus":"03","refundTime"`), InProgress, Plain},
		{"inside and outside differ", 200, edit(t, inside("00"), `"refundTime"`, `"latestTransactionStatus":"06","refundTime"`), Unknown, Plain},
		{"no amount", 200, `{"responseCode":"2000700"}`, Succeeded, Plain},
		{"another amount", 200, change("10000.00", "10001.00"), Unknown, Plain},
		{"amount without decimals", 200, change("10000.00", "10000"), Succeeded, Plain},
		{"amount as a number", 200, change(`"10000.00"`, `10000.00`), Succeeded, Plain},
		{"another currency", 200, change("IDR", "USD"), Unknown, Plain},
		{"amount is a text", 200, change(`{"value":"10000.00","currency":"IDR"}`, `"10000.00"`), Unknown, Plain},
		{"seed 2's own other numbers", 200, edit(t, change(`"INV-0001"`, `"Ra7o1bLJAh2oV9eb33129stQc5xFm5s7"`), "INV-REF-0001", "Ra7o1"), Succeeded, Plain},
		{"code under a capital name", 200, change(`"responseCode"`, `"ResponseCode"`), Unknown, Plain},
		{"code twice", 200, change(`"responseCode":"2000700"`, `"responseCode":"2000700","responseCode":"4000700"`), Unknown, Plain},
		{"code too short", 200, change("2000700", "20007"), Unknown, Plain},
		{"code with a letter", 200, change("2000700", "2000O00"), Unknown, Plain},
		{"no code", 200, `{}`, Unknown, Plain},
		{"code of another status", 200, change("2000700", "4000700"), Unknown, Plain},
		{"success under another status", 404, snapSuccessBody, Unknown, Plain},
		{"success under 500", 500, snapSuccessBody, Unknown, Plain},
		{"broken", 200, snapSuccessBody[:40], Unknown, Plain},
		{"html", 200, `<html>`, Unknown, Plain},
		{"401 with html", 401, `<html>`, NotExecuted, Credentials},
		{"401 with nothing", 401, ``, NotExecuted, Credentials},
		{"429 with html", 429, `<html>`, NotExecuted, Throttled},
		{"403 with html", 403, `<html>`, Unknown, Plain},
		{"404 with html", 404, `<html>`, Unknown, Plain},
		{"409 with html", 409, `<html>`, Unknown, Plain},
		{"503 with html", 503, `<html>`, Unknown, Plain},
		{"redirect", 302, snapSuccessBody, Unknown, Plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantVerdict(t, classifySNAP(snapOrder(), respond(tt.status, tt.body)), tt.class, tt.cause)
		})
	}
}

func TestForeignSNAPNumbersAreNamedAndBelieved(t *testing.T) {
	t.Parallel()
	body := edit(t, edit(t, snapSuccessBody, `"INV-0001"`, `"X"`), "INV-REF-0001", "Y")
	v := classifySNAP(snapOrder(), respond(200, body))
	wantVerdict(t, v, Succeeded, Plain)
	if want := []string{fieldSNAPInvoice, fieldPartnerNo}; !reflect.DeepEqual(v.Mismatches, want) {
		t.Errorf("got %v", v.Mismatches)
	}
}

func TestRetryAfterIsKeptWithEverySNAPAnswer(t *testing.T) {
	t.Parallel()
	r := respond(429, `{"responseCode":"4290700"}`)
	r.header.Set("Retry-After", "3")
	if v := classifySNAP(snapOrder(), r); v.RetryAfter != 3*time.Second || v.Cause != Throttled {
		t.Errorf("got %+v", v)
	}
}

const snapStatusBody = `{"responseCode":"2005500","responseMessage":"Successful","originalPartnerReferenceNo":"INV-0001",` +
	`"latestTransactionStatus":"04","refundHistory":[{"refundNo":"R2","partnerRefundNo":"INV-REF-0001",` +
	`"refundAmount":{"value":"10000.00","currency":"IDR"},"refundStatus":"00","refundDate":"2026-11-21","reason":"r"}]}`

func TestSNAPInquiryProvesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	change := func(old, replacement string) string { return edit(t, snapStatusBody, old, replacement) }
	entry := func(number, amount, status string) string {
		return `{"partnerRefundNo":"` + number + `","refundAmount":{"value":"` + amount + `","currency":"IDR"},"refundStatus":"` + status + `"}`
	}
	history := func(latest string, entries ...string) string {
		list := ""
		for i, e := range entries {
			if i > 0 {
				list += ","
			}
			list += e
		}
		return `{"responseCode":"2005500","latestTransactionStatus":"` + latest + `","refundHistory":[` + list + `]}`
	}
	const ours, sum = "INV-REF-0001", "10000.00"
	yes, no, runs := entry(ours, sum, "00"), entry(ours, sum, "06"), entry(ours, sum, "03")
	tests := []struct {
		name    string
		status  int
		body    string
		finding Finding
		cause   Cause
	}{
		{"done", 200, snapStatusBody, FoundSuccess, Plain},
		{"done, under the libraries' name", 200, change(`"partnerRefundNo"`, `"partnerReferenceNo"`), FoundSuccess, Plain},
		{"the documented name goes first", 200, change(`"partnerRefundNo":"INV-REF-0001"`, `"partnerRefundNo":"X","partnerReferenceNo":"INV-REF-0001"`), NoAnswer, Plain},
		{"done, code as a number", 200, change(`"2005500"`, `2005500`), FoundSuccess, Plain},
		{"failed", 200, history("00", no), FoundFailure, Plain},
		{"running", 200, history("00", runs), FoundRunning, Plain},
		{"another service", 200, change("2005500", "2000700"), NoAnswer, Plain},
		{"another case", 200, change("2005500", "2005501"), NoAnswer, Plain},
		{"another amount", 200, change("10000.00", "9000.00"), Contradiction, Plain},
		{"another currency", 200, change("IDR", "USD"), Contradiction, Plain},
		{"no amount", 200, change(`"refundAmount":{"value":"10000.00","currency":"IDR"},`, ``), NoAnswer, Plain},
		{"no amount, running", 200, history("00", `{"partnerRefundNo":"INV-REF-0001","refundStatus":"03"}`), FoundRunning, Plain},
		{"a status of no meaning", 200, history("00", entry(ours, sum, "99")), NoAnswer, Plain},
		{"contradiction beats a yes", 200, history("00", yes, entry(ours, "1.00", "06")), Contradiction, Plain},
		{"a yes beats running and a no", 200, history("00", no, runs, yes), FoundSuccess, Plain},
		{"running beats a no", 200, history("00", no, runs), FoundRunning, Plain},
		{"a no beside an unclear entry", 200, history("00", no, entry(ours, sum, "99")), NoAnswer, Plain},
		{"others do not matter", 200, history("00", entry("X", "1.00", "06"), yes), FoundSuccess, Plain},
		{"only others, paid", 200, history("00", entry("X", sum, "00")), NotFound, Plain},
		{"only others, refunded", 200, history("04", entry("X", sum, "00")), NoAnswer, Plain},
		{"empty history, paid", 200, history("00"), NotFound, Plain},
		{"empty history, refunded", 200, history("04"), NoAnswer, Plain},
		{"no history, not found", 200, `{"responseCode":"2005500","latestTransactionStatus":"07"}`, NotFound, Plain},
		{"history null", 200, `{"responseCode":"2005500","latestTransactionStatus":"00","refundHistory":null}`, NotFound, Plain},
		{"neither status nor history", 200, `{"responseCode":"2005500"}`, NoAnswer, Plain},
		{"404/01", 404, `{"responseCode":"4045501"}`, NotFound, Plain},
		{"404/00", 404, `{"responseCode":"4045500"}`, NoAnswer, Plain},
		{"404 with html", 404, `<html>`, NoAnswer, Plain},
		{"404/01 under 200", 200, `{"responseCode":"4045501"}`, NoAnswer, Plain},
		{"401", 401, `{"responseCode":"4015500"}`, NoAnswer, Credentials},
		{"401/02", 401, `{"responseCode":"4015502"}`, NoAnswer, Credentials},
		{"401 with html", 401, `<html>`, NoAnswer, Credentials},
		{"401 without a code", 401, `{}`, NoAnswer, Credentials},
		{"429", 429, `{"responseCode":"4295500"}`, NoAnswer, Throttled},
		{"403/04", 403, `{"responseCode":"4035504"}`, NoAnswer, Unavailable},
		{"409", 409, `{"responseCode":"4095500"}`, NoAnswer, Plain},
		{"500 that looks done", 500, snapStatusBody, NoAnswer, Plain},
		{"broken", 200, snapStatusBody[:80], NoAnswer, Plain},
		{"entry twice named", 200, change(`"refundStatus":"00"`, `"refundStatus":"06","refundStatus":"00"`), NoAnswer, Plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i, _ := findSNAP(snapOrder(), respond(tt.status, tt.body))
			if i.Finding != tt.finding || i.Cause != tt.cause || i.Said.HTTPStatus != tt.status || i.Problem == "" {
				t.Errorf("got %v/%v %+v", i.Finding, i.Cause, i)
			}
		})
	}
}

func TestSNAPInquiryKeepsWhatTheEntrySays(t *testing.T) {
	t.Parallel()
	i, fields := findSNAP(snapOrder(), respond(200, snapStatusBody))
	want := Said{
		HTTPStatus: 200, Code: "2005500", Message: "Successful", RefundNo: "R2",
		RefundTime: "2026-11-21", PartnerRefundNo: "INV-REF-0001",
	}
	if i.Said != want || fields != nil {
		t.Errorf("got %+v, %v", i.Said, fields)
	}
	_, fields = findSNAP(snapOrder(), respond(200, edit(t, snapStatusBody, `"INV-0001"`, `"X"`)))
	if !reflect.DeepEqual(fields, []string{fieldSNAPInvoice}) {
		t.Errorf("mismatches %v", fields)
	}
}

func TestEveryChannelButCardsIsServedBySNAP(t *testing.T) {
	t.Parallel()
	for _, ch := range channel.All() {
		if (ch.Facts().Family == channel.SNAP) != (ch.Facts().SNAPName != "") {
			t.Errorf("%s has SNAP name %q", ch, ch.Facts().SNAPName)
		}
	}
}
