package doku

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/refund"
)

func TestCardInquiryHasNoBodyAndAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 2)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		answerSigned(w, r, 200, cardStatusBody)
	})
	at := time.Date(2020, 8, 12, 9, 45, 42, 0, time.UTC)
	c := newTestClient(t, s.URL, func(c *Config) { c.Now = func() time.Time { return at } })
	o := cardOrder()
	for range 2 {
		if i := c.Inquire(t.Context(), o); i.Finding != refund.FoundSuccess {
			t.Fatalf("got %+v", i)
		}
	}
	first, second := <-seen, <-seen
	if first.Method+" "+first.RequestURI != "GET /orders/v1/status/"+o.RequestID || first.ContentLength != 0 ||
		first.Header.Get("Digest") != "" || first.Header.Get("Content-Type") != "" {
		t.Errorf("%s %s, %d bytes, %v", first.Method, first.RequestURI, first.ContentLength, first.Header)
	}
	a, b := first.Header.Get("Request-Id"), second.Header.Get("Request-Id")
	if a == b || a == o.RequestID || len(a) != 36 {
		t.Errorf("ids %s and %s", a, b)
	}
}

// With a fixed source of chance and a fixed clock, the request is the one that
// openssl signed for TestCardInquirySignatureMatchesOpenSSL.
func TestCardInquiryIsSignedWithoutDigest(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { got <- r.Header; w.WriteHeader(http.StatusNotFound) })
	id := []byte{0x8c, 0x3b, 0x62, 0xf0, 0x7a, 0x1d, 0x4a, 0x79, 0x9f, 0x0b, 0x1a, 0x64, 0xf6, 0xa1, 0xc0, 0x01}
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Now = func() time.Time { return time.Date(2020, 8, 12, 9, 45, 42, 0, time.UTC) }
		c.Rand = strings.NewReader(string(id))
	})
	c.Inquire(t.Context(), cardOrder())
	h := <-got
	if h.Get("Signature") != "HMACSHA256=WPumGBZ/FgCd7/OENPPt+c92j/rkoiKUkKjui6hReGQ=" {
		t.Errorf("%s signed as %s", h.Get("Request-Id"), h.Get("Signature"))
	}
}

func TestSNAPInquirySendsOnlyWhatIsAgreed(t *testing.T) {
	t.Parallel()
	type seen struct {
		line, body string
		header     http.Header
	}
	got := make(chan seen, 1)
	s := snapServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Method + " " + r.RequestURI, string(body), r.Header}
		_, _ = io.WriteString(w, snapStatusBody)
	})
	o := snapOrder()
	o.SendBy = time.Time{} // an inquiry is never too late
	if i := newTestClient(t, s.URL).Inquire(t.Context(), o); i.Finding != refund.FoundSuccess {
		t.Fatalf("got %+v", i)
	}
	r := <-got
	want := `{"originalPartnerReferenceNo":"INV-0001","originalExternalId":"REQ-0001","serviceCode":"55",` +
		`"merchantId":"` + testClientID + `","additionalInfo":{"channel":"DIRECT_DEBIT_MANDIRI_SNAP"}}`
	if r.line != "POST /orders/v1.0/debit/status" || r.body != want {
		t.Errorf("%s %s", r.line, r.body)
	}
	if r.header.Get("Authorization-Customer") != "" || r.header.Get("Authorization") != "Bearer "+testToken {
		t.Errorf("headers %v", r.header)
	}
	if id := r.header.Get("X-External-Id"); !allDigits(id) || len(id) > 32 || id[0] != '2' {
		t.Errorf("external id %s", id)
	}
}

func TestInquiryWithoutTokenTellsWhy(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	i := newTestClient(t, s.URL).Inquire(t.Context(), snapOrder())
	if i.Finding != refund.NoAnswer || i.Cause != Throttled || i.RetryAfter != 9*time.Second {
		t.Errorf("got %+v", i)
	}
}

func TestRefusedTokenIsDroppedByAnInquiryToo(t *testing.T) {
	t.Parallel()
	s := snapServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	c := newTestClient(t, s.URL)
	if i := c.Inquire(t.Context(), snapOrder()); i.Cause != Credentials {
		t.Errorf("got %+v", i)
	}
	if _, ok := c.tokens.usable(); ok {
		t.Error("the token is still at hand")
	}
}

func TestInquiryIDsNeverMeetRefundIDs(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, "http://127.0.0.1", func(c *Config) { c.Rand = zeros{} })
	id, err := c.inquiryID()
	if err != nil || id != "2"+strings.Repeat("0", 29) {
		t.Errorf("got %s, %v", id, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
