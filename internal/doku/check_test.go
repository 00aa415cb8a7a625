package doku

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

func fullCustomer() Customer {
	return Customer{
		AccessToken: secret.New("customer-token-1"), DeviceID: secret.New("device-0001"), IPAddress: secret.New("10.20.30.40"),
	}
}

func TestOrderThatIsNoRequestIsNotSent(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := snapServer(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	c := newTestClient(t, s.URL)
	prepare(t, c)
	tests := []struct {
		name   string
		order  Order
		change func(*Order)
	}{
		{"no channel", cardOrder(), func(o *Order) { o.Channel = "" }},
		{"no amount", cardOrder(), func(o *Order) { o.Amount = 0 }},
		{"negative amount", snapOrder(), func(o *Order) { o.Amount = -1 }},
		{"giant amount", snapOrder(), func(o *Order) { o.Amount = maxAmount + 1 }},
		{"no invoice", cardOrder(), func(o *Order) { o.InvoiceNumber = "" }},
		{"long invoice", snapOrder(), func(o *Order) { o.InvoiceNumber = strings.Repeat("x", 13) }},
		{"no original request", cardOrder(), func(o *Order) { o.OriginalRequestID = "" }},
		{"long original request", snapOrder(), func(o *Order) { o.OriginalRequestID = strings.Repeat("x", 37) }},
		{"no request id", cardOrder(), func(o *Order) { o.RequestID = "" }},
		{"long request id", cardOrder(), func(o *Order) { o.RequestID = strings.Repeat("x", 129) }},
		{"request id with a slash", cardOrder(), func(o *Order) { o.RequestID = "a/b" }},
		{"request id with a line break", cardOrder(), func(o *Order) { o.RequestID = "a\nDigest:b" }},
		{"no partner number", snapOrder(), func(o *Order) { o.PartnerRefundNo = "" }},
		{"long partner number", snapOrder(), func(o *Order) { o.PartnerRefundNo = strings.Repeat("x", 13) }},
		{"no external id", snapOrder(), func(o *Order) { o.ExternalID = "" }},
		{"external id with a letter", snapOrder(), func(o *Order) { o.ExternalID = "12a" }},
		{"long external id", snapOrder(), func(o *Order) { o.ExternalID = strings.Repeat("1", 33) }},
		{"no customer token", snapOrder(), func(o *Order) { o.Customer.AccessToken = secret.Text{} }},
		{"customer token with a line break", snapOrder(), func(o *Order) { o.Customer.AccessToken = secret.New("a\r\nX: y") }},
		{"no address", snapOrder(), func(o *Order) {
			o.Channel, o.Customer = channel.EmoneyDANA, fullCustomer()
			o.Customer.IPAddress = secret.Text{}
		}},
		{"no device", snapOrder(), func(o *Order) {
			o.Channel, o.Customer = channel.EmoneyShopeePay, fullCustomer()
			o.Customer.DeviceID = secret.Text{}
		}},
	}
	for _, tt := range tests {
		tt.change(&tt.order)
		v := c.Refund(t.Context(), tt.order)
		if v.Class != NotExecuted || v.Cause != NotWritten || !strings.HasPrefix(v.Problem, "nothing sent: ") {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d requests", calls.Load())
	}
}

func TestOptionalCustomerTokenMayBeAbsent(t *testing.T) {
	t.Parallel()
	o := snapOrder()
	o.Channel, o.Customer = channel.EmoneyOVO, Customer{}
	if err := o.checkSNAPRefund(); err != nil {
		t.Error(err)
	}
}

func TestInquiryNeedsNothingOfTheCustomer(t *testing.T) {
	t.Parallel()
	o := snapOrder()
	o.Customer, o.ExternalID = Customer{}, ""
	if err := o.checkSNAP(); err != nil {
		t.Error(err)
	}
}
