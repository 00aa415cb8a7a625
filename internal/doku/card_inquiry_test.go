package doku

import "testing"

const cardStatusBody = `{"order":{"invoice_number":"INV-20210118-0001","amount":150000},` +
	`"transaction":{"status":"REFUNDED","type":"REFUND","date":"2026-11-21T09:00:00Z","original_request_id":"x"},` +
	`"card_payment":{"request_id":"6cc9f8b1-d83d-4c24-b853-a3223f43a744","response_code":"00"},` +
	`"refund":{"amount":90000}}`

func TestCardInquiryProvesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	change := func(old, replacement string) string { return edit(t, cardStatusBody, old, replacement) }
	const ours = `"6cc9f8b1-d83d-4c24-b853-a3223f43a744"`
	other := func(status string) string {
		return edit(t, change(ours, `"another"`), "REFUNDED", status)
	}
	agreed := func(status, own string) string {
		return edit(t, change("REFUNDED", status), `"response_code":"00"`, `"transaction_status":"`+own+`"`)
	}
	tests := []struct {
		name    string
		status  int
		body    string
		seal    seal
		finding Finding
		cause   Cause
	}{
		{"refunded", 200, cardStatusBody, sealRight, FoundSuccess, Plain},
		{"refunded, unsigned", 200, cardStatusBody, sealAbsent, FoundSuccess, Plain},
		{"refunded, signed wrong", 200, cardStatusBody, sealWrong, NoAnswer, Failing},
		{"voided", 200, change("REFUNDED", "VOIDED"), sealAbsent, FoundSuccess, Plain},
		{"voided without an amount", 200, edit(t, change("REFUNDED", "VOIDED"), `"refund":{"amount":90000}`, `"refund":{}`), sealAbsent, FoundSuccess, Plain},
		{"failed", 200, change("REFUNDED", "FAILED"), sealAbsent, FoundFailure, Plain},
		{"failed with an error", 200, edit(t, change("REFUNDED", "FAILED"), `"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, FoundFailure, Plain},
		{"refunded with an error", 200, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, NoAnswer, Plain},
		{"pending", 200, change("REFUNDED", "PENDING"), sealAbsent, FoundRunning, Plain},
		{"success is the payment's word", 200, change("REFUNDED", "SUCCESS"), sealAbsent, FoundRunning, Plain},
		{"no status", 200, change(`"status":"REFUNDED",`, ``), sealAbsent, FoundRunning, Plain},
		{"another amount", 200, change("90000", "80000"), sealAbsent, Contradiction, Plain},
		{"another amount while it runs", 200, edit(t, change("90000", "80000"), "REFUNDED", "PENDING"), sealAbsent, Contradiction, Plain},
		{"amount as a text", 200, change(`{"amount":90000}`, `{"amount":"90000.00"}`), sealAbsent, FoundSuccess, Plain},
		{"another invoice", 200, change("INV-20210118-0001", "X"), sealAbsent, Contradiction, Plain},
		{"another request", 200, other("SUCCESS"), sealAbsent, NotFound, Plain},
		{"another request that failed", 200, other("FAILED"), sealAbsent, NotFound, Plain},
		{"another request, refunded", 200, other("REFUNDED"), sealAbsent, NoAnswer, Plain},
		{"another request, voided in small letters", 200, other("voided"), sealAbsent, NoAnswer, Plain},
		{"another request, signed wrong", 200, other("SUCCESS"), sealWrong, NoAnswer, Failing},
		{"another request of another invoice", 200, edit(t, other("SUCCESS"), "INV-20210118-0001", "X"), sealAbsent, NoAnswer, Plain},
		{"no request id", 200, edit(t, change("REFUNDED", "SUCCESS"), `"request_id":`+ours+`,`, ``), sealAbsent, NoAnswer, Plain},
		{"404 with an error", 404, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, NotFound, Plain},
		{"404 in small letters", 404, `{"error":{"code":"transaction_not_found","message":["x"]}}`, sealRight, NotFound, Plain},
		{"404 by the third code", 404, `{"error":{"code":"NOT_FOUND"}}`, sealAbsent, NotFound, Plain},
		{"404 with an empty error", 404, `{"error":{}}`, sealAbsent, NoAnswer, Failing},
		{"404 with a time-out", 404, `{"error":{"code":"payment_timeout"}}`, sealAbsent, NoAnswer, Failing},
		{"404 with a wrong client", 404, `{"error":{"code":"invalid_client_id"}}`, sealAbsent, NoAnswer, Credentials},
		{"404 without a route", 404, `{"error":{"code":"route_not_found"}}`, sealAbsent, NoAnswer, Failing},
		{"404 with a flat code", 404, `{"code":"DATA_NOT_FOUND"}`, sealAbsent, NoAnswer, Failing},
		{"404 beside another request", 404, edit(t, other("SUCCESS"), `"amount":90000}}`, `"amount":90000},"error":{"code":"DATA_NOT_FOUND"}}`), sealAbsent, NoAnswer, Plain},
		{"400 with a code of not found", 400, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, NoAnswer, Plain},
		{"200 with a code of not found", 200, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, NoAnswer, Plain},
		{"200 with nothing", 200, `{}`, sealAbsent, NoAnswer, Failing},
		{"used before", 400, `{"error":{"code":"idempotent_request"}}`, sealAbsent, NoAnswer, Plain},
		{"our clock", 400, `{"error":{"code":"request_time_out_of_range"}}`, sealAbsent, NoAnswer, Credentials},
		{"refunded, and this request too", 200, agreed("REFUNDED", "SUCCESS"), sealAbsent, FoundSuccess, Plain},
		{"refunded, but not by this request", 200, agreed("REFUNDED", "FAILED"), sealAbsent, NoAnswer, Plain},
		{"refunded, and this request pending", 200, agreed("REFUNDED", "PENDING"), sealRight, NoAnswer, Plain},
		{"refunded, and a number", 200, edit(t, agreed("REFUNDED", "SUCCESS"), `"SUCCESS"`, `1`), sealRight, NoAnswer, Plain},
		{"refunded, and null", 200, edit(t, agreed("REFUNDED", "SUCCESS"), `"SUCCESS"`, `null`), sealRight, FoundSuccess, Plain},
		{"voided, but not by this request", 200, agreed("VOIDED", "FAILED"), sealAbsent, NoAnswer, Plain},
		{"failed, and this request too", 200, agreed("FAILED", "FAILED"), sealAbsent, FoundFailure, Plain},
		{"failed, but not this request", 200, agreed("FAILED", "SUCCESS"), sealAbsent, NoAnswer, Plain},
		{"failed, and this request pending", 200, agreed("FAILED", "PENDING"), sealAbsent, NoAnswer, Plain},
		{"a part, ours", 200, agreed("PARTIAL_REFUND", "SUCCESS"), sealAbsent, FoundSuccess, Plain},
		{"a part, ours, second spelling", 200, agreed("PARTIAL_REFUNDED", "SUCCESS"), sealAbsent, FoundSuccess, Plain},
		{"a part, ours, third spelling", 200, agreed("PARTIALLY_REFUNDED", "SUCCESS"), sealAbsent, FoundSuccess, Plain},
		{"a part, without this request's word", 200, change("REFUNDED", "PARTIAL_REFUND"), sealAbsent, NoAnswer, Plain},
		{"a part, and this request failed", 200, agreed("PARTIAL_REFUND", "FAILED"), sealAbsent, NoAnswer, Plain},
		{"a part, without an amount", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `"refund":{"amount":90000}`, `"refund":{}`), sealAbsent, NoAnswer, Plain},
		{"a part, of another amount", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `90000`, `80000`), sealAbsent, Contradiction, Plain},
		{"a part, with an error", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, NoAnswer, Plain},
		{"another request, a part", 200, other("PARTIAL_REFUND"), sealAbsent, NoAnswer, Plain},
		{"another request, expired", 200, other("EXPIRED"), sealAbsent, NotFound, Plain},
		{"another request, pending", 200, other("PENDING"), sealAbsent, NotFound, Plain},
		{"another request, timed out", 200, other("TIMEOUT"), sealAbsent, NotFound, Plain},
		{"another request, redirected", 200, other("REDIRECT"), sealAbsent, NotFound, Plain},
		{"another request, a status of no payment", 200, other("SETTLED"), sealAbsent, NoAnswer, Plain},
		{"another request, in small letters", 200, other("success"), sealAbsent, NoAnswer, Plain},
		{"another request, whose own status is a refund's", 200, edit(t, other("SUCCESS"), `"response_code":"00"`, `"transaction_status":"REFUNDED"`), sealAbsent, NoAnswer, Plain},
		{"another request, whose own status is a payment's", 200, edit(t, other("PENDING"), `"response_code":"00"`, `"transaction_status":"REDIRECT"`), sealAbsent, NotFound, Plain},
		{"amount as a double", 200, change(`{"amount":90000}`, `{"amount":9.0E4}`), sealAbsent, FoundSuccess, Plain},
		{"a byte order mark", 200, "\uFEFF" + cardStatusBody, sealRight, FoundSuccess, Plain},
		{"404 with an error, signed wrong", 404, `{"error":{"code":"X"}}`, sealWrong, NoAnswer, Failing},
		{"404 with a text", 404, `{"error":"Not Found"}`, sealAbsent, NoAnswer, Failing},
		{"404 with html", 404, `<html>`, sealAbsent, NoAnswer, Failing},
		{"404 with our request", 404, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, NoAnswer, Failing},
		{"400", 400, `{"error":{"code":"INVALID_PARAMETER"}}`, sealAbsent, NoAnswer, Plain},
		{"400 invalid signature", 400, `{"error":{"code":"invalid_signature"}}`, sealAbsent, NoAnswer, Credentials},
		{"401", 401, ``, sealAbsent, NoAnswer, Credentials},
		{"429", 429, `{}`, sealAbsent, NoAnswer, Throttled},
		{"503 maintenance", 503, `{"error":{"code":"MAINTENANCE_MODE"}}`, sealAbsent, NoAnswer, Unavailable},
		{"500 that looks refunded", 500, cardStatusBody, sealAbsent, NoAnswer, Failing},
		{"302", 302, cardStatusBody, sealAbsent, NoAnswer, Failing},
		{"broken", 200, cardStatusBody[:99], sealAbsent, NoAnswer, Failing},
		{"status twice", 200, change(`"status":"REFUNDED"`, `"status":"FAILED","status":"REFUNDED"`), sealAbsent, NoAnswer, Failing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := findCard(cardOrder(), respond(tt.status, tt.body), tt.seal)
			if i.Finding != tt.finding || i.Cause != tt.cause || i.Said.HTTPStatus != tt.status || i.Problem == "" {
				t.Errorf("got %v/%v %+v", i.Finding, i.Cause, i)
			}
		})
	}
}

func TestCardInquiryNamesATypeOnlyWhereItIsSaid(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{"VOIDED": "VOID", "REFUNDED": "", "FAILED": "", "PENDING": ""} {
		i := findCard(cardOrder(), respond(200, edit(t, cardStatusBody, "REFUNDED", status)), sealRight)
		if i.Said.RefundType != want {
			t.Errorf("%s: type %q", status, i.Said.RefundType)
		}
	}
}
