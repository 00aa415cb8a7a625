package doku

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

func TestSNAPSuccessKeepsWhatDOKUSaid(t *testing.T) {
	t.Parallel()
	v := classifySNAP(snapOrder(), respond(200, snapSuccessBody))
	wantVerdict(t, v, Succeeded, Plain)
	want := refund.Response{
		HTTPStatus: 200, Code: "2000700", Message: "Successful", RefundNo: "R2", ReferenceNo: "R1",
		RefundTime: "2024-01-01T09:09:00.123",
	}
	if v.Response != want || v.Evidence != refund.ByResponse || v.Mismatches != nil {
		t.Errorf("got %+v", v)
	}
}

// expected is docs/doku-api.md, "Classification of refund answers: SNAP"'s
// table written out anew, case by case.
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
		{409, 0}: {Unknown, Collision}, {409, 1}: {Unknown, Collision},
	}
	for c := 3; c <= 17; c++ {
		table[key{404, c}] = no
	}
	table[key{404, 8}], table[key{404, 17}] = [2]any{NotExecuted, Credentials}, [2]any{NotExecuted, Credentials}
	for _, asked := range []key{{400, 3}, {404, 18}} { // response to be known already: ask
		table[asked] = [2]any{Unknown, Plain}
	}
	rest := map[int][2]any{
		401: {NotExecuted, Credentials}, 403: no, 429: {NotExecuted, Throttled},
	}
	for _, row := range []any{table[key{status, caseNo}], rest[status]} {
		if pair, _ := row.([2]any); pair[0] != nil {
			class, _ := pair[0].(Class)
			cause, _ := pair[1].(Cause)
			return class, cause
		}
	}
	return Unknown, Failing // DOKU fails, or the code stands in no table
}

func TestEverySNAPCodeHasItsVerdict(t *testing.T) {
	t.Parallel()
	statuses := []int{200, 201, 202, 204, 400, 401, 402, 403, 404, 405, 406, 408, 409, 422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 505, 599}
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
	with := func(member string) string { return change(`"refundTime"`, member+`,"refundTime"`) }
	info := func(value string) string { return with(`"additionalInfo":` + value) }
	inside := func(status string) string { return info(`{"latestTransactionStatus":"` + status + `"}`) }
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
		{"amount is a text", 200, change(`{"value":"10000.00","currency":"IDR"}`, `"10000.00"`), Unknown, Failing},
		{"DOKU's direct debit document's own other numbers", 200, edit(t, change(`"INV-0001"`, `"Ra7o1bLJAh2oV9eb33129stQc5xFm5s7"`), "INV-REF-0001", "Ra7o1"), Succeeded, Plain},
		{"code under a capital name", 200, change(`"responseCode"`, `"ResponseCode"`), Unknown, Failing},
		{"code twice", 200, change(`"responseCode":"2000700"`, `"responseCode":"2000700","responseCode":"4000700"`), Unknown, Failing},
		{"code too short", 200, change("2000700", "20007"), Unknown, Failing},
		{"code with a letter", 200, change("2000700", "2000O00"), Unknown, Failing},
		{"no code", 200, `{}`, Unknown, Failing},
		{"code of another status", 200, change("2000700", "4000700"), Unknown, Plain},
		{"success under another status", 404, snapSuccessBody, Unknown, Plain},
		{"success under 500", 500, snapSuccessBody, Unknown, Failing},
		{"broken", 200, snapSuccessBody[:40], Unknown, Failing},
		{"html", 200, `<html>`, Unknown, Failing},
		{"401 with html", 401, `<html>`, NotExecuted, Credentials},
		{"401 with nothing", 401, ``, NotExecuted, Credentials},
		{"429 with html", 429, `<html>`, NotExecuted, Throttled},
		{"403 with html", 403, `<html>`, Unknown, Failing},
		{"404 with html", 404, `<html>`, Unknown, Failing},
		{"409 with html", 409, `<html>`, Unknown, Failing},
		{"503 with html", 503, `<html>`, Unknown, Failing},
		{"redirect", 302, snapSuccessBody, Unknown, Failing},
		{"code as a double", 200, change(`"2000700"`, `2000700.0`), Succeeded, Plain},
		{"code as a double with an exponent", 200, change(`"2000700"`, `2.0007E6`), Succeeded, Plain},
		{"code with a fraction", 200, change(`"2000700"`, `2000700.5`), Unknown, Failing},
		{"code as a double in quotes", 200, change(`"2000700"`, `"2000700.0"`), Unknown, Failing},
		{"code is a list", 200, change(`"2000700"`, `["2000700"]`), Unknown, Failing},
		{"amount as a double", 200, change(`"10000.00"`, `1.0E4`), Succeeded, Plain},
		{"another amount as a double", 200, change(`"10000.00"`, `1.0E5`), Unknown, Plain},
		{"currency in small letters", 200, change("IDR", "idr"), Succeeded, Plain},
		{"numbers as numbers", 200, edit(t, change(`"R1"`, `17`), `"R2"`, `18`), Succeeded, Plain},
		{"number is an object", 200, change(`"R2"`, `{}`), Unknown, Failing},
		{"number is true", 200, change(`"R2"`, `true`), Unknown, Failing},
		{"no text, no number, null everywhere", 200, `{"responseCode":"2000700","responseMessage":null,"refundAmount":null,"originalPartnerReferenceNo":null,` +
			`"originalReferenceNo":null,"refundNo":null,"partnerRefundNo":null,"refundTime":null,"latestTransactionStatus":null,"additionalInfo":null}`, Succeeded, Plain},
		{"message as a list", 200, change(`"Successful"`, `["Successful"]`), Succeeded, Plain},
		{"message as an object", 200, change(`"Successful"`, `{"error":1}`), Unknown, Failing},
		{"a byte of latin-1", 200, change("Successful", "B\xe9n\xe9fice"), Succeeded, Plain},
		{"a byte of latin-1 in a name", 200, change(`"refundTime"`, "\"r\xe9f\":1,\"refundTime\""), Unknown, Failing},
		{"a byte order mark", 200, "\uFEFF" + snapSuccessBody, Succeeded, Plain},
		{"two byte order marks", 200, "\uFEFF\uFEFF" + snapSuccessBody, Unknown, Failing},
		{"additionalInfo null", 200, info(`null`), Succeeded, Plain},
		{"additionalInfo an empty text", 200, info(`""`), Succeeded, Plain},
		{"additionalInfo an empty list", 200, info(`[ ]`), Succeeded, Plain},
		{"additionalInfo an empty object", 200, info(`{}`), Succeeded, Plain},
		{"additionalInfo a text", 200, info(`"00"`), Unknown, Failing},
		{"additionalInfo a space", 200, info(`" "`), Unknown, Failing},
		{"additionalInfo a list", 200, info(`[{"latestTransactionStatus":"00"}]`), Unknown, Failing},
		{"additionalInfo a number", 200, info(`0`), Unknown, Failing},
		{"additionalInfo false", 200, info(`false`), Unknown, Failing},
		{"inside: a number", 200, info(`{"latestTransactionStatus":0}`), Unknown, Plain},
		{"inside: null", 200, info(`{"latestTransactionStatus":null}`), Succeeded, Plain},
		{"inside: a word", 200, info(`{"latestTransactionStatus":"COMPLETED"}`), Unknown, Plain},

		{"a token's service", 200, change("2000700", "2007300"), Unknown, Plain},
		{"a customer token's service", 200, change("2000700", "2007400"), Unknown, Plain},
		{"a token's refusal", 401, `{"responseCode":"4017300"}`, Unknown, Plain},
		{"the service of a payment", 200, change("2000700", "2005400"), Succeeded, Plain},
		{"the service of a status", 200, change("2000700", "2005500"), Succeeded, Plain},
		{"a token", 200, with(`"accessToken":"t"`), Unknown, Plain},
		{"a token that is null", 200, with(`"accessToken":null`), Unknown, Plain},
		{"a history", 200, with(`"refundHistory":[]`), Unknown, Plain},
		{"a history in additionalInfo", 200, info(`{"refundHistory":null}`), Unknown, Plain},
		{"the payment's amount", 200, with(`"transAmount":{"value":"10000.00"}`), Unknown, Plain},
		{"a history beside a definite no", 404, `{"responseCode":"4040713","refundHistory":[]}`, Unknown, Plain},

		{"a definite no inside 200", 200, `{"responseCode":"4040713"}`, Failed, Plain},
		{"a definite no inside 200, null and empty", 200, `{"responseCode":"4000702","refundNo":"","refundTime":null,"refundAmount":null,"additionalInfo":""}`, Failed, Plain},
		{"a definite no inside 200, ids only", 200, `{"responseCode":"4040701","originalPartnerReferenceNo":"INV-0001","partnerRefundNo":"INV-REF-0001"}`, Failed, Plain},
		{"a definite no inside 200, refundNo", 200, `{"responseCode":"4040713","refundNo":"1"}`, Unknown, Plain},
		{"a definite no inside 200, refundNo as a number", 200, `{"responseCode":"4040713","refundNo":1}`, Unknown, Plain},
		{"a definite no inside 200, refundTime", 200, `{"responseCode":"4040713","refundTime":"x"}`, Unknown, Plain},
		{"a definite no inside 200, refundAmount", 200, `{"responseCode":"4040713","refundAmount":{"value":"10000.00","currency":"IDR"}}`, Unknown, Plain},
		{"a definite no inside 200, an empty refundAmount", 200, `{"responseCode":"4040713","refundAmount":{}}`, Unknown, Plain},
		{"a definite no inside 200, status", 200, `{"responseCode":"4040713","latestTransactionStatus":"06"}`, Unknown, Plain},
		{"a definite no inside 200, status inside", 200, `{"responseCode":"4040713","additionalInfo":{"latestTransactionStatus":"06"}}`, Unknown, Plain},
		{"a definite no inside 201", 201, `{"responseCode":"4040713"}`, Unknown, Plain},
		{"a definite no inside 400", 400, `{"responseCode":"4040713"}`, Unknown, Plain},
		{"a definite no inside 500", 500, `{"responseCode":"4040713"}`, Unknown, Failing},
		{"our configuration inside 200", 200, `{"responseCode":"4000701","responseMessage":"Invalid X-SIGNATURE"}`, Unknown, Plain},
		{"401 inside 200", 200, `{"responseCode":"4010700"}`, Unknown, Plain},
		{"a short balance inside 200", 200, `{"responseCode":"4030714"}`, Unknown, Plain},
		{"done already inside 200", 200, `{"responseCode":"4000703"}`, Unknown, Plain},
		{"a collision inside 200", 200, `{"responseCode":"4090701"}`, Unknown, Plain},
		{"a 500 inside 200", 200, `{"responseCode":"5000700"}`, Unknown, Failing},
		{"a 504 inside 200", 200, `{"responseCode":"5040700"}`, Unknown, Failing},
		{"a 401 that cannot be read", 401, `{"responseCode":"4010700","additionalInfo":"x"}`, Unknown, Failing},
		{"a 401 with a member repeated", 401, `{"responseCode":"4010700","refundNo":"1","refundNo":"1"}`, Unknown, Failing},
		{"a 429 that cannot be read", 429, `{"responseCode":"4290700","refundNo":{}}`, Unknown, Failing},
		{"a 429 with a page", 429, `<html>`, NotExecuted, Throttled},
		{"a 409 that no table lists", 409, `{"responseCode":"4090702"}`, Unknown, Failing},
		{"200 inside 202", 202, `{"responseCode":"2000700"}`, Unknown, Plain},
		{"202 inside 200", 200, `{"responseCode":"2020700"}`, Unknown, Plain},
		{"a code that no table lists", 400, `{"responseCode":"4000777"}`, Unknown, Failing},
		{"a code that no table lists inside 200", 200, `{"responseCode":"4000777"}`, Unknown, Failing},
		{"403 of a firewall", 403, `{"message":"Forbidden"}`, Unknown, Failing},
		{"an envelope of cards", 400, `{"code":"invalid_signature","message":["x"]}`, Unknown, Failing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantVerdict(t, classifySNAP(snapOrder(), respond(tt.status, tt.body)), tt.class, tt.cause)
		})
	}
}

// The message of a refusal decides in one place: a header that is made of our
// configuration or our clock is wrong for every refund alike.
func TestSNAPRefusalThatNamesAHeaderOfOurs(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]RefundOutcome{
		"Invalid Field Format X-TIMESTAMP":                {Class: NotExecuted, Cause: Credentials},
		"Invalid Mandatory Field X-SIGNATURE":             {Class: NotExecuted, Cause: Credentials},
		"Invalid Mandatory Field {X-PARTNER-ID}":          {Class: NotExecuted, Cause: Credentials},
		"X-PARTNER-ID.":                                   {Class: NotExecuted, Cause: Credentials},
		"invalid x-signature":                             {Class: NotExecuted, Cause: Credentials},
		"X-TIMESTAMP, X-SIGNATURE":                        {Class: NotExecuted, Cause: Credentials},
		"Invalid Field Format X-EXTERNAL-ID":              {},
		"X-TIMESTAMP, X-EXTERNAL-ID":                      {},
		"X-TIMESTAMP, X-DEVICE-ID":                        {},
		"Invalid Field Format X-IP-ADDRESS":               {Class: Failed},
		"Invalid Mandatory Field X-DEVICE-ID":             {Class: Failed},
		"Invalid Mandatory Field Authorization-customer":  {Class: Failed},
		"Invalid Field Format X-TIMESTAMPS":               {Class: Failed},
		"Invalid Field Format MAX-TIMESTAMP":              {Class: Failed},
		"Invalid Field Format timestamp":                  {Class: Failed},
		"Invalid Field Format partnerRefundNo":            {Class: Failed},
		"Invalid Field Format originalPartnerReferenceNo": {Class: Failed},
		"": {Class: Failed},
	} {
		for _, code := range []string{"4000701", "4000702", "4005801", "4005802"} {
			body := fmt.Sprintf(`{"responseCode":%q,"responseMessage":%q}`, code, message)
			v := classifySNAP(snapOrder(), respond(400, body))
			if v.Class != want.Class || v.Cause != want.Cause || v.Unlisted {
				t.Errorf("%s %q: got %v/%v (%s)", code, message, v.Class, v.Cause, v.Problem)
			}
		}
		for _, code := range []string{"4000700", "4000704"} { // there the message decides nothing
			v := classifySNAP(snapOrder(), respond(400, fmt.Sprintf(`{"responseCode":%q,"responseMessage":%q}`, code, message)))
			wantVerdict(t, v, Failed, Plain)
		}
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
		return `{"responseCode":"2005500","latestTransactionStatus":"` + latest + `","refundHistory":[` + strings.Join(entries, ",") + `]}`
	}
	more := func(info string) string {
		return `{"responseCode":"2005500","latestTransactionStatus":"00","additionalInfo":` + info + `}`
	}
	inside := func(latest string, entries ...string) string {
		return edit(t, more(`{"refundHistory":[`+strings.Join(entries, ",")+`]}`), `"00","additionalInfo"`, `"`+latest+`","additionalInfo"`)
	}
	const ours, sum = "INV-REF-0001", "10000.00"
	yes, no, runs := entry(ours, sum, "00"), entry(ours, sum, "06"), entry(ours, sum, "03")
	tests := []struct {
		name    string
		status  int
		body    string
		finding refund.Finding
		cause   Cause
	}{
		{"done", 200, snapStatusBody, refund.FoundSuccess, Plain},
		{"done, under the libraries' name", 200, change(`"partnerRefundNo"`, `"partnerReferenceNo"`), refund.FoundSuccess, Plain},
		{"the documented name goes first", 200, change(`"partnerRefundNo":"INV-REF-0001"`, `"partnerRefundNo":"X","partnerReferenceNo":"INV-REF-0001"`), refund.NoAnswer, Plain},
		{"done, code as a number", 200, change(`"2005500"`, `2005500`), refund.FoundSuccess, Plain},
		{"failed", 200, history("00", no), refund.FoundFailure, Plain},
		{"running", 200, history("00", runs), refund.FoundRunning, Plain},
		{"another service", 200, change("2005500", "2000700"), refund.NoAnswer, Plain},
		{"another case", 200, change("2005500", "2005501"), refund.NoAnswer, Failing},
		{"another amount", 200, change("10000.00", "9000.00"), refund.Contradiction, Plain},
		{"another currency", 200, change("IDR", "USD"), refund.Contradiction, Plain},
		{"no amount", 200, change(`"refundAmount":{"value":"10000.00","currency":"IDR"},`, ``), refund.NoAnswer, Plain},
		{"no amount, running", 200, history("00", `{"partnerRefundNo":"INV-REF-0001","refundStatus":"03"}`), refund.FoundRunning, Plain},
		{"a status of no meaning", 200, history("00", entry(ours, sum, "99")), refund.NoAnswer, Plain},
		{"contradiction beats a yes", 200, history("00", yes, entry(ours, "1.00", "06")), refund.Contradiction, Plain},
		{"a yes beats running and a no", 200, history("00", no, runs, yes), refund.FoundSuccess, Plain},
		{"running beats a no", 200, history("00", no, runs), refund.FoundRunning, Plain},
		{"a no beside an unclear entry", 200, history("00", no, entry(ours, sum, "99")), refund.NoAnswer, Plain},
		{"others do not matter", 200, history("00", entry("X", "1.00", "06"), yes), refund.FoundSuccess, Plain},
		{"only others, paid", 200, history("00", entry("X", "1.00", "00")), refund.NotFound, Plain},
		{"only others, failed", 200, history("06", entry("X", "1.00", "00"), entry("Y", "20000.00", "06")), refund.NotFound, Plain},
		{"our amount under another number", 200, history("00", entry("X", sum, "00")), refund.NoAnswer, Plain},
		{"our amount under another number, written otherwise", 200, history("00", entry("X", "1.0E4", "06")), refund.NoAnswer, Plain},
		{"our amount under another number, beside ours", 200, history("00", entry("X", sum, "00"), no), refund.FoundFailure, Plain},
		{"another number without an amount", 200, history("00", `{"partnerRefundNo":"X","refundStatus":"00"}`), refund.NoAnswer, Plain},
		{"an entry without a number", 200, history("00", `{"refundAmount":{"value":"1.00"},"refundStatus":"00"}`), refund.NoAnswer, Plain},
		{"an entry with an empty number", 200, history("00", entry("", "1.00", "00")), refund.NoAnswer, Plain},
		{"an entry that is null", 200, history("00", `null`), refund.NoAnswer, Plain},
		{"our number in the libraries' place beside another", 200, history("00", `{"partnerRefundNo":"X","partnerReferenceNo":"INV-REF-0001","refundAmount":{"value":"1.00"},"refundStatus":"00"}`), refund.NoAnswer, Plain},
		{"an entry that is a number", 200, history("00", yes, `5`), refund.NoAnswer, Failing},
		{"in additionalInfo: done", 200, inside("04", yes), refund.FoundSuccess, Plain},
		{"in additionalInfo: done, though the payment is", 200, inside("00", yes), refund.FoundSuccess, Plain},
		{"in additionalInfo: failed", 200, inside("00", no), refund.FoundFailure, Plain},
		{"in additionalInfo: another amount", 200, inside("00", entry(ours, "1.00", "00")), refund.Contradiction, Plain},
		{"in additionalInfo: only others", 200, inside("00", entry("X", "1.00", "00")), refund.NotFound, Plain},
		{"in additionalInfo: our amount under another number", 200, inside("00", entry("X", sum, "00")), refund.NoAnswer, Plain},
		{"in additionalInfo: empty", 200, inside("00"), refund.NotFoundNoHistory, Plain},
		{"in both places: a yes beats a no", 200, edit(t, inside("00", yes), `"additionalInfo"`, `"refundHistory":[`+no+`],"additionalInfo"`), refund.FoundSuccess, Plain},
		{"additionalInfo empty as an array", 200, more(`[]`), refund.NotFoundNoHistory, Plain},
		{"additionalInfo empty as a text", 200, more(`""`), refund.NotFoundNoHistory, Plain},
		{"additionalInfo null", 200, more(`null`), refund.NotFoundNoHistory, Plain},
		{"additionalInfo a text", 200, more(`"refunded"`), refund.NoAnswer, Failing},
		{"additionalInfo a list", 200, more(`[{"refundHistory":[]}]`), refund.NoAnswer, Failing},
		{"another status in additionalInfo", 200, more(`{"latestTransactionStatus":"04"}`), refund.NoAnswer, Plain},
		{"the same status in additionalInfo", 200, more(`{"latestTransactionStatus":"00"}`), refund.NotFoundNoHistory, Plain},
		{"a word for a status", 200, history("COMPLETED"), refund.NoAnswer, Plain},
		{"a status of one digit", 200, edit(t, history("00"), `"00"`, `0`), refund.NoAnswer, Plain},
		{"a status of no meaning, and no history", 200, history("08"), refund.NoAnswer, Plain},
		{"initiated", 200, history("01"), refund.NotFoundNoHistory, Plain},
		{"paying", 200, history("02"), refund.NotFoundNoHistory, Plain},
		{"pending", 200, history("03"), refund.NotFoundNoHistory, Plain},
		{"cancelled", 200, history("05"), refund.NotFoundNoHistory, Plain},
		{"failed payment", 200, history("06"), refund.NotFoundNoHistory, Plain},
		{"not found beside others", 200, history("07", entry("X", "1.00", "00")), refund.NotFound, Plain},
		{"not found beside what may be ours", 200, history("07", entry("X", sum, "00")), refund.NoAnswer, Plain},
		{"404/01 of a refund", 404, `{"responseCode":"4040701"}`, refund.NoAnswer, Plain},
		{"404/01 of a refund, by the standard", 404, `{"responseCode":"4045801"}`, refund.NoAnswer, Plain},
		{"404/01 of a token", 404, `{"responseCode":"4047301"}`, refund.NoAnswer, Plain},
		{"404/01 with a history", 404, `{"responseCode":"4045501","refundHistory":[` + yes + `]}`, refund.NoAnswer, Plain},
		{"404/01 as a number", 404, `{"responseCode":4045501}`, refund.NotFound, Plain},
		{"a definite no under 200", 200, `{"responseCode":"4005500"}`, refund.NoAnswer, Plain},
		{"400/02 naming our time", 400, `{"responseCode":"4005502","responseMessage":"Invalid Mandatory Field X-TIMESTAMP"}`, refund.NoAnswer, Credentials},
		{"404/08", 404, `{"responseCode":"4045508"}`, refund.NoAnswer, Credentials},
		{"a code that no table lists", 400, `{"responseCode":"4005577"}`, refund.NoAnswer, Failing},
		{"a six-digit code", 400, `{"responseCode":"400550"}`, refund.NoAnswer, Failing},
		{"the family of cards", 400, `{"error":{"code":"invalid_signature"}}`, refund.NoAnswer, Failing},
		{"502 with html", 502, `<html>`, refund.NoAnswer, Failing},
		{"redirect", 302, snapStatusBody, refund.NoAnswer, Failing},
		{"only others, refunded", 200, history("04", entry("X", sum, "00")), refund.NoAnswer, Plain},
		{"empty history, paid", 200, history("00"), refund.NotFoundNoHistory, Plain},
		{"empty history, refunded", 200, history("04"), refund.NoAnswer, Plain},
		{"no history, not found", 200, `{"responseCode":"2005500","latestTransactionStatus":"07"}`, refund.NotFound, Plain},
		{"history null", 200, `{"responseCode":"2005500","latestTransactionStatus":"00","refundHistory":null}`, refund.NotFoundNoHistory, Plain},
		{"neither status nor history", 200, `{"responseCode":"2005500"}`, refund.NoAnswer, Plain},
		{"404/01", 404, `{"responseCode":"4045501"}`, refund.NotFound, Plain},
		{"404/00", 404, `{"responseCode":"4045500"}`, refund.NoAnswer, Plain},
		{"404 with html", 404, `<html>`, refund.NoAnswer, Failing},
		{"404/01 under 200", 200, `{"responseCode":"4045501"}`, refund.NoAnswer, Plain},
		{"a 500 inside 200", 200, `{"responseCode":"5005500"}`, refund.NoAnswer, Failing},
		{"401", 401, `{"responseCode":"4015500"}`, refund.NoAnswer, Credentials},
		{"401/02", 401, `{"responseCode":"4015502"}`, refund.NoAnswer, Credentials},
		{"401 with html", 401, `<html>`, refund.NoAnswer, Credentials},
		{"401 without a code", 401, `{}`, refund.NoAnswer, Credentials},
		{"429", 429, `{"responseCode":"4295500"}`, refund.NoAnswer, Throttled},
		{"403/04", 403, `{"responseCode":"4035504"}`, refund.NoAnswer, Unavailable},
		{"409", 409, `{"responseCode":"4095500"}`, refund.NoAnswer, Plain},
		{"500 that looks done", 500, snapStatusBody, refund.NoAnswer, Failing},
		{"broken", 200, snapStatusBody[:80], refund.NoAnswer, Failing},
		{"entry twice named", 200, change(`"refundStatus":"00"`, `"refundStatus":"06","refundStatus":"00"`), refund.NoAnswer, Failing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i, _ := findSNAP(snapOrder(), respond(tt.status, tt.body))
			if i.Finding != tt.finding || i.Cause != tt.cause || i.Response.HTTPStatus != tt.status || i.Problem == "" {
				t.Errorf("got %v/%v %+v", i.Finding, i.Cause, i)
			}
		})
	}
}

func TestSNAPInquiryKeepsWhatTheEntrySays(t *testing.T) {
	t.Parallel()
	i, fields := findSNAP(snapOrder(), respond(200, snapStatusBody))
	want := refund.Response{
		HTTPStatus: 200, Code: "2005500", Message: "Successful", RefundNo: "R2",
		RefundTime: "2026-11-21",
	}
	if i.Response != want || fields != nil {
		t.Errorf("got %+v, %v", i.Response, fields)
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
