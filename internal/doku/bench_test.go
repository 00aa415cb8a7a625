package doku

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
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
