package service_test

import (
	"fmt"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/service"
)

// answerRoads are answers that are easily taken for something else.
var answerRoads = []road{
	cardAgain("a refused client id is no failure of the refund",
		respond(400, 1, `{"error":{"code":"invalid_client_id","message":"Invalid Client-Id","type":"invalid_request_error"}}`)...),
	snapAgain("a refused header of ours is no failure of the refund", channel.DirectDebitMandiri,
		respond(400, 1, `{"responseCode":"4000702","responseMessage":"Invalid Mandatory Field X-SIGNATURE"}`)...),
	cardLost("a code that no table lists is paid once and found", dokusim.Fault{
		Kind: dokusim.RespondAfter, Status: 404, Body: `{"error":{"code":"payment_timeout","message":"Payment processing timed out"}}`,
	}),
	cardNo("a code of the settings is refused for good", "REFUND_WINDOW_CLOSED").
		met(respond(422, -1, `{"error":{"code":"REFUND_WINDOW_CLOSED","message":"too late"}}`)...),
	snapFailed("a definite no inside a 200 is one", channel.DirectDebitBRI, "4040713").
		met(respond(200, -1, `{"responseCode":"4040713","responseMessage":"Invalid Amount","additionalInfo":""}`)...),
	snapLost("the answer to another request is not believed", channel.EmoneyOVO, dokusim.Fault{
		Kind: dokusim.RespondAfter, Body: `{"responseCode":"2007300","accessToken":"another","expiresIn":900}`,
	}),
	snapDone("a success in unusual forms is believed", channel.EmoneyDANA).met(dokusim.Fault{
		Kind: dokusim.RespondAfter,
		Body: "\uFEFF" + `{"responseCode":2000700.0,"refundAmount":{"value":1.0E4,"currency":"IDR"},"refundNo":17,"additionalInfo":[]}`,
	}),
}

func TestAnswersAreNotTakenForSomethingElse(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		unhurried(cfg)
		cfg.HTTPAddr, cfg.DefiniteCodes = addr, []string{"refund_window_closed"}
	})
	drives := make([]drive, len(answerRoads))
	for i, r := range answerRoads {
		drives[i] = r.drive(fmt.Sprintf("a%02d", i))
		drives[i].begin(t, f)
	}
	for _, d := range drives {
		t.Run(d.name, func(t *testing.T) { d.judge(t, f) })
	}
	if _, metrics := fetch(t, addr, "/metrics"); !strings.Contains(metrics, `doku_unlisted_codes_total{operation="refund"} 1`) ||
		!strings.Contains(metrics, `doku_unlisted_codes_total{operation="inquiry"} 0`) {
		t.Error("the code that no table lists is not counted, or another is")
	}
	f.settled(t)
	f.audit(t)
}
