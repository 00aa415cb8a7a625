package doku

import (
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

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
		seal    signatureStatus
		finding refund.Finding
		cause   Cause
	}{
		{"refunded", 200, cardStatusBody, sealRight, refund.FoundSuccess, Plain},
		{"refunded, unsigned", 200, cardStatusBody, sealAbsent, refund.FoundSuccess, Plain},
		{"refunded, signed wrong", 200, cardStatusBody, signatureWrong, refund.NoAnswer, Failing},
		{"voided", 200, change("REFUNDED", "VOIDED"), sealAbsent, refund.FoundSuccess, Plain},
		{"voided without an amount", 200, edit(t, change("REFUNDED", "VOIDED"), `"refund":{"amount":90000}`, `"refund":{}`), sealAbsent, refund.FoundSuccess, Plain},
		{"failed", 200, change("REFUNDED", "FAILED"), sealAbsent, refund.FoundFailure, Plain},
		{"failed with an error", 200, edit(t, change("REFUNDED", "FAILED"), `"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, refund.FoundFailure, Plain},
		{"refunded with an error", 200, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, refund.NoAnswer, Plain},
		{"pending", 200, change("REFUNDED", "PENDING"), sealAbsent, refund.FoundRunning, Plain},
		{"success is the payment's word", 200, change("REFUNDED", "SUCCESS"), sealAbsent, refund.FoundRunning, Plain},
		{"no status", 200, change(`"status":"REFUNDED",`, ``), sealAbsent, refund.FoundRunning, Plain},
		{"another amount", 200, change("90000", "80000"), sealAbsent, refund.Contradiction, Plain},
		{"another amount while it runs", 200, edit(t, change("90000", "80000"), "REFUNDED", "PENDING"), sealAbsent, refund.Contradiction, Plain},
		{"amount as a text", 200, change(`{"amount":90000}`, `{"amount":"90000.00"}`), sealAbsent, refund.FoundSuccess, Plain},
		{"another invoice", 200, change("INV-20210118-0001", "X"), sealAbsent, refund.Contradiction, Plain},
		{"another request", 200, other("SUCCESS"), sealAbsent, refund.NotFound, Plain},
		{"another request that failed", 200, other("FAILED"), sealAbsent, refund.NotFound, Plain},
		{"another request, refunded", 200, other("REFUNDED"), sealAbsent, refund.NoAnswer, Plain},
		{"another request, voided in small letters", 200, other("voided"), sealAbsent, refund.NoAnswer, Plain},
		{"another request, signed wrong", 200, other("SUCCESS"), signatureWrong, refund.NoAnswer, Failing},
		{"another request of another invoice", 200, edit(t, other("SUCCESS"), "INV-20210118-0001", "X"), sealAbsent, refund.NoAnswer, Plain},
		{"no request id", 200, edit(t, change("REFUNDED", "SUCCESS"), `"request_id":`+ours+`,`, ``), sealAbsent, refund.NoAnswer, Plain},
		{"404 with an error", 404, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, refund.NotFound, Plain},
		{"404 in small letters", 404, `{"error":{"code":"transaction_not_found","message":["x"]}}`, sealRight, refund.NotFound, Plain},
		{"404 by the third code", 404, `{"error":{"code":"NOT_FOUND"}}`, sealAbsent, refund.NotFound, Plain},
		{"404 with an empty error", 404, `{"error":{}}`, sealAbsent, refund.NoAnswer, Failing},
		{"404 with a time-out", 404, `{"error":{"code":"payment_timeout"}}`, sealAbsent, refund.NoAnswer, Failing},
		{"404 with a wrong client", 404, `{"error":{"code":"invalid_client_id"}}`, sealAbsent, refund.NoAnswer, Credentials},
		{"404 without a route", 404, `{"error":{"code":"route_not_found"}}`, sealAbsent, refund.NoAnswer, Failing},
		{"404 with a flat code", 404, `{"code":"DATA_NOT_FOUND"}`, sealAbsent, refund.NoAnswer, Failing},
		{"404 beside another request", 404, edit(t, other("SUCCESS"), `"amount":90000}}`, `"amount":90000},"error":{"code":"DATA_NOT_FOUND"}}`), sealAbsent, refund.NoAnswer, Plain},
		{"400 with a code of not found", 400, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, refund.NoAnswer, Plain},
		{"200 with a code of not found", 200, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, refund.NoAnswer, Plain},
		{"200 with nothing", 200, `{}`, sealAbsent, refund.NoAnswer, Failing},
		{"used before", 400, `{"error":{"code":"idempotent_request"}}`, sealAbsent, refund.NoAnswer, Plain},
		{"our clock", 400, `{"error":{"code":"request_time_out_of_range"}}`, sealAbsent, refund.NoAnswer, Credentials},
		{"refunded, and this request too", 200, agreed("REFUNDED", "SUCCESS"), sealAbsent, refund.FoundSuccess, Plain},
		{"refunded, but not by this request", 200, agreed("REFUNDED", "FAILED"), sealAbsent, refund.NoAnswer, Plain},
		{"refunded, and this request pending", 200, agreed("REFUNDED", "PENDING"), sealRight, refund.NoAnswer, Plain},
		{"refunded, and a number", 200, edit(t, agreed("REFUNDED", "SUCCESS"), `"SUCCESS"`, `1`), sealRight, refund.NoAnswer, Plain},
		{"refunded, and null", 200, edit(t, agreed("REFUNDED", "SUCCESS"), `"SUCCESS"`, `null`), sealRight, refund.FoundSuccess, Plain},
		{"voided, but not by this request", 200, agreed("VOIDED", "FAILED"), sealAbsent, refund.NoAnswer, Plain},
		{"failed, and this request too", 200, agreed("FAILED", "FAILED"), sealAbsent, refund.FoundFailure, Plain},
		{"failed, but not this request", 200, agreed("FAILED", "SUCCESS"), sealAbsent, refund.NoAnswer, Plain},
		{"failed, and this request pending", 200, agreed("FAILED", "PENDING"), sealAbsent, refund.NoAnswer, Plain},
		{"a part, ours", 200, agreed("PARTIAL_REFUND", "SUCCESS"), sealAbsent, refund.FoundSuccess, Plain},
		{"a part, ours, second spelling", 200, agreed("PARTIAL_REFUNDED", "SUCCESS"), sealAbsent, refund.FoundSuccess, Plain},
		{"a part, ours, third spelling", 200, agreed("PARTIALLY_REFUNDED", "SUCCESS"), sealAbsent, refund.FoundSuccess, Plain},
		{"a part, without this request's word", 200, change("REFUNDED", "PARTIAL_REFUND"), sealAbsent, refund.NoAnswer, Plain},
		{"a part, and this request failed", 200, agreed("PARTIAL_REFUND", "FAILED"), sealAbsent, refund.NoAnswer, Plain},
		{"a part, without an amount", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `"refund":{"amount":90000}`, `"refund":{}`), sealAbsent, refund.NoAnswer, Plain},
		{"a part, of another amount", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `90000`, `80000`), sealAbsent, refund.Contradiction, Plain},
		{"a part, with an error", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, refund.NoAnswer, Plain},
		{"another request, a part", 200, other("PARTIAL_REFUND"), sealAbsent, refund.NoAnswer, Plain},
		{"another request, expired", 200, other("EXPIRED"), sealAbsent, refund.NotFound, Plain},
		{"another request, pending", 200, other("PENDING"), sealAbsent, refund.NotFound, Plain},
		{"another request, timed out", 200, other("TIMEOUT"), sealAbsent, refund.NotFound, Plain},
		{"another request, redirected", 200, other("REDIRECT"), sealAbsent, refund.NotFound, Plain},
		{"another request, a status of no payment", 200, other("SETTLED"), sealAbsent, refund.NoAnswer, Plain},
		{"another request, in small letters", 200, other("success"), sealAbsent, refund.NoAnswer, Plain},
		{"another request, whose own status is a refund's", 200, edit(t, other("SUCCESS"), `"response_code":"00"`, `"transaction_status":"REFUNDED"`), sealAbsent, refund.NoAnswer, Plain},
		{"another request, whose own status is a payment's", 200, edit(t, other("PENDING"), `"response_code":"00"`, `"transaction_status":"REDIRECT"`), sealAbsent, refund.NotFound, Plain},
		{"amount as a double", 200, change(`{"amount":90000}`, `{"amount":9.0E4}`), sealAbsent, refund.FoundSuccess, Plain},
		{"a byte order mark", 200, "\uFEFF" + cardStatusBody, sealRight, refund.FoundSuccess, Plain},
		{"404 with an error, signed wrong", 404, `{"error":{"code":"X"}}`, signatureWrong, refund.NoAnswer, Failing},
		{"404 with a text", 404, `{"error":"Not Found"}`, sealAbsent, refund.NoAnswer, Failing},
		{"404 with html", 404, `<html>`, sealAbsent, refund.NoAnswer, Failing},
		{"404 with our request", 404, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, refund.NoAnswer, Failing},
		{"400", 400, `{"error":{"code":"INVALID_PARAMETER"}}`, sealAbsent, refund.NoAnswer, Plain},
		{"400 invalid signature", 400, `{"error":{"code":"invalid_signature"}}`, sealAbsent, refund.NoAnswer, Credentials},
		{"401", 401, ``, sealAbsent, refund.NoAnswer, Credentials},
		{"429", 429, `{}`, sealAbsent, refund.NoAnswer, Throttled},
		{"503 maintenance", 503, `{"error":{"code":"MAINTENANCE_MODE"}}`, sealAbsent, refund.NoAnswer, Unavailable},
		{"500 that looks refunded", 500, cardStatusBody, sealAbsent, refund.NoAnswer, Failing},
		{"302", 302, cardStatusBody, sealAbsent, refund.NoAnswer, Failing},
		{"broken", 200, cardStatusBody[:99], sealAbsent, refund.NoAnswer, Failing},
		{"status twice", 200, change(`"status":"REFUNDED"`, `"status":"FAILED","status":"REFUNDED"`), sealAbsent, refund.NoAnswer, Failing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := findCard(cardOrder(), respond(tt.status, tt.body), tt.seal)
			if i.Finding != tt.finding || i.Cause != tt.cause || i.Response.HTTPStatus != tt.status || i.Problem == "" {
				t.Errorf("got %v/%v %+v", i.Finding, i.Cause, i)
			}
		})
	}
}

func TestCardInquiryNamesATypeOnlyWhereItIsSaid(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{"VOIDED": "VOID", "REFUNDED": "", "FAILED": "", "PENDING": ""} {
		i := findCard(cardOrder(), respond(200, edit(t, cardStatusBody, "REFUNDED", status)), sealRight)
		if i.Response.RefundType != want {
			t.Errorf("%s: type %q", status, i.Response.RefundType)
		}
	}
}
