package doku

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testClientID = "MCH-0001-10791114622547"
	testKey      = "SK-test-key-1"
	testToken    = "b2b-token-1"
)

func testPrivateKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("testdata/merchant-pkcs1.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := LoadPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newTestClient returns a client of the DOKU at url.
func newTestClient(t testing.TB, url string, changes ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		BaseURL: url, ClientID: testClientID, Secret: secret.New(testKey), PrivateKey: testPrivateKey(t),
		Timeout: 5 * time.Second, Slots: 4,
	}
	for _, change := range changes {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve starts an HTTP server for one test.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// cardOrder is DOKU's card document's own example.
func cardOrder() Order {
	return Order{
		Channel: channel.CreditCard, InvoiceNumber: "INV-20210118-0001",
		OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c", Amount: 90000,
		RequestID: "6cc9f8b1-d83d-4c24-b853-a3223f43a744", SendBy: time.Now().Add(10 * time.Second),
	}
}

// snapOrder is DOKU's direct debit document's own example.
func snapOrder() Order {
	return Order{
		Channel: channel.DirectDebitMandiri, InvoiceNumber: "INV-0001", OriginalRequestID: "REQ-0001", Amount: 10000,
		Reason: "Request by Customer", ExternalID: "418075533589", PartnerRefundNo: "INV-REF-0001",
		Customer: Customer{AccessToken: secret.New("customer-token-1")}, SendBy: time.Now().Add(10 * time.Second),
	}
}

const (
	cardSuccessBody = `{"order":{"invoice_number":"INV-20210118-0001"},` +
		`"payment":{"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c"},` +
		`"refund":{"amount":90000,"type":"FULL_REFUND","status":"SUCCESS","message":"Approved","approval_code":"12321"}}`
	snapSuccessBody = `{"responseCode":"2000700","responseMessage":"Successful",` +
		`"refundAmount":{"value":"10000.00","currency":"IDR"},"originalPartnerReferenceNo":"INV-0001",` +
		`"originalReferenceNo":"R1","refundNo":"R2","partnerRefundNo":"INV-REF-0001","refundTime":"2024-01-01T09:09:00.123"}`
	tokenSuccessBody = `{"responseCode":"2007300","accessToken":"` + testToken + `","tokenType":"Bearer","expiresIn":900}`
)

// answerSigned answers as DOKU does: signed over what the request said. It
// shares no code with what it is there to test.
func answerSigned(w http.ResponseWriter, r *http.Request, status int, body string) {
	const stamp = "2026-11-21T09:00:00Z"
	digest := sha256.Sum256([]byte(body))
	mac := hmac.New(sha256.New, []byte(testKey))
	_, _ = io.WriteString(mac, "Client-Id:"+r.Header.Get("Client-Id")+"\nRequest-Id:"+r.Header.Get("Request-Id")+
		"\nResponse-Timestamp:"+stamp+"\nRequest-Target:"+r.URL.Path+
		"\nDigest:"+base64.StdEncoding.EncodeToString(digest[:]))
	w.Header().Set("Response-Timestamp", stamp)
	w.Header().Set("Signature", "HMACSHA256="+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// snapServer gives out tokens and lets refund answer everything else.
func snapServer(t testing.TB, refund http.HandlerFunc) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			_, _ = io.WriteString(w, tokenSuccessBody)
			return
		}
		refund(w, r)
	})
}

// prepare has the token at hand.
func prepare(t testing.TB, c *Client) {
	t.Helper()
	if err := c.Prepare(t.Context(), channel.DirectDebitMandiri); err != nil {
		t.Fatal(err)
	}
}

// wantVerdict compares what a decision depends on.
func wantVerdict(t testing.TB, got RefundOutcome, class Class, cause Cause) {
	t.Helper()
	if got.Class != class || got.Cause != cause {
		t.Errorf("got %v/%v (%s), want %v/%v", got.Class, got.Cause, got.Problem, class, cause)
	}
	if got.Problem == "" {
		t.Error("a verdict must say why")
	}
	if (got.Class == Unknown || got.Cause == NotWritten || got.Cause == TooLate || got.Cause == NoToken || got.Cause == NoSocket) != (got.Evidence == "") {
		t.Errorf("%v/%v carries evidence %q", got.Class, got.Cause, got.Evidence)
	}
}

// respond makes a whole reply.
func respond(status int, body string) reply {
	return reply{status: status, header: http.Header{}, body: []byte(body), at: time.Unix(0, 0)}
}

// edit replaces the one place in body that says old.
func edit(t testing.TB, body, old, replacement string) string {
	t.Helper()
	if strings.Count(body, old) != 1 {
		t.Fatalf("%q stands %d times in %s", old, strings.Count(body, old), body)
	}
	return strings.Replace(body, old, replacement, 1)
}
