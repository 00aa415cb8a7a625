package doku

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

// signedAnswer is an answer with this signature.
func signedAnswer(body, signature string) Answer {
	return Answer{
		Ending: EndWhole, Status: http.StatusOK, Body: []byte(body),
		Header: http.Header{"Response-Timestamp": {"2026-11-21T09:00:00Z"}, "Signature": {signature}},
	}
}

// DOKU's page speaks of the Digest for POST alone: the answer to an inquiry is
// signed with it or without.
func TestAnswerToAnInquiryIsSignedWithOrWithoutDigest(t *testing.T) {
	t.Parallel()
	judge := NewClassifier(testClientID, secret.New("newer\n"+testKey))
	target := cardStatusPath + cardOrder().RequestID
	for _, withDigest := range []bool{true, false} {
		good := signed(testKey, inquiryID, target, []byte(cardStatusBody), withDigest)
		for signature, want := range map[string]refund.Finding{
			good:                         refund.FoundSuccess,
			strings.TrimRight(good, "="): refund.FoundSuccess,
			good + "=":                   refund.NoAnswer,
			strings.ToLower(good):        refund.NoAnswer,
			good[:len(good)-3]:           refund.NoAnswer,
			"":                           refund.FoundSuccess, // unsigned: TLS vouches for it
			signed("another", inquiryID, target, []byte(cardStatusBody), withDigest):       refund.NoAnswer,
			signed(testKey, "another", target, []byte(cardStatusBody), withDigest):         refund.NoAnswer,
			signed(testKey, inquiryID, cardStatusPath, []byte(cardStatusBody), withDigest): refund.NoAnswer,
		} {
			if i := judge.Inquiry(cardOrder(), inquiryID, signedAnswer(cardStatusBody, signature)); i.Finding != want {
				t.Errorf("digest %v, %s: %v (%s)", withDigest, signature, i.Finding, i.Problem)
			}
		}
		// A digest that is signed is one of this body.
		other := edit(t, cardStatusBody, "REFUNDED", "FAILED")
		i := judge.Inquiry(cardOrder(), inquiryID, signedAnswer(other, good))
		if want := map[bool]refund.Finding{true: refund.NoAnswer, false: refund.FoundFailure}[withDigest]; i.Finding != want {
			t.Errorf("digest %v, another body: %v", withDigest, i.Finding)
		}
	}
}

// The answer to a refund is believed for the body that was signed: without its
// digest, any body would do.
func TestAnswerToARefundIsSignedWithDigest(t *testing.T) {
	t.Parallel()
	judge := NewClassifier(testClientID, secret.New(testKey))
	id, body := cardOrder().RequestID, []byte(cardSuccessBody)
	good := signed(testKey, id, cardRefundPath, body, true)
	for signature, want := range map[string]RefundOutcome{
		good:                         {Class: Succeeded},
		strings.TrimRight(good, "="): {Class: Succeeded},
		signed(testKey, id, cardRefundPath, body, false): {Class: Unknown, Cause: Failing},
		"HMACSHA256=": {Class: Unknown, Cause: Failing},
		"":            {Class: Unknown},
	} {
		v := judge.Refund(cardOrder(), signedAnswer(cardSuccessBody, signature))
		wantVerdict(t, v, want.Class, want.Cause)
	}
	marked := "\uFEFF" + cardSuccessBody // the digest is of the bytes on the wire
	v := judge.Refund(cardOrder(), signedAnswer(marked, signed(testKey, id, cardRefundPath, []byte(marked), true)))
	wantVerdict(t, v, Succeeded, Plain)
}

// Over HTTP as well: an inquiry whose answer is signed as DOKU's page says.
func TestInquiryBelievesASignatureWithoutDigest(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Response-Timestamp", "2026-11-21T09:00:00Z")
		signature := signed(testKey, r.Header.Get("Request-Id"), r.URL.Path, nil, false)
		w.Header().Set("Signature", strings.TrimRight(signature, "="))
		_, _ = io.WriteString(w, cardStatusBody)
	})
	if i := newTestClient(t, s.URL).Inquire(t.Context(), cardOrder()); i.Finding != refund.FoundSuccess {
		t.Errorf("got %v (%s)", i.Finding, i.Problem)
	}
}
