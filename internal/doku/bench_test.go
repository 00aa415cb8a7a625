package doku

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/secret"
)

// BenchmarkRefund tells what a connection of its own costs a SNAP refund, over
// TLS as in production.
func BenchmarkRefund(b *testing.B) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case tokenPath:
			_, _ = io.WriteString(w, tokenSuccessBody)
		case snapRefundPath:
			_, _ = io.WriteString(w, snapSuccessBody)
		default:
			answerSigned(w, r, 200, cardSuccessBody)
		}
	}))
	b.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newTestClient(b, s.URL, func(c *Config) { c.RootCAs = roots })
	prepare(b, c)
	for name, o := range map[string]Order{"card over a shared connection": cardOrder(), "snap over its own": snapOrder()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				o.SendBy = time.Now().Add(10 * time.Second)
				if v := c.Refund(b.Context(), o); v.Class != Succeeded {
					b.Fatal(v.Problem)
				}
			}
		})
	}
}

// BenchmarkSign is the signature of one request.
func BenchmarkSign(b *testing.B) {
	sent := cardText{
		clientID: "BRN-0204-1720000000000", requestID: cardOrder().RequestID, timestamp: "2026-03-01T09:30:00Z",
		target: cardRefundPath, digest: cardDigest([]byte(cardSuccessBody)),
	}
	key, token, body := secret.New(testKey), secret.New(testToken), []byte(snapSuccessBody)
	for name, sign := range map[string]func(){
		"card": func() { cardSignature(key, sent.request()) },
		"snap": func() {
			snapSignature(key, snapText(http.MethodPost, snapRefundPath, token, body, "2026-03-01T09:30:00+07:00"))
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sign()
			}
		})
	}
}

// BenchmarkClassify is what is made of one answer.
func BenchmarkClassify(b *testing.B) {
	card, snap := respond(200, cardSuccessBody), respond(200, snapSuccessBody)
	for name, classify := range map[string]func() RefundOutcome{
		"card": func() RefundOutcome { return classifyCard(cardOrder(), card, signatureRight) },
		"snap": func() RefundOutcome { return classifySNAP(snapOrder(), snap) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := classify(); v.Class != Succeeded {
					b.Fatal(v.Problem)
				}
			}
		})
	}
}
