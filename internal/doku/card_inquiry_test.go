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
		name      string
		status    int
		body      string
		signature signatureStatus
		finding   refund.Finding
		cause     Cause
	}{
		{"refunded", 200, cardStatusBody, signatureRight, refund.FoundSuccess, Plain},
		{"refunded, unsigned", 200, cardStatusBody, signatureAbsent, refund.FoundSuccess, Plain},
		{"refunded, signed wrong", 200, cardStatusBody, signatureWrong, refund.NoAnswer, Failing},
		{"voided", 200, change("REFUNDED", "VOIDED"), signatureAbsent, refund.FoundSuccess, Plain},
		{"voided without an amount", 200, edit(t, change("REFUNDED", "VOIDED"), `"refund":{"amount":90000}`, `"refund":{}`), signatureAbsent, refund.FoundSuccess, Plain},
		{"failed", 200, change("REFUNDED", "FAILED"), signatureAbsent, refund.FoundFailure, Plain},
		{"failed with an error", 200, edit(t, change("REFUNDED", "FAILED"), `"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), signatureAbsent, refund.FoundFailure, Plain},
		{"refunded with an error", 200, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), signatureAbsent, refund.NoAnswer, Plain},
		{"pending", 200, change("REFUNDED", "PENDING"), signatureAbsent, refund.FoundRunning, Plain},
		{"success is the payment's word", 200, change("REFUNDED", "SUCCESS"), signatureAbsent, refund.FoundRunning, Plain},
		{"no status", 200, change(`"status":"REFUNDED",`, ``), signatureAbsent, refund.FoundRunning, Plain},
		{"another amount", 200, change("90000", "80000"), signatureAbsent, refund.Contradiction, Plain},
		{"another amount while it runs", 200, edit(t, change("90000", "80000"), "REFUNDED", "PENDING"), signatureAbsent, refund.Contradiction, Plain},
		{"amount as a text", 200, change(`{"amount":90000}`, `{"amount":"90000.00"}`), signatureAbsent, refund.FoundSuccess, Plain},
		{"another invoice", 200, change("INV-20210118-0001", "X"), signatureAbsent, refund.Contradiction, Plain},
		{"another request", 200, other("SUCCESS"), signatureAbsent, refund.NotFound, Plain},
		{"another request that failed", 200, other("FAILED"), signatureAbsent, refund.NotFound, Plain},
		{"another request, refunded", 200, other("REFUNDED"), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, voided in small letters", 200, other("voided"), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, signed wrong", 200, other("SUCCESS"), signatureWrong, refund.NoAnswer, Failing},
		{"another request of another invoice", 200, edit(t, other("SUCCESS"), "INV-20210118-0001", "X"), signatureAbsent, refund.NoAnswer, Plain},
		{"no request id", 200, edit(t, change("REFUNDED", "SUCCESS"), `"request_id":`+ours+`,`, ``), signatureAbsent, refund.NoAnswer, Plain},
		{"404 with an error", 404, `{"error":{"code":"DATA_NOT_FOUND"}}`, signatureAbsent, refund.NotFound, Plain},
		{"404 in small letters", 404, `{"error":{"code":"transaction_not_found","message":["x"]}}`, signatureRight, refund.NotFound, Plain},
		{"404 by the third code", 404, `{"error":{"code":"NOT_FOUND"}}`, signatureAbsent, refund.NotFound, Plain},
		{"404 with an empty error", 404, `{"error":{}}`, signatureAbsent, refund.NoAnswer, Failing},
		{"404 with a time-out", 404, `{"error":{"code":"payment_timeout"}}`, signatureAbsent, refund.NoAnswer, Failing},
		{"404 with a wrong client", 404, `{"error":{"code":"invalid_client_id"}}`, signatureAbsent, refund.NoAnswer, Credentials},
		{"404 without a route", 404, `{"error":{"code":"route_not_found"}}`, signatureAbsent, refund.NoAnswer, Failing},
		{"404 with a flat code", 404, `{"code":"DATA_NOT_FOUND"}`, signatureAbsent, refund.NoAnswer, Failing},
		{"404 beside another request", 404, edit(t, other("SUCCESS"), `"amount":90000}}`, `"amount":90000},"error":{"code":"DATA_NOT_FOUND"}}`), signatureAbsent, refund.NoAnswer, Plain},
		{"400 with a code of not found", 400, `{"error":{"code":"DATA_NOT_FOUND"}}`, signatureAbsent, refund.NoAnswer, Plain},
		{"200 with a code of not found", 200, `{"error":{"code":"DATA_NOT_FOUND"}}`, signatureAbsent, refund.NoAnswer, Plain},
		{"200 with nothing", 200, `{}`, signatureAbsent, refund.NoAnswer, Failing},
		{"used before", 400, `{"error":{"code":"idempotent_request"}}`, signatureAbsent, refund.NoAnswer, Plain},
		{"our clock", 400, `{"error":{"code":"request_time_out_of_range"}}`, signatureAbsent, refund.NoAnswer, Credentials},
		{"refunded, and this request too", 200, agreed("REFUNDED", "SUCCESS"), signatureAbsent, refund.FoundSuccess, Plain},
		{"refunded, but not by this request", 200, agreed("REFUNDED", "FAILED"), signatureAbsent, refund.NoAnswer, Plain},
		{"refunded, and this request pending", 200, agreed("REFUNDED", "PENDING"), signatureRight, refund.NoAnswer, Plain},
		{"refunded, and a number", 200, edit(t, agreed("REFUNDED", "SUCCESS"), `"SUCCESS"`, `1`), signatureRight, refund.NoAnswer, Plain},
		{"refunded, and null", 200, edit(t, agreed("REFUNDED", "SUCCESS"), `"SUCCESS"`, `null`), signatureRight, refund.FoundSuccess, Plain},
		{"voided, but not by this request", 200, agreed("VOIDED", "FAILED"), signatureAbsent, refund.NoAnswer, Plain},
		{"failed, and this request too", 200, agreed("FAILED", "FAILED"), signatureAbsent, refund.FoundFailure, Plain},
		{"failed, but not this request", 200, agreed("FAILED", "SUCCESS"), signatureAbsent, refund.NoAnswer, Plain},
		{"failed, and this request pending", 200, agreed("FAILED", "PENDING"), signatureAbsent, refund.NoAnswer, Plain},
		{"a part, ours", 200, agreed("PARTIAL_REFUND", "SUCCESS"), signatureAbsent, refund.FoundSuccess, Plain},
		{"a part, ours, second spelling", 200, agreed("PARTIAL_REFUNDED", "SUCCESS"), signatureAbsent, refund.FoundSuccess, Plain},
		{"a part, ours, third spelling", 200, agreed("PARTIALLY_REFUNDED", "SUCCESS"), signatureAbsent, refund.FoundSuccess, Plain},
		{"a part, without this request's word", 200, change("REFUNDED", "PARTIAL_REFUND"), signatureAbsent, refund.NoAnswer, Plain},
		{"a part, and this request failed", 200, agreed("PARTIAL_REFUND", "FAILED"), signatureAbsent, refund.NoAnswer, Plain},
		{"a part, without an amount", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `"refund":{"amount":90000}`, `"refund":{}`), signatureAbsent, refund.NoAnswer, Plain},
		{"a part, of another amount", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `90000`, `80000`), signatureAbsent, refund.Contradiction, Plain},
		{"a part, with an error", 200, edit(t, agreed("PARTIAL_REFUND", "SUCCESS"), `"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, a part", 200, other("PARTIAL_REFUND"), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, expired", 200, other("EXPIRED"), signatureAbsent, refund.NotFound, Plain},
		{"another request, pending", 200, other("PENDING"), signatureAbsent, refund.NotFound, Plain},
		{"another request, timed out", 200, other("TIMEOUT"), signatureAbsent, refund.NotFound, Plain},
		{"another request, redirected", 200, other("REDIRECT"), signatureAbsent, refund.NotFound, Plain},
		{"another request, a status of no payment", 200, other("SETTLED"), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, in small letters", 200, other("success"), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, whose own status is a refund's", 200, edit(t, other("SUCCESS"), `"response_code":"00"`, `"transaction_status":"REFUNDED"`), signatureAbsent, refund.NoAnswer, Plain},
		{"another request, whose own status is a payment's", 200, edit(t, other("PENDING"), `"response_code":"00"`, `"transaction_status":"REDIRECT"`), signatureAbsent, refund.NotFound, Plain},
		{"amount as a double", 200, change(`{"amount":90000}`, `{"amount":9.0E4}`), signatureAbsent, refund.FoundSuccess, Plain},
		{"a byte order mark", 200, "\uFEFF" + cardStatusBody, signatureRight, refund.FoundSuccess, Plain},
		{"404 with an error, signed wrong", 404, `{"error":{"code":"X"}}`, signatureWrong, refund.NoAnswer, Failing},
		{"404 with a text", 404, `{"error":"Not Found"}`, signatureAbsent, refund.NoAnswer, Failing},
		{"404 with html", 404, `<html>`, signatureAbsent, refund.NoAnswer, Failing},
		{"404 with our request", 404, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), signatureAbsent, refund.NoAnswer, Failing},
		{"400", 400, `{"error":{"code":"INVALID_PARAMETER"}}`, signatureAbsent, refund.NoAnswer, Plain},
		{"400 invalid signature", 400, `{"error":{"code":"invalid_signature"}}`, signatureAbsent, refund.NoAnswer, Credentials},
		{"401", 401, ``, signatureAbsent, refund.NoAnswer, Credentials},
		{"429", 429, `{}`, signatureAbsent, refund.NoAnswer, Throttled},
		{"503 maintenance", 503, `{"error":{"code":"MAINTENANCE_MODE"}}`, signatureAbsent, refund.NoAnswer, Unavailable},
		{"500 that looks refunded", 500, cardStatusBody, signatureAbsent, refund.NoAnswer, Failing},
		{"302", 302, cardStatusBody, signatureAbsent, refund.NoAnswer, Failing},
		{"broken", 200, cardStatusBody[:99], signatureAbsent, refund.NoAnswer, Failing},
		{"status twice", 200, change(`"status":"REFUNDED"`, `"status":"FAILED","status":"REFUNDED"`), signatureAbsent, refund.NoAnswer, Failing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := findCard(cardOrder(), respond(tt.status, tt.body), tt.signature)
			if i.Finding != tt.finding || i.Cause != tt.cause || i.Response.HTTPStatus != tt.status || i.Problem == "" {
				t.Errorf("got %v/%v %+v", i.Finding, i.Cause, i)
			}
		})
	}
}

func TestCardInquiryNamesATypeOnlyWhereItIsSaid(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{"VOIDED": "VOID", "REFUNDED": "", "FAILED": "", "PENDING": ""} {
		i := findCard(cardOrder(), respond(200, edit(t, cardStatusBody, "REFUNDED", status)), signatureRight)
		if i.Response.RefundType != want {
			t.Errorf("%s: type %q", status, i.Response.RefundType)
		}
	}
}
