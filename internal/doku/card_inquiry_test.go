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
		{"refunded, signed wrong", 200, cardStatusBody, sealWrong, NoAnswer, Plain},
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
		{"another request, signed wrong", 200, other("SUCCESS"), sealWrong, NoAnswer, Plain},
		{"another request of another invoice", 200, edit(t, other("SUCCESS"), "INV-20210118-0001", "X"), sealAbsent, NoAnswer, Plain},
		{"no request id", 200, edit(t, change("REFUNDED", "SUCCESS"), `"request_id":`+ours+`,`, ``), sealAbsent, NoAnswer, Plain},
		{"404 with an error", 404, `{"error":{"code":"DATA_NOT_FOUND"}}`, sealAbsent, NotFound, Plain},
		{"404 with an empty error", 404, `{"error":{}}`, sealAbsent, NotFound, Plain},
		{"404 with an error, signed wrong", 404, `{"error":{"code":"X"}}`, sealWrong, NoAnswer, Plain},
		{"404 with a text", 404, `{"error":"Not Found"}`, sealAbsent, NoAnswer, Plain},
		{"404 with html", 404, `<html>`, sealAbsent, NoAnswer, Plain},
		{"404 with our request", 404, change(`"amount":90000}}`, `"amount":90000},"error":{"code":"X"}}`), sealAbsent, NoAnswer, Plain},
		{"400", 400, `{"error":{"code":"INVALID_PARAMETER"}}`, sealAbsent, NoAnswer, Plain},
		{"400 invalid signature", 400, `{"error":{"code":"invalid_signature"}}`, sealAbsent, NoAnswer, Credentials},
		{"401", 401, ``, sealAbsent, NoAnswer, Credentials},
		{"429", 429, `{}`, sealAbsent, NoAnswer, Throttled},
		{"503 maintenance", 503, `{"error":{"code":"MAINTENANCE_MODE"}}`, sealAbsent, NoAnswer, Unavailable},
		{"500 that looks refunded", 500, cardStatusBody, sealAbsent, NoAnswer, Plain},
		{"302", 302, cardStatusBody, sealAbsent, NoAnswer, Plain},
		{"broken", 200, cardStatusBody[:99], sealAbsent, NoAnswer, Plain},
		{"status twice", 200, change(`"status":"REFUNDED"`, `"status":"FAILED","status":"REFUNDED"`), sealAbsent, NoAnswer, Plain},
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
