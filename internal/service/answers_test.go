package service_test

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/service"
)

// answerScenarios are answers that are easily taken for something else.
var answerScenarios = []scenario{
	{
		name: "a refused client id is no failure of the refund", channel: channel.CreditCard,
		refunds: respond(400, 1, `{"error":{"code":"invalid_client_id","message":"Invalid Client-Id","type":"invalid_request_error"}}`),
		want:    retried("PARTIAL_REFUND"),
	},
	{
		name: "a refused header of ours is no failure of the refund", channel: channel.DirectDebitMandiri,
		refunds: respond(400, 1, `{"responseCode":"4000702","responseMessage":"Invalid Mandatory Field X-SIGNATURE"}`),
		want:    retried(""),
	},
	{
		name: "a code that no table lists is paid once and found", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{
			Kind: dokusim.RespondAfter, Status: 404, Body: `{"error":{"code":"payment_timeout","message":"Payment processing timed out"}}`,
		}},
		want: foundPaid(),
	},
	{
		name: "a code of the settings is refused for good", channel: channel.CreditCard, deadline: giveUp,
		refunds: respond(422, -1, `{"error":{"code":"REFUND_WINDOW_CLOSED","message":"too late"}}`),
		want:    refused("REFUND_WINDOW_CLOSED"),
	},
	{
		name: "a definite no inside a 200 is one", channel: channel.DirectDebitBRI, deadline: giveUp,
		refunds: respond(200, -1, `{"responseCode":"4040713","responseMessage":"Invalid Amount","additionalInfo":""}`),
		want:    refused("4040713"),
	},
	{
		name: "the answer to another request is not believed", channel: channel.EmoneyOVO,
		refunds: []dokusim.Fault{{
			Kind: dokusim.RespondAfter, Body: `{"responseCode":"2007300","accessToken":"another","expiresIn":900}`,
		}},
		want: foundPaid(),
	},
	{
		name: "a success in unusual forms is believed", channel: channel.EmoneyDANA,
		refunds: []dokusim.Fault{{
			Kind: dokusim.RespondAfter,
			Body: "\uFEFF" + `{"responseCode":2000700.0,"refundAmount":{"value":1.0E4,"currency":"IDR"},"refundNo":17,"additionalInfo":[]}`,
		}},
		want: paidAtOnce(""),
	},
}

func TestAnswersAreNotTakenForSomethingElse(t *testing.T) {
	t.Parallel()
	addr := runScenarios(t, answerScenarios, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.DefiniteCodes = []string{"refund_window_closed"}
	})
	if _, metrics := fetch(t, addr, "/metrics"); !strings.Contains(metrics, `doku_unlisted_codes_total{operation="refund"} 1`) ||
		!strings.Contains(metrics, `doku_unlisted_codes_total{operation="inquiry"} 0`) {
		t.Error("the code that no table lists is not counted, or another is")
	}
}
