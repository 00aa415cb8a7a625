package main

import (
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/secret"
)

// allScenarios is the whole show, in the order of the table.
func allScenarios() []scenario {
	return slices.Concat(channels, maintenance, cards[:2], whileBreakerIsOpen, cards[2:], lostAnswers, unknownOutcomes, refusals, messages)
}

var (
	token    = jobs.Customer{AccessToken: secret.New("demo-customer-token")}
	expired  = jobs.Customer{AccessToken: secret.New("expired-customer-token")} // refused by the simulator
	atIP     = jobs.Customer{AccessToken: secret.New("demo-customer-token"), IPAddress: secret.New("10.20.30.40")}
	onDevice = jobs.Customer{DeviceID: secret.New("demo-device"), IPAddress: secret.New("10.20.30.40")}
)

// card is a card refund; its invoice and the payment's request are named after it.
func card(id string, amount int64) jobs.Job {
	name := strings.ToUpper(id)
	return jobs.Job{
		RefundID: id, Channel: channel.CreditCard, InvoiceNumber: "INV-" + name, OriginalRequestID: "REQ-" + name, Amount: amount,
	}
}

func snap(id string, ch channel.Channel, invoice string, amount int64, customer jobs.Customer) jobs.Job {
	return jobs.Job{RefundID: id, Channel: ch, InvoiceNumber: invoice, Amount: amount, Customer: customer}
}

func with(j jobs.Job, change func(*jobs.Job)) jobs.Job {
	change(&j)
	return j
}

// channels holds the seeds' own examples and one plain refund for each of the
// other channels.
var channels = []scenario{
	{
		job: jobs.Job{
			RefundID: "seed-1", Channel: channel.CreditCard, InvoiceNumber: "INV-20210118-0001",
			OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c", Amount: 90000,
		},
		paid: dokusim.Payment{Amount: 90000},
		what: "DOKU's own example, the whole payment", want: "succeeded response",
	},
	{
		job: jobs.Job{
			RefundID: "INV-REF-0001", Channel: channel.DirectDebitMandiri, InvoiceNumber: "INV-0001",
			OriginalRequestID: "REQ-0001", Amount: 10000, Reason: "Request by Customer", Customer: token,
		},
		what: "DOKU's own example and partnerRefundNo", want: "succeeded response",
	},
	{
		job:  snap("bri", channel.DirectDebitBRI, "INV-BRI", 21500, token),
		what: "direct debit with a customer's token", want: "succeeded response",
	},
	{
		job:  snap("cimb", channel.DirectDebitCIMB, "INV-CIMB", 32750, token),
		what: "direct debit, whole payments only", want: "succeeded response",
	},
	{
		job:  snap("allo", channel.DirectDebitAllo, "INV-ALLO-00000000000000000000001", 43125, atIP),
		what: "direct debit, numbers of 32 characters", want: "succeeded response",
	},
	{
		job:  snap("ovo", channel.EmoneyOVO, "INV-OVO", 8900, jobs.Customer{}),
		what: "e-wallet without a customer's token", want: "succeeded response",
	},
	{
		job:  snap("dana", channel.EmoneyDANA, "INV-DANA", 15999, onDevice),
		what: "e-wallet, device and IP address in headers", want: "succeeded response",
	},
	{
		job:  snap("shopeepay", channel.EmoneyShopeePay, "INV-SHOPEE", 120001, onDevice),
		what: "e-wallet that answers without numbers", want: "succeeded response",
	},
}

// maintenance is a window in which a gateway answers in DOKU's place, on one
// channel. The breaker needs three refunds and five answers to open; what is
// published after that is never sent into the window.
var maintenance = []scenario{
	{
		job: snap("window-1", channel.DirectDebitBRI, "INV-WINDOW-1", 12100, token), outage: 6 * time.Second, waitsFor: []string{"bri"},
		what: "maintenance begins: 503, a page of HTML", want: "succeeded response",
	},
	{
		job:  snap("window-2", channel.DirectDebitBRI, "INV-WINDOW-2", 12200, token),
		what: "503: unknown, asked, not found, sent again", want: "succeeded response",
	},
	{
		job:  snap("window-3", channel.DirectDebitBRI, "INV-WINDOW-3", 12300, token),
		what: "the same; nothing was executed meanwhile", want: "succeeded response",
	},
}

// whileBreakerIsOpen comes when the channel's breaker is open, and before the window ends.
// One of the two may be what the breaker sends to see whether DOKU is back.
var whileBreakerIsOpen = []scenario{
	{
		job:  snap("window-4", channel.DirectDebitBRI, "INV-WINDOW-4", 12400, token),
		what: "held while the channel's breaker is open", want: "succeeded response",
	},
	{
		job:  snap("window-5", channel.DirectDebitBRI, "INV-WINDOW-5", 12500, token),
		what: "the same: one at most is sent to see", want: "succeeded response",
	},
}

// cards holds what DOKU makes of card refunds.
var cards = []scenario{
	{
		job: card("void", 41000), paid: dokusim.Payment{Amount: 41000, Unsettled: true},
		what: "not settled yet: DOKU voids the payment", want: "succeeded response",
	},
	{
		job: card("part-early", 20000), paid: dokusim.Payment{Amount: 52000, Unsettled: true},
		what: "part of a payment not settled yet: FAILED", want: "failed PAYMENT_FAILED",
	},
	{
		job: card("too-much", 75000), paid: dokusim.Payment{Amount: 74999},
		what: "1 rupiah more than paid: FAILED, no retry", want: "failed PAYMENT_FAILED",
	},
	{
		job: card("by-hand", 63000), paid: dokusim.Payment{Amount: 63000, Manual: true},
		what: "people at DOKU do it: MANUAL_FULL_REFUND", want: "succeeded response",
	},
	{
		job: card("part-by-hand", 13000), paid: dokusim.Payment{Amount: 63000, Manual: true},
		what: "a part, done by people: MANUAL_PARTIAL_REFUND", want: "succeeded response",
	},
}

// lostAnswers holds answers that never came, or cannot be believed.
var lostAnswers = []scenario{
	{
		job: card("throttled", 17300), refunds: []dokusim.Fault{{Kind: dokusim.TooMany, Count: 2, RetryAfter: time.Second}},
		what: "429 twice, Retry-After 1s: sent a third time", want: "succeeded response",
	},
	{
		job: card("live-refusal", 51500), refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Code: "invalid_client_id"}},
		what: "400 invalid_client_id: not executed, again", want: "succeeded response",
	},
	{
		job: card("lost-500", 26700), refunds: []dokusim.Fault{{Kind: dokusim.ErrorAfter}},
		what: "paid, but 500 answered: found by asking", want: "succeeded inquiry",
	},
	{
		job:     snap("lost-reset", channel.DirectDebitMandiri, "INV-0002", 11111, token),
		refunds: []dokusim.Fault{{Kind: dokusim.ResetAfter}},
		what:    "paid, but the connection was reset: found", want: "succeeded inquiry",
	},
	{
		job: card("forged", 35400), refunds: []dokusim.Fault{{Kind: dokusim.BadSignature}},
		what: "SUCCESS, wrong signature: not believed", want: "succeeded inquiry",
	},
	{
		job: card("killed", 88000), refunds: []dokusim.Fault{{Kind: dokusim.Hold}}, killsWorker: true, slow: true,
		what: "worker killed when DOKU had paid: taken over", want: "succeeded inquiry",
	},
}

// notFound is DOKU's answer about a Request-Id that it does not know.
const notFound = `{"error":{"code":"DATA_NOT_FOUND","message":"Transaction is not found","type":"Data Not Found"}}`

// unknownOutcomes holds requests that DOKU has seen before, or says nothing about.
var unknownOutcomes = []scenario{
	{
		job: card("repeated", 44200), refunds: []dokusim.Fault{{Kind: dokusim.ErrorAfter}}, slow: true,
		inquiries: []dokusim.Fault{{Kind: dokusim.Respond, Status: 404, Body: notFound, Count: -1}},
		what:      "paid, 500, then not found: same request again", want: "succeeded replay",
	},
	{
		job: card("old-ledger", 29950), earlier: func(j jobs.Job) jobs.Job { return j },
		what: "paid before a ledger was lost: 409, its answer", want: "succeeded replay",
	},
	{
		job: card("collision", 31000), earlier: anothersRequest,
		what: "another used our Request-Id: for a person", want: "unresolved identifier_collision",
	},
	{
		job:     snap("in-progress", channel.EmoneyDANA, "INV-SLOW", 56780, onDevice),
		refunds: []dokusim.Fault{{Kind: dokusim.InProgress, Delay: time.Second, Looks: 1}},
		what:    "202, in progress: asked until it is done", want: "succeeded inquiry",
	},
	{
		job:     snap("unknowable", channel.EmoneyOVO, "INV-UNKNOWN", 9990, jobs.Customer{}),
		refunds: []dokusim.Fault{{Kind: dokusim.ErrorBefore}}, slow: true, deadline: 14 * time.Second,
		inquiries: []dokusim.Fault{{Kind: dokusim.HTMLBefore, Count: -1}},
		what:      "500, and no inquiry answers by the deadline", want: "unresolved outcome_unknown",
	},
}

// anothersRequest is one that DOKU declines, so that no money moves for it.
func anothersRequest(j jobs.Job) jobs.Job {
	j.InvoiceNumber, j.OriginalRequestID, j.Amount = anothersInvoice, "REQ-ANOTHERS", 2
	return j
}

// anothersInvoice was paid with one rupiah.
const anothersInvoice = "INV-ANOTHERS"

// refusals holds what is not sent, or refused for what it carries.
var refusals = []scenario{
	{
		job: snap("b2b-expired", channel.EmoneyShopeePay, "INV-TOKEN", 18250, onDevice), expire: true,
		// No other refund may be about to be sent with the token that ends: its 401 is this one's alone.
		waitsFor: []string{"shopeepay", "lost-reset", "in-progress"},
		what:     "B2B token ended: 401, renewed, sent again", want: "succeeded response",
	},
	{
		job:  snap("token-ended", channel.DirectDebitCIMB, "INV-CIMB2", 23000, expired),
		what: "the customer's token ended: not sent again", want: "failed customer_token_invalid",
	},
	{
		job: card("too-late", 37000), deadline: -time.Minute,
		what: "its deadline has passed: never sent", want: "rejected deadline_exceeded",
	},
	{
		job:  with(card("card-number", 38000), func(j *jobs.Job) { j.Reason = "wrong card, was 4111 1111 1111 1111" }),
		what: "a card number in the reason: never sent", want: "rejected card_number",
	},
	{
		job:  card("bad-job", 0),
		raw:  `{"refund_id":"bad-job","channel":"credit_card","invoice_number":"INV-BAD-JOB","original_request_id":"REQ","amount":12.50}`,
		what: "an amount with a fraction: never sent", want: "rejected invalid_job",
	},
}

// messages holds the ways in which messages repeat or are none.
var messages = []scenario{
	{
		job: card("twice", 47110), copies: 2,
		what: "the same job twice: one refund, one result", want: "succeeded response",
	},
	{
		job: card("twice", 47111), line: "(twice)", waitsFor: []string{"twice"},
		what: "its refund_id with another amount: dead letter", want: "dead refund_id_conflict",
	},
	{
		job: jobs.Job{Channel: channel.CreditCard}, raw: "please refund INV-7, 15.000 rupiah, thanks", line: "(no job)",
		what: "a message that is no job: dead letter", want: "dead unreadable",
	},
}
