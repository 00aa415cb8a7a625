package service_test

import (
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// busy are the words in which a gateway may say that another refund of the same
// payment is under way. None of them is in DOKU's published lists, but the last,
// which says "not now".
var busy = []struct {
	name    string
	channel channel.Channel
	status  int
	body    string
	path    string // of the refund that was refused
}{
	{
		"card, 400", channel.CreditCard, 400,
		`{"error":{"code":"refund_in_progress","message":"Another refund of this payment is in progress","type":"invalid_request_error"}}`,
		"sending unknown sending succeeded",
	},
	{
		"card, 422", channel.CreditCard, 422,
		`{"error":{"code":"TRANSACTION_LOCKED","message":"in progress","type":"Transaction Locked"}}`,
		"sending unknown sending succeeded",
	},
	{
		"SNAP, 400", channel.EmoneyOVO, 400, `{"responseCode":"4000799","responseMessage":"Refund in progress"}`,
		"sending unknown sending succeeded",
	},
	{
		"SNAP, 403", channel.EmoneyOVO, 403, `{"responseCode":"4030704","responseMessage":"Activity Count Limit Exceeded"}`,
		"sending waiting sending succeeded",
	},
}

// A customer who returns two articles gets two refunds of one payment, often in
// the same minute. That DOKU cannot take both at once is not a final no to either.
func TestSecondOfTwoRefundsOfOnePaymentWaitsWhereTheFirstIsInProgress(t *testing.T) {
	t.Parallel()
	for _, c := range busy {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, devstack.Config{})
			first := scenario{channel: c.channel}.trial("first")
			second := scenario{channel: c.channel}.trial("second")
			first.invoice, second.invoice = "IN-both", "IN-both"
			if err := f.DOKU.AddPayment(dokusim.Payment{Channel: string(c.channel), Invoice: "IN-both", Amount: 2 * amount}); err != nil {
				t.Fatal(err)
			}
			f.meets(t, first, dokusim.Fault{Kind: dokusim.Delay, Delay: time.Second})
			f.meets(t, second, dokusim.Fault{Kind: dokusim.Respond, Status: c.status, Body: c.body})
			now := time.Now()
			f.publish(t, c.channel, first.body(t, now))
			// Another amount: an entry of ours and one of the first could not
			// be told apart in SNAP's history, which then is not an answer.
			f.publish(t, c.channel, strings.Replace(second.body(t, now), `"amount":10000`, `"amount":7000`, 1))
			f.worker(t, nil)
			for _, d := range []trial{first, second} {
				if r := f.journal.result(t, d.id); r.Status != refund.Succeeded {
					t.Errorf("%s: %+v", d.id, r)
				}
			}
			if entries, _ := f.journal.of(second.id); path(entries) != c.path {
				t.Errorf("path: %s; want: %s", path(entries), c.path)
			}
			if moved := f.DOKU.Book().MovedFor(string(c.channel), "IN-both"); len(moved) != 2 {
				t.Errorf("money moved: %+v", moved)
			}
			f.settled(t)
		})
	}
}

// meets scripts what the refund calls of one refund meet.
func (f fixture) meets(t *testing.T, d trial, fault dokusim.Fault) {
	t.Helper()
	key := refund.RequestID(devstack.ClientID, d.id)
	if d.channel != channel.CreditCard {
		key = d.partner()
	}
	if err := f.DOKU.Script(dokusim.Match{Operation: dokusim.OpRefund, Key: key}, fault); err != nil {
		t.Fatal(err)
	}
}
