package service_test

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// bodies is one job for every channel, as an order system writes it.
var bodies = map[channel.Channel]string{
	channel.CreditCard:         `{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-20210118-0001","original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c","amount":90000}`,
	channel.DirectDebitMandiri: `{"refund_id":"rf-2","channel":"direct_debit_mandiri","invoice_number":"INV-0001","original_request_id":"REQ-0001","amount":10000,"reason":"Request by Customer","customer":{"access_token":"tok"}}`,
	channel.DirectDebitBRI:     `{"refund_id":"rf-3","channel":"direct_debit_bri","invoice_number":"INV-0003","amount":10000,"customer":{"access_token":"tok"}}`,
	channel.DirectDebitCIMB:    `{"refund_id":"rf-4","channel":"direct_debit_cimb","invoice_number":"INV-0004","amount":10000,"customer":{"access_token":"tok"}}`,
	channel.DirectDebitAllo:    `{"refund_id":"rf-5","channel":"direct_debit_allo","invoice_number":"` + strings.Repeat("A", 32) + `","amount":10000,"customer":{"access_token":"tok","ip_address":"10.1.2.3"}}`,
	channel.EmoneyOVO:          `{"refund_id":"rf-6","channel":"emoney_ovo","invoice_number":"INV-0006","amount":10000}`,
	channel.EmoneyDANA:         `{"refund_id":"rf-7","channel":"emoney_dana","invoice_number":"INV-0007","amount":10000,"customer":{"device_id":"d","ip_address":"10.1.2.3"}}`,
	channel.EmoneyShopeePay:    `{"refund_id":"rf-8","channel":"emoney_shopeepay","invoice_number":"INV-0008","amount":10000,"customer":{"device_id":"d","ip_address":"10.1.2.3"}}`,
}

func TestRawPublisherGetsItsResultsOnAllEightChannels(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, nil)
	for ch, body := range bodies {
		f.publish(t, ch, body)
	}
	for _, e := range f.journal.waitResults(t, len(bodies)) {
		r := e.result(t)
		if r.Status != refund.Succeeded || r.Evidence != refund.ByResponse || r.Attempts != 1 || r.Environment != "simulator" {
			t.Errorf("result = %+v", r)
		}
	}
	if book := f.DOKU.Book(); book.Total.Movements != 8 || book.Total.Amount != 90000+7*10000 {
		t.Errorf("money moved: %+v", book.Total)
	}
	f.settled(t)
	f.audit(t)
}
