package service_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
)

// edit changes one member of the true answer.
func edit(place, value string) dokusim.Fault {
	return dokusim.Fault{Kind: dokusim.Edit, Set: map[string]jsontext.Value{place: jsontext.Value(value)}}
}

// cardFieldScenarios are answers that official clients, the live sandbox or other
// people's integrations show, and DOKU's documents do not.
var cardFieldScenarios = []scenario{
	{
		name: "a refused client id is tried again", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Code: "invalid_client_id"}}, want: retried("PARTIAL_REFUND"),
	},
	{
		name: "a refused timestamp is tried again", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Code: "request_time_out_of_range"}}, want: retried("PARTIAL_REFUND"),
	},
	{
		name: "a second refund of one payment waits for the first", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Code: "refund_in_progress"}}, want: sentAgain("PARTIAL_REFUND"),
	},
	{
		name: "a firewall's page is asked about", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.HTMLBefore, Status: 403}}, want: sentAgain("PARTIAL_REFUND"),
	},
	{
		name: "a timeout with a code is asked about", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Status: 404, Code: "payment_timeout"}},
		want:    sentAgain("PARTIAL_REFUND"),
	},
	{
		name: "a timeout with a code may have been paid", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.RefuseAfter, Status: 408, Code: "payment_timeout"}}, want: foundPaid(),
	},
	{
		name: "an inquiry's 404 with another code is no not found", channel: channel.CreditCard,
		refunds:   fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{{Kind: dokusim.Refuse, Status: 404, Code: "route_not_found"}}, want: foundPaid(),
	},
	{
		name: "REFUNDED beside FAILED is asked again", channel: channel.CreditCard, refunds: fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{edit("/card_payment/transaction_status", `"FAILED"`)}, want: foundPaid(),
	},
	{
		name: "FAILED beside SUCCESS is asked again", channel: channel.CreditCard, refunds: fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{edit("/transaction/status", `"FAILED"`)}, want: foundPaid(),
	},
	{
		name: "PARTIAL_REFUND is a yes", channel: channel.CreditCard, refunds: fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{edit("/transaction/status", `"PARTIAL_REFUND"`)}, want: foundPaid(),
	},
	{
		name: "an answer to a GET is right without a Digest line", channel: channel.CreditCard,
		refunds: fault(dokusim.ErrorAfter), inquiries: fault(dokusim.NoDigestLine), want: foundPaid(),
	},
	{
		name: "amounts of a Java double are read", channel: channel.CreditCard, payment: dokusim.Payment{Amount: 3 * amount},
		refunds: fault(dokusim.JavaAmounts), want: paidAtOnce("PARTIAL_REFUND"),
	},
	{
		name: "a byte order mark is passed over", channel: channel.CreditCard, payment: dokusim.Payment{Amount: 3 * amount},
		refunds: fault(dokusim.ByteOrderMark), want: paidAtOnce("PARTIAL_REFUND"),
	},
	{
		name: "a signature without padding is right", channel: channel.CreditCard,
		payment: dokusim.Payment{Amount: 3 * amount}, refunds: fault(dokusim.PaddingRemoved),
		want: paidAtOnce("PARTIAL_REFUND"),
	},
}

var snapFieldScenarios = []scenario{
	{
		name: "a refused X-TIMESTAMP is tried again", channel: channel.EmoneyOVO,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Code: "02", Message: "Invalid Mandatory Field X-TIMESTAMP"}},
		want:    retried(""),
	},
	{
		name: "an unknown terminal is tried again", channel: channel.EmoneyDANA,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Code: "4040717"}}, want: retried(""),
	},
	{
		name: "a no inside of a 200 is a no", channel: channel.DirectDebitBRI, deadline: giveUp,
		refunds: []dokusim.Fault{{Kind: dokusim.Refuse, Status: 200, Code: "4040713", Count: -1}}, want: refused("4040713"),
	},
	{
		name: "a history inside of additionalInfo is read", channel: channel.EmoneyDANA, refunds: fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{{Kind: dokusim.Edit, Move: map[string]string{"/refundHistory": "/additionalInfo/refundHistory"}}},
		want:      foundPaid(),
	},
	{
		name: "a word for a status is no answer", channel: channel.EmoneyOVO, refunds: fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{{
			Kind: dokusim.Edit, Drop: []string{"/refundHistory"},
			Set: map[string]jsontext.Value{"/latestTransactionStatus": jsontext.Value(`"COMPLETED"`)},
		}},
		want: foundPaid(),
	},
	{
		name: "an entry without a number is no not found", channel: channel.DirectDebitMandiri,
		refunds:   fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{{Kind: dokusim.Edit, Drop: []string{"/refundHistory/0/partnerRefundNo"}}}, want: foundPaid(),
	},
	{
		name: "our amount under another number is no not found", channel: channel.DirectDebitBRI,
		refunds: fault(dokusim.ErrorAfter), inquiries: []dokusim.Fault{edit("/refundHistory/0/partnerRefundNo", `"ANOTHER"`)},
		want: foundPaid(),
	},
	{
		name: "an empty additionalInfo is none", channel: channel.EmoneyDANA,
		refunds: []dokusim.Fault{edit("/additionalInfo", `[]`)}, want: paidAtOnce(""),
	},
	{
		name: "a refundNo may be a number", channel: channel.EmoneyOVO,
		refunds: []dokusim.Fault{edit("/refundNo", `96194816941239812`)}, want: paidAtOnce(""),
	},
	{
		name: "an amount may be a number", channel: channel.DirectDebitAllo,
		refunds: []dokusim.Fault{edit("/refundAmount/value", `10000.0`)}, want: paidAtOnce(""),
	},
}

func TestCardAnswersSeenInTheField(t *testing.T) {
	t.Parallel()
	runScenarios(t, cardFieldScenarios, patientCalls)
}

func TestSNAPAnswersSeenInTheField(t *testing.T) {
	t.Parallel()
	runScenarios(t, snapFieldScenarios, patientCalls)
}
