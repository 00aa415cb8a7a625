package doku

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// Whatever DOKU or something in between answers: no panic, every verdict says
// why, and money is only said to have moved, or not, on grounds that are there.
func FuzzCardAnswer(f *testing.F) {
	for _, body := range []string{
		cardSuccessBody, cardFailedBody, cardStatusBody, `{"error":{"code":"invalid_signature"}}`, `{"error":"x"}`, `<html>`, ``,
		`{"error":{"code":"idempotent_request"}}`, `{"error":{"code":"payment_timeout","message":["a","b"]}}`, "\uFEFF{}",
	} {
		for _, status := range []int{200, 302, 400, 401, 409, 429, 500, 503} {
			for s := range 3 {
				f.Add(status, uint8(s), body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, status int, s uint8, body string) {
		r, signed := respond(status, body), signatureStatus(s%3)
		v := classifyCard(cardOrder(), r, signed)
		checkVerdict(t, v, status)
		trusted := signed == signatureRight || signed == signatureAbsent && status == http.StatusConflict
		if v.Class == Succeeded && (!trusted || !strings.Contains(body, "SUCCESS") && !strings.Contains(body, `\u`)) {
			t.Fatalf("succeeded on %d, signature %d: %s", status, signed, body)
		}
		if v.Class == Failed && signed == signatureWrong {
			t.Fatalf("failed under a wrong signature: %s", body)
		}
		if v.Evidence == refund.ByReplay && status != http.StatusConflict ||
			v.Cause == Collision && status != http.StatusConflict && !listed(idempotencyCodes, v.Response.Code) {
			t.Fatalf("%v %v on %d", v.Evidence, v.Cause, status)
		}
		i := findCard(cardOrder(), r, signed)
		if i.Finding != refund.NoAnswer && signed == signatureWrong {
			t.Fatalf("%v under a wrong signature: %s", i.Finding, body)
		}
		if (i.Finding == refund.FoundSuccess || i.Finding == refund.FoundFailure) && !r.ok() {
			t.Fatalf("%v on %d: %s", i.Finding, status, body)
		}
	})
}

func FuzzSNAPAnswer(f *testing.F) {
	for _, body := range []string{
		snapSuccessBody, snapStatusBody, tokenSuccessBody, `{"responseCode":4010700}`, `{"responseCode":"4090701"}`, `<html>`, ``,
		`{"responseCode":"4000701","responseMessage":"Invalid X-SIGNATURE"}`, `{"responseCode":2000700.0,"additionalInfo":[]}`,
	} {
		for _, status := range []int{200, 202, 302, 400, 401, 404, 409, 429, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		r := respond(status, body)
		v := classifySNAP(snapOrder(), r)
		checkVerdict(t, v, status)
		if v.Class == Failed && status == http.StatusOK && !strings.HasPrefix(v.Response.Code, "200") && v.Response.RefundNo+v.Response.RefundTime != "" {
			t.Fatalf("a definite no beside a refund: %s", body)
		}
		if v.Class == Succeeded && status != http.StatusOK || v.Class == InProgress && status != http.StatusOK && status != http.StatusAccepted {
			t.Fatalf("%v on %d: %s", v.Class, status, body)
		}
		if v.Cause == Collision && status != http.StatusConflict {
			t.Fatalf("collision on %d: %s", status, body)
		}
		i, _ := findSNAP(snapOrder(), r)
		if i.Finding != refund.NoAnswer && status != http.StatusOK && (status != http.StatusNotFound || i.Finding != refund.NotFound) {
			t.Fatalf("%v on %d: %s", i.Finding, status, body)
		}
		if got, failed := readToken(r, time.Unix(0, 0)); failed == nil && (status != http.StatusOK || headerValue("token", got.value.Reveal()) != nil) {
			t.Fatalf("a token on %d: %s", status, body)
		}
	})
}

func checkVerdict(t *testing.T, v RefundOutcome, status int) {
	t.Helper()
	if v.Problem == "" || v.Response.HTTPStatus != status || int(v.Class) >= len(classNames) || int(v.Cause) >= len(causeNames) {
		t.Fatalf("%+v", v)
	}
	unknownOnly := v.Cause == Collision || v.Cause == Failing
	if v.Cause != Plain && !unknownOnly && v.Class != NotExecuted || unknownOnly && v.Class != Unknown {
		t.Fatalf("%v with %v", v.Class, v.Cause)
	}
	if v.Unlisted && (v.Cause != Failing || v.Response.Code == "") {
		t.Fatalf("unlisted, and %v/%v, code %q", v.Class, v.Cause, v.Response.Code)
	}
	if status >= 500 && v.Class == Unknown && v.Cause == Plain {
		t.Fatalf("%d does not count as failing", status)
	}
	if v.Class == NotExecuted && (v.Cause == Plain || v.Cause == NotWritten || v.Cause == TooLate) {
		t.Fatalf("DOKU answered, and the verdict is %v/%v", v.Class, v.Cause)
	}
	if status >= 300 && status < 400 && v.Class != Unknown {
		t.Fatalf("%v on a redirect", v.Class)
	}
}

// Two different requests never have the same string to sign, as long as their
// parts hold no line break, which check sees to.
func FuzzStringToSign(f *testing.F) {
	f.Add("MCH-1", "id", "2020-08-11T08:45:42Z", "/path", "digest=")
	f.Add("a:b", "c", "", "/", "")
	f.Fuzz(func(t *testing.T, client, id, stamp, target, digest string) {
		if strings.ContainsAny(client+id+stamp+target+digest, "\n") {
			return
		}
		text := cardText{client, id, stamp, target, digest}.request()
		var back cardText
		for i, line := range strings.Split(text, "\n") {
			name, value, ok := strings.Cut(line, ":")
			field := []*string{&back.clientID, &back.requestID, &back.timestamp, &back.target, &back.digest}[i]
			if !ok || name != []string{"Client-Id", "Request-Id", "Request-Timestamp", "Request-Target", "Digest"}[i] {
				t.Fatalf("line %d is %q", i, line)
			}
			*field = value
		}
		if (back != cardText{client, id, stamp, target, digest}) {
			t.Fatalf("%q reads back as %+v", text, back)
		}
	})
}

// A body is sent compactly, whatever stands in it.
func FuzzBodyIsMinified(f *testing.F) {
	f.Add("Request by Customer", int64(10000))
	f.Add(`<a & "b">`, int64(1))
	f.Fuzz(func(t *testing.T, reason string, amount int64) {
		o := snapOrder()
		o.Reason, o.Amount = reason, amount
		body, err := snapRefundBody(o)
		if err != nil {
			return // not utf-8
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, body); err != nil || !bytes.Equal(compact.Bytes(), body) {
			t.Fatalf("%q is not compact: %v", body, err)
		}
		var back struct{ Reason string }
		if err := json.Unmarshal(body, &back); err != nil || back.Reason != reason {
			t.Fatalf("%q reads back as %q, %v", reason, back.Reason, err)
		}
	})
}
