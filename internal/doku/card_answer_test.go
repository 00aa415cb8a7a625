package doku

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// cardFailedBody is DOKU's card document's failed sample, about our order.
const cardFailedBody = `{"order":{"invoice_number":"INV-20210118-0001"},` +
	`"payment":{"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c"},` +
	`"refund":{"amount":90000,"reason":"REFUND TEST","type":"FULL_REFUND","status":"FAILED"},` +
	`"error":{"code":"PAYMENT_FAILED","message":"Total Refund amount is Bigger than Original Transaction","type":"Payment Failed"}}`

func TestCardSuccessKeepsWhatDOKUSaid(t *testing.T) {
	t.Parallel()
	v := classifyCard(cardOrder(), respond(200, cardSuccessBody), signatureRight)
	wantVerdict(t, v, Succeeded, Plain)
	want := refund.Response{HTTPStatus: 200, Message: "Approved", RefundType: "FULL_REFUND", ApprovalCode: "12321"}
	if v.Response != want || v.Evidence != refund.ByResponse {
		t.Errorf("said %+v, evidence %s", v.Response, v.Evidence)
	}
}

func TestCardFailureKeepsWhatDOKUSaid(t *testing.T) {
	t.Parallel()
	v := classifyCard(cardOrder(), respond(200, cardFailedBody), signatureRight)
	wantVerdict(t, v, Failed, Plain)
	want := refund.Response{
		HTTPStatus: 200, Code: "PAYMENT_FAILED", RefundType: "FULL_REFUND", Type: "Payment Failed",
		ErrorMessage: "Total Refund amount is Bigger than Original Transaction",
	}
	if v.Response != want {
		t.Errorf("said %+v", v.Response)
	}
}

func TestEveryCardRefundTypeIsASuccess(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"VOID", "PARTIAL_REFUND", "FULL_REFUND", "MANUAL_PARTIAL_REFUND", "MANUAL_FULL_REFUND"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v := classifyCard(cardOrder(), respond(200, edit(t, cardSuccessBody, "FULL_REFUND", kind)), signatureRight)
			wantVerdict(t, v, Succeeded, Plain)
			if v.Response.RefundType != kind {
				t.Errorf("type %s", v.Response.RefundType)
			}
		})
	}
}

// cardCase is one line of the tables below.
type cardCase struct {
	name      string
	status    int
	body      string
	signature signatureStatus
	class     Class
	cause     Cause
}

func runCardCases(t *testing.T, tests []cardCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantVerdict(t, classifyCard(cardOrder(), respond(tt.status, tt.body), tt.signature), tt.class, tt.cause)
		})
	}
}

func TestRefundObjectDecidesWhateverTheStatus(t *testing.T) {
	t.Parallel()
	var tests []cardCase
	for _, status := range []string{"200", "201", "400", "401", "403", "404", "422", "429", "500", "503"} {
		code := int(status[0]-'0')*100 + int(status[1]-'0')*10 + int(status[2]-'0')
		unsigned := Plain
		if code >= 500 {
			unsigned = Failing
		}
		tests = append(tests,
			cardCase{"success with " + status, code, cardSuccessBody, signatureRight, Succeeded, Plain},
			cardCase{"failure with " + status, code, cardFailedBody, signatureRight, Failed, Plain},
			cardCase{"wrong signature with " + status, code, cardSuccessBody, signatureWrong, Unknown, Failing},
			cardCase{"unsigned success with " + status, code, cardSuccessBody, signatureAbsent, Unknown, unsigned},
		)
	}
	runCardCases(t, tests)
}

func TestCardRefusalsByCode(t *testing.T) {
	t.Parallel()
	object := func(code string) string { return `{"error":{"code":"` + code + `","message":"m","type":"t"}}` }
	springError := `{"timestamp":"2026-11-21T09:00:00Z","status":500,"error":"Internal Server Error","path":"/x"}`
	runCardCases(t, []cardCase{
		{"invalid parameter", 400, object("INVALID_PARAMETER"), signatureAbsent, Failed, Plain},
		{"invalid parameter, signed", 400, object("INVALID_PARAMETER"), signatureRight, Failed, Plain},
		{"invalid parameter, signed wrong", 400, object("INVALID_PARAMETER"), signatureWrong, Unknown, Failing},
		{"not found with a code", 404, object("DATA_NOT_FOUND"), signatureAbsent, Failed, Plain},
		{"unprocessable", 422, object("VALIDATION_ERROR"), signatureAbsent, Failed, Plain},
		{"payment failed", 422, object("payment_failed"), signatureAbsent, Failed, Plain},
		{"transaction not found", 404, object("Transaction_Not_Found"), signatureAbsent, Failed, Plain},
		{"a code that no row lists", 422, object("X"), signatureAbsent, Unknown, Failing},
		{"a definite code with 403", 403, object("INVALID_PARAMETER"), signatureAbsent, Unknown, Plain},
		{"a time-out", 404, object("payment_timeout"), signatureAbsent, Unknown, Failing},
		{"invalid client", 400, object("invalid_client_id"), signatureAbsent, NotExecuted, Credentials},
		{"our clock", 400, object("REQUEST_TIME_OUT_OF_RANGE"), signatureAbsent, NotExecuted, Credentials},
		{"our header", 400, object("invalid_header_request"), signatureRight, NotExecuted, Credentials},
		{"our header, signed wrong", 400, object("invalid_header_request"), signatureWrong, Unknown, Failing},
		{"invalid client with 500", 500, object("invalid_client_id"), signatureAbsent, Unknown, Failing},
		{"invalid client with 200", 200, object("invalid_client_id"), signatureRight, Unknown, Plain},
		{"used before", 400, object("idempotent_request"), signatureAbsent, Unknown, Collision},
		{"used before, in capitals", 400, object("IDEMPOTENT_REQUEST"), signatureRight, Unknown, Collision},
		{"used before, with 200", 200, object("idempotent_request"), signatureAbsent, Unknown, Collision},
		{"used before, with 500", 500, object("idempotency_id_conflict"), signatureAbsent, Unknown, Collision},
		{"used before, with 401", 401, object("idempotent_request"), signatureAbsent, Unknown, Collision},
		{"used before, with 429", 429, object("idempotent_request"), signatureAbsent, Unknown, Collision},
		{"used before, signed wrong", 400, object("idempotent_request"), signatureWrong, Unknown, Failing},
		{"used before, with a FAILED refund", 200, edit(t, cardFailedBody, "PAYMENT_FAILED", "idempotent_request"), signatureRight, Unknown, Collision},
		{"used before, with a refund that succeeded", 200, edit(t, cardSuccessBody, `}}`, `},"error":{"code":"idempotent_request"}}`), signatureRight, Unknown, Collision},
		{"used before, by another refund", 400, edit(t, edit(t, cardFailedBody, "PAYMENT_FAILED", "idempotent_request"), "90000", "1"), signatureAbsent, Unknown, Collision},
		{"a flat envelope", 400, `{"code":"invalid_signature","message":["Invalid Header Signature"]}`, signatureAbsent, Unknown, Failing},
		{"a message that is a list", 400, `{"error":{"code":"invalid_client_id","message":["a","b"]}}`, signatureAbsent, NotExecuted, Credentials},
		{"a code inside a code", 400, `{"error":{"error":{"code":"INVALID_PARAMETER"}}}`, signatureAbsent, Unknown, Failing},
		{"a code beside the error", 400, `{"error":"x","code":"INVALID_PARAMETER"}`, signatureAbsent, Unknown, Failing},
		{"a code that is a list", 400, `{"error":{"code":["INVALID_PARAMETER"]}}`, signatureAbsent, Unknown, Failing},
		{"error null", 400, `{"error":null}`, signatureAbsent, Unknown, Failing},
		{"error true", 400, `{"error":true}`, signatureAbsent, Unknown, Failing},
		{"no route", 404, `{"message":"No static resource cancellation/credit-card/refund."}`, signatureAbsent, Unknown, Failing},
		{"a firewall's 403", 403, `<html>denied</html>`, signatureAbsent, Unknown, Failing},
		{"a list", 400, `[{"error":{"code":"INVALID_PARAMETER"}}]`, signatureAbsent, Unknown, Failing},
		{"lower-case code without type", 400, `{"error":{"code":"invalid_parameter","message":"m"}}`, signatureAbsent, Failed, Plain},
		{"400 without a code", 400, `{"error":{"message":"m"}}`, signatureAbsent, Unknown, Failing},
		{"400 with an error text", 400, `{"error":"Bad Request"}`, signatureAbsent, Unknown, Failing},
		{"400 with an error list", 400, `{"error":["Bad Request"]}`, signatureAbsent, Unknown, Failing},
		{"400 with html", 400, `<html>bad</html>`, signatureAbsent, Unknown, Failing},
		{"400 with a code that is a number", 400, `{"error":{"code":5}}`, signatureAbsent, Unknown, Failing},
		{"invalid signature", 400, `{"error":{"code":"invalid_signature","message":"m"}}`, signatureAbsent, NotExecuted, Credentials},
		{"invalid signature in capitals", 400, object("INVALID_SIGNATURE"), signatureAbsent, NotExecuted, Credentials},
		{"invalid signature under a key that is not ours", 400, object("invalid_signature"), signatureWrong, NotExecuted, Credentials},
		{"invalid token", 400, object("INVALID_TOKEN"), signatureAbsent, NotExecuted, Credentials},
		{"invalid token under a wrong signature", 400, object("INVALID_TOKEN"), signatureWrong, Unknown, Failing},
		{"merchant not active", 403, object("Merchant_Not_Active"), signatureAbsent, NotExecuted, Credentials},
		{"401", 401, object("whatever"), signatureAbsent, NotExecuted, Credentials},
		{"401 with html", 401, `<html>`, signatureAbsent, NotExecuted, Credentials},
		{"401 with nothing", 401, ``, signatureAbsent, NotExecuted, Credentials},
		{"401 with a wrong signature", 401, object("whatever"), signatureWrong, NotExecuted, Credentials},
		{"429", 429, object("whatever"), signatureAbsent, NotExecuted, Throttled},
		{"401 with a member repeated", 401, `{"refund":{"status":"SUCCESS"},"refund":{}}`, signatureAbsent, Unknown, Failing},
		{"401 that says used before, signed wrong", 401, object("idempotent_request"), signatureWrong, Unknown, Failing},
		{"429 that cannot be read", 429, `{"refund":{"amount":90000,"status":"SUCCESS","type":{}}}`, signatureAbsent, Unknown, Failing},
		{"409 that cannot be read", 409, `{"refund":{"amount":90000,"status":"SUCCESS","type":{}}}`, signatureAbsent, Unknown, Failing},
		{"429 with a wrong signature", 429, object("TOO_MANY_REQUESTS"), signatureWrong, Unknown, Failing},
		{"429 with html", 429, `<html>`, signatureAbsent, NotExecuted, Throttled},
		{"too many requests by code", 400, object("TOO_MANY_REQUESTS"), signatureAbsent, NotExecuted, Throttled},
		{"maintenance", 503, object("MAINTENANCE_MODE"), signatureAbsent, NotExecuted, Unavailable},
		{"maintenance with 500", 500, object("MAINTENANCE_MODE"), signatureAbsent, Unknown, Failing},
		{"503 with another code", 503, object("BUSY"), signatureAbsent, Unknown, Failing},
		{"500 with an error text", 500, springError, signatureAbsent, Unknown, Failing},
		{"500 with a code", 500, object("INVALID_PARAMETER"), signatureAbsent, Unknown, Failing},
		{"502", 502, `<html>bad gateway</html>`, signatureAbsent, Unknown, Failing},
		{"403 with a code", 403, object("FORBIDDEN"), signatureAbsent, Unknown, Failing},
		{"408", 408, object("TIMEOUT"), signatureAbsent, Unknown, Failing},
		{"302", 302, cardSuccessBody, signatureRight, Unknown, Failing},
		{"204", 204, ``, signatureAbsent, Unknown, Failing},
		{"200 with a code", 200, object("INVALID_PARAMETER"), signatureRight, Unknown, Plain},
		{"200 with an empty object", 200, `{}`, signatureRight, Unknown, Failing},
		{"unsigned failure with 400 and a code", 400, cardFailedBody, signatureAbsent, Failed, Plain},
		{"unsigned failure with 500", 500, cardFailedBody, signatureAbsent, Unknown, Failing},
		{"unsigned failure with 200", 200, cardFailedBody, signatureAbsent, Unknown, Plain},
	})
}

func TestCardAnswerThatIsNotPlainlyOursIsUnknown(t *testing.T) {
	t.Parallel()
	change := func(old, replacement string) string { return edit(t, cardSuccessBody, old, replacement) }
	runCardCases(t, []cardCase{
		{"another invoice", 200, change("INV-20210118-0001", "INV-20210118-0002"), signatureRight, Unknown, Plain},
		{"another payment", 200, change("b266c265", "b266c266"), signatureRight, Unknown, Plain},
		{"another amount", 200, change("90000", "90001"), signatureRight, Unknown, Plain},
		{"a fraction more", 200, change("90000", "90000.01"), signatureRight, Unknown, Plain},
		{"another amount failed", 400, edit(t, cardFailedBody, "90000", "90001"), signatureAbsent, Unknown, Plain},
		{"success with an error", 200, change(`}}`, `},"error":{"code":"X"}}`), signatureRight, Unknown, Plain},
		{"success with an error text", 200, change(`}}`, `},"error":"X"}`), signatureRight, Unknown, Plain},
		{"success with an error and 400", 400, change(`}}`, `},"error":{"code":"X"}}`), signatureAbsent, Unknown, Plain},
		{"success with no error", 200, change(`}}`, `},"error":null}`), signatureRight, Succeeded, Plain},
		{"another status", 200, change("SUCCESS", "PENDING"), signatureRight, Unknown, Plain},
		{"status in small letters", 200, change("SUCCESS", "success"), signatureRight, Unknown, Plain},
		{"status under a capital name", 200, change(`"status"`, `"Status"`), signatureRight, Unknown, Failing},
		{"status twice", 200, change(`"status":"SUCCESS"`, `"status":"FAILED","status":"SUCCESS"`), signatureRight, Unknown, Failing},
		{"an unknown member twice", 200, change(`}}`, `},"x":{"y":1,"y":2}}`), signatureRight, Unknown, Failing},
		{"refund is a text", 200, `{"refund":"SUCCESS"}`, signatureRight, Unknown, Failing},
		{"cut in the middle", 200, cardSuccessBody[:len(cardSuccessBody)/2], signatureRight, Unknown, Failing},
		{"data after the end", 200, cardSuccessBody + "{}", signatureRight, Unknown, Failing},
		{"a byte of latin-1 in a text", 200, change("Approved", "Approv\xe9"), signatureRight, Succeeded, Plain},
		{"a byte of latin-1 in the status", 200, change("SUCCESS", "SUCC\xe9SS"), signatureRight, Unknown, Plain},
		{"a byte of latin-1 in the invoice", 200, change("INV-20210118-0001", "INV\xe9"), signatureRight, Unknown, Plain},
		{"a byte of latin-1 in a name", 200, change(`}}`, "},\"\xe9rror\":1}"), signatureRight, Unknown, Failing},
		{"two names that are one when mangled", 200, change(`}}`, "},\"\xe9\":1,\"\xe8\":1}"), signatureRight, Unknown, Failing},
		{"a byte order mark", 200, "\uFEFF" + cardSuccessBody, signatureRight, Succeeded, Plain},
		{"a byte order mark inside", 200, "{\uFEFF" + cardSuccessBody[1:], signatureRight, Unknown, Failing},
		{"utf-16", 200, "\xff\xfe{\x00}\x00", signatureRight, Unknown, Failing},
		{"numbers for texts", 200, change(`"12321"`, `12321`), signatureRight, Succeeded, Plain},
		{"null for texts", 200, edit(t, change(`"12321"`, `null`), `"Approved"`, `null`), signatureRight, Succeeded, Plain},
		{"a list for the message", 200, change(`"Approved"`, `["Approved","by the bank"]`), signatureRight, Succeeded, Plain},
		{"an object for the message", 200, change(`"Approved"`, `{"error":"X"}`), signatureRight, Unknown, Failing},
		{"an object for the approval code", 200, change(`"12321"`, `{}`), signatureRight, Unknown, Failing},
		{"true for the status", 200, change(`"SUCCESS"`, `true`), signatureRight, Unknown, Failing},
		{"a number for the status", 200, change(`"SUCCESS"`, `1`), signatureRight, Unknown, Plain},
		{"amount as a double", 200, change("90000", "9.0E4"), signatureRight, Succeeded, Plain},
		{"amount as a double in quotes", 200, change("90000", `"90000.0"`), signatureRight, Succeeded, Plain},
		{"ten times the amount as a double", 200, change("90000", "9.0E5"), signatureRight, Unknown, Plain},
		{"amount null", 200, change("90000", "null"), signatureRight, Succeeded, Plain},
		{"amount negative", 200, change("90000", "-90000"), signatureRight, Unknown, Failing},
		{"an error inside the refund", 200, change(`"status"`, `"error":{"code":"X"},"status"`), signatureRight, Unknown, Plain},
		{"errors", 200, change(`}}`, `},"errors":["X"]}`), signatureRight, Unknown, Plain},
		{"no errors", 200, change(`}}`, `},"errors":[],"error":null}`), signatureRight, Succeeded, Plain},
		{"an empty error", 200, change(`}}`, `},"error":{}}`), signatureRight, Unknown, Plain},
		{"unknown members", 200, change(`}}`, `},"new":{"status":"FAILED"}}`), signatureRight, Succeeded, Plain},
		{"amount as a text with decimals", 200, change("90000", `"90000.00"`), signatureRight, Succeeded, Plain},
		{"without ids and amount", 200, `{"refund":{"status":"SUCCESS","type":"VOID"}}`, signatureRight, Succeeded, Plain},
	})
}

// An identifier that looks like a number may come as one; digit for digit, or it
// is another.
func TestCardIdentifiersMayComeAsNumbers(t *testing.T) {
	t.Parallel()
	o := cardOrder()
	o.InvoiceNumber, o.OriginalRequestID = "20210118", "5450"
	for ids, class := range map[[2]string]Class{
		{`20210118`, `5450`}: Succeeded, {`"20210118"`, `"5450"`}: Succeeded, {`20210118`, `null`}: Succeeded,
		{`20210118.0`, `5450`}: Unknown, {`2.0210118E7`, `5450`}: Unknown, {`20210118`, `5451`}: Unknown, {`20210118`, `true`}: Unknown,
	} {
		body := `{"order":{"invoice_number":` + ids[0] + `},"payment":{"original_request_id":` + ids[1] + `},` +
			`"refund":{"amount":90000,"status":"SUCCESS","approval_code":12321}}`
		if v := classifyCard(o, respond(200, body), signatureRight); v.Class != class {
			t.Errorf("%s: %v (%s)", ids, v.Class, v.Problem)
		}
	}
}

func TestForeignCardAnswerNamesItsFields(t *testing.T) {
	t.Parallel()
	body := strings.NewReplacer("INV-20210118-0001", "X", "b266c265", "Y", "90000", "1").Replace(cardSuccessBody)
	v := classifyCard(cardOrder(), respond(200, body), signatureRight)
	if want := []string{fieldInvoice, fieldOriginalRequest, fieldAmount}; !reflect.DeepEqual(v.Mismatches, want) {
		t.Errorf("got %v", v.Mismatches)
	}
}

func TestConflictIsAReplayOnlyOfOurVeryRequest(t *testing.T) {
	t.Parallel()
	drop := func(member string) string { return edit(t, cardSuccessBody, member, "") }
	refusal := func(code string) string {
		return `{"order":{"invoice_number":"INV-20210118-0001"},"payment":{"original_request_id":` +
			`"b266c265-3d61-4708-9860-c0d5b9a98f8c"},"refund":{"amount":90000},"error":{"code":"` + code + `"}}`
	}
	runCardCases(t, []cardCase{
		{"success", 409, cardSuccessBody, signatureRight, Succeeded, Plain},
		{"success, unsigned", 409, cardSuccessBody, signatureAbsent, Succeeded, Plain},
		{"success, signed wrong", 409, cardSuccessBody, signatureWrong, Unknown, Collision},
		{"failure", 409, cardFailedBody, signatureRight, Failed, Plain},
		{"failure, unsigned", 409, cardFailedBody, signatureAbsent, Failed, Plain},
		{"a refusal: too many requests", 409, refusal("TOO_MANY_REQUESTS"), signatureAbsent, NotExecuted, Throttled},
		{"a refusal: credentials", 409, refusal("invalid_signature"), signatureAbsent, NotExecuted, Credentials},
		{"a refusal by a code that no row lists", 409, refusal("X"), signatureAbsent, Unknown, Failing},
		{"a refusal whose own status is lost", 409, refusal("INVALID_PARAMETER"), signatureAbsent, Unknown, Plain},
		{"success with an error", 409, edit(t, cardSuccessBody, `}}`, `},"error":{"code":"X"}}`), signatureRight, Unknown, Plain},
		{"success with the code of its repeat", 409, edit(t, cardSuccessBody, `}}`, `},"error":{"code":"idempotent_request"}}`), signatureRight, Unknown, Plain},
		{"failure with the code of its repeat", 409, edit(t, cardFailedBody, "PAYMENT_FAILED", "idempotent_request"), signatureRight, Unknown, Plain},
		{"no answer of ours, and the code", 409, refusal("idempotent_request"), signatureAbsent, Unknown, Collision},
		{"another refund's, and the code", 409, edit(t, edit(t, cardSuccessBody, `}}`, `},"error":{"code":"idempotent_request"}}`), "90000", "1"), signatureRight, Unknown, Collision},
		{"another invoice", 409, edit(t, cardSuccessBody, "INV-20210118-0001", "X"), signatureRight, Unknown, Collision},
		{"another amount", 409, edit(t, cardSuccessBody, "90000", "80000"), signatureAbsent, Unknown, Collision},
		{"no invoice", 409, drop(`"invoice_number":"INV-20210118-0001"`), signatureRight, Unknown, Collision},
		{"no payment", 409, drop(`"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c"`), signatureRight, Unknown, Collision},
		{"no amount", 409, drop(`"amount":90000,`), signatureRight, Unknown, Collision},
		{"a refusal without ids", 409, `{"error":{"code":"TOO_MANY_REQUESTS"}}`, signatureAbsent, Unknown, Collision},
		{"an error", 409, `{"error":{"code":"DUPLICATE","message":"m"}}`, signatureAbsent, Unknown, Collision},
		{"html", 409, `<html>`, signatureAbsent, Unknown, Collision},
		{"nothing", 409, ``, signatureAbsent, Unknown, Collision},
	})
	for _, body := range []string{cardSuccessBody, cardFailedBody, refusal("TOO_MANY_REQUESTS")} {
		if v := classifyCard(cardOrder(), respond(409, body), signatureAbsent); v.Evidence != refund.ByReplay {
			t.Errorf("evidence %q of %s", v.Evidence, body)
		}
	}
}

func TestConflictThatBrokeOffIsNoCollision(t *testing.T) {
	t.Parallel()
	r := respond(409, "").cut("answer cut short: connection reset")
	wantVerdict(t, classifyCard(cardOrder(), r, signatureAbsent), Unknown, Failing)
}

func TestRetryAfterIsKeptWithEveryCardAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 429, 503} {
		r := respond(status, `{}`)
		r.header.Set("Retry-After", "7")
		if v := classifyCard(cardOrder(), r, signatureAbsent); v.RetryAfter != 7*time.Second {
			t.Errorf("%d: %v", status, v.RetryAfter)
		}
	}
}
