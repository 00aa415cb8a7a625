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

// cardFieldRoads are answers that official clients, the live sandbox or other
// people's integrations show, and DOKU's documents do not.
var cardFieldRoads = []road{
	cardAgain("a refused client id is tried again", dokusim.Fault{Kind: dokusim.Refuse, Code: "invalid_client_id"}),
	cardAgain("a refused timestamp is tried again", dokusim.Fault{Kind: dokusim.Refuse, Code: "request_time_out_of_range"}),
	cardNotRun("a second refund of one payment waits for the first", dokusim.Fault{Kind: dokusim.Refuse, Code: "refund_in_progress"}),
	cardNotRun("a firewall's page is asked about", dokusim.Fault{Kind: dokusim.HTMLBefore, Status: 403}),
	cardNotRun("a timeout with a code is asked about", dokusim.Fault{Kind: dokusim.Refuse, Status: 404, Code: "payment_timeout"}),
	cardLost("a timeout with a code may have been paid", dokusim.Fault{Kind: dokusim.RefuseAfter, Status: 408, Code: "payment_timeout"}),
	cardLost("an inquiry's 404 with another code is no not found", dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(dokusim.Fault{Kind: dokusim.Refuse, Status: 404, Code: "route_not_found"}),
	cardLost("REFUNDED beside FAILED is asked again", dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(edit("/card_payment/transaction_status", `"FAILED"`)),
	cardLost("FAILED beside SUCCESS is asked again", dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(edit("/transaction/status", `"FAILED"`)),
	cardLost("PARTIAL_REFUND is a yes", dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(edit("/transaction/status", `"PARTIAL_REFUND"`)),
	cardLost("an answer to a GET is right without a Digest line", dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(dokusim.Fault{Kind: dokusim.NoDigestLine}),
	cardDone("amounts of a Java double are read", "PARTIAL_REFUND", dokusim.Payment{Amount: 3 * roadAmount}).
		met(dokusim.Fault{Kind: dokusim.JavaAmounts}),
	cardDone("a byte order mark is passed over", "PARTIAL_REFUND", dokusim.Payment{Amount: 3 * roadAmount}).
		met(dokusim.Fault{Kind: dokusim.ByteOrderMark}),
	cardDone("a signature without padding is right", "PARTIAL_REFUND", dokusim.Payment{Amount: 3 * roadAmount}).
		met(dokusim.Fault{Kind: dokusim.PaddingRemoved}),
}

var snapFieldRoads = []road{
	snapAgain("a refused X-TIMESTAMP is tried again", channel.EmoneyOVO,
		dokusim.Fault{Kind: dokusim.Refuse, Code: "02", Message: "Invalid Mandatory Field X-TIMESTAMP"}),
	snapAgain("an unknown terminal is tried again", channel.EmoneyDANA, dokusim.Fault{Kind: dokusim.Refuse, Code: "4040717"}),
	snapFailed("a no inside of a 200 is a no", channel.DirectDebitBRI, "4040713").
		met(dokusim.Fault{Kind: dokusim.Refuse, Status: 200, Code: "4040713", Count: -1}),
	snapLost("a history inside of additionalInfo is read", channel.EmoneyDANA, dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(dokusim.Fault{Kind: dokusim.Edit, Move: map[string]string{"/refundHistory": "/additionalInfo/refundHistory"}}),
	snapLost("a word for a status is no answer", channel.EmoneyOVO, dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(dokusim.Fault{
			Kind: dokusim.Edit, Drop: []string{"/refundHistory"},
			Set: map[string]jsontext.Value{"/latestTransactionStatus": jsontext.Value(`"COMPLETED"`)},
		}),
	snapLost("an entry without a number is no not found", channel.DirectDebitMandiri, dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(dokusim.Fault{Kind: dokusim.Edit, Drop: []string{"/refundHistory/0/partnerRefundNo"}}),
	snapLost("our amount under another number is no not found", channel.DirectDebitBRI, dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(edit("/refundHistory/0/partnerRefundNo", `"ANOTHER"`)),
	snapDone("an empty additionalInfo is none", channel.EmoneyDANA).met(edit("/additionalInfo", `[]`)),
	snapDone("a refundNo may be a number", channel.EmoneyOVO).met(edit("/refundNo", `96194816941239812`)),
	snapDone("an amount may be a number", channel.DirectDebitAllo).met(edit("/refundAmount/value", `10000.0`)),
}

func TestFieldRoadsOfCards(t *testing.T) {
	t.Parallel()
	driveAll(t, cardFieldRoads, unhurried)
}

func TestFieldRoadsOfSNAP(t *testing.T) {
	t.Parallel()
	driveAll(t, snapFieldRoads, unhurried)
}
