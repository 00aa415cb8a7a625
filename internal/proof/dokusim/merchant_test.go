package dokusim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testClient = "MCH-0001"
	testSecret = "SK-simulator"
	cardPath   = "/cancellation/credit-card/refund"
	snapPath   = "/direct-debit/core/v1/debit/refund"
	statusPath = "/orders/v1.0/debit/status"
	b2bPath    = "/authorization/v1/access-token/b2b"
)

// testKey is made once: RSA keys are slow to make.
var testKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

// clock is a time that tests move by hand.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// merchant talks to a simulator over TCP. It signs by itself, so that the
// simulator's own signing is not tested against itself.
type merchant struct {
	t     *testing.T
	sim   *Server
	clock *clock
	url   string
	http  *http.Client
	token string
	ids   atomic.Int64
}

// setup starts a simulator at 2026-11-21 16:00 in Jakarta.
func setup(t *testing.T, change ...func(*Config)) *merchant {
	t.Helper()
	c := &clock{}
	c.nanos.Store(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC).UnixNano())
	cfg := Config{ClientID: testClient, SecretKey: testSecret, MerchantKey: &testKey.PublicKey, Now: c.now, Seed: 1}
	for _, f := range change {
		f(&cfg)
	}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(sim.Handler())
	web.Listener = sim.Count(web.Listener)
	web.Start()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		client.CloseIdleConnections()
		web.Close()
	})
	return &merchant{t: t, sim: sim, clock: c, url: web.URL, http: client}
}

func with(quirks ...Quirk) func(*Config) { return func(c *Config) { c.Quirks = quirks } }

// reply is an answer; err stands for one that did not come whole.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// code is the responseCode, or the code of the error object.
func (r reply) code() string {
	var v struct {
		ResponseCode string
		Error        struct{ Code string }
	}
	_ = json.Unmarshal([]byte(r.body), &v)
	return v.ResponseCode + v.Error.Code
}

func (m *merchant) do(ctx context.Context, method, path, body string, header map[string]string) reply {
	q, err := http.NewRequestWithContext(ctx, method, m.url+path, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	q.GetBody = nil // net/http must not repeat what a reset cut off
	for name, value := range header {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	got, err := m.http.Do(q)
	if err != nil {
		return reply{err: err}
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return reply{got.StatusCode, got.Header, string(text), err}
}

func (m *merchant) nextID() string { return strconv.FormatInt(1000+m.ids.Add(1), 10) }

func cardBodyText(invoice, original string, amount int64) string {
	return fmt.Sprintf(`{"order":{"invoice_number":%q},"payment":{"original_request_id":%q},"refund":{"amount":%d}}`, invoice, original, amount)
}

func testHMAC256(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// cardHeader signs; a GET has an empty body.
func (m *merchant) cardHeader(id, path, body string) map[string]string {
	when := m.clock.now().Format("2006-01-02T15:04:05Z")
	text := "Client-Id:" + testClient + "\nRequest-Id:" + id + "\nRequest-Timestamp:" + when + "\nRequest-Target:" + path
	if body != "" {
		sum := sha256.Sum256([]byte(body))
		text += "\nDigest:" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return map[string]string{"Client-Id": testClient, "Request-Id": id, "Request-Timestamp": when, "Signature": "HMACSHA256=" + testHMAC256(testSecret, text)}
}

func (m *merchant) card(id, body string) reply { return m.cardIn(m.t.Context(), id, body) }

func (m *merchant) cardIn(ctx context.Context, id, body string) reply {
	return m.do(ctx, http.MethodPost, cardPath, body, m.cardHeader(id, cardPath, body))
}

func (m *merchant) cardInquiry(id string) reply {
	path := "/orders/v1/status/" + id
	return m.do(m.t.Context(), http.MethodGet, path, "", m.cardHeader("inquiry-"+m.nextID(), path, ""))
}

// signedByDOKU checks the response signature of a card answer.
func (m *merchant) signedByDOKU(r reply, path string) bool {
	return r.header.Get("Signature") == m.signatureOver(r, path, r.body)
}

// signatureOver is the signature over body; empty: without a Digest line.
func (m *merchant) signatureOver(r reply, path, body string) string {
	text := "Client-Id:" + r.header.Get("Client-Id") + "\nRequest-Id:" + r.header.Get("Request-Id") + "\nResponse-Timestamp:" +
		r.header.Get("Response-Timestamp") + "\nRequest-Target:" + path
	if body != "" {
		sum := sha256.Sum256([]byte(body))
		text += "\nDigest:" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return "HMACSHA256=" + testHMAC256(testSecret, text)
}

func (m *merchant) tokenHeader() map[string]string {
	when := m.clock.now().Format(time.RFC3339)
	sum := sha256.Sum256([]byte(testClient + "|" + when))
	sig, err := rsa.SignPKCS1v15(rand.Reader, testKey, crypto.SHA256, sum[:])
	if err != nil {
		m.t.Fatal(err)
	}
	return map[string]string{"X-CLIENT-KEY": testClient, "X-TIMESTAMP": when, "X-SIGNATURE": base64.StdEncoding.EncodeToString(sig)}
}

func (m *merchant) bearer() string {
	if m.token == "" {
		r := m.do(m.t.Context(), http.MethodPost, b2bPath, `{"grantType":"client_credentials"}`, m.tokenHeader())
		var v struct{ AccessToken string }
		if err := json.Unmarshal([]byte(r.body), &v); err != nil || r.code() != "2007300" {
			m.t.Fatalf("token: %+v", r)
		}
		m.token = v.AccessToken
	}
	return m.token
}

// tokensLive makes every token good again, as if it were new.
func (m *merchant) tokensLive() {
	m.sim.tokens.mu.Lock()
	defer m.sim.tokens.mu.Unlock()
	for token := range m.sim.tokens.b2b {
		m.sim.tokens.b2b[token] = m.clock.now().Add(time.Minute)
	}
}

// snapHeader signs and carries all that any channel wants.
func (m *merchant) snapHeader(path, body, external string) map[string]string {
	when, token := m.clock.now().Format(time.RFC3339), m.bearer()
	var small bytes.Buffer
	if json.Compact(&small, []byte(body)) != nil {
		small.Reset()
		small.WriteString(body)
	}
	sum := sha256.Sum256(small.Bytes())
	mac := hmac.New(sha512.New, []byte(testSecret))
	mac.Write([]byte("POST:" + path + ":" + token + ":" + hex.EncodeToString(sum[:]) + ":" + when))
	return map[string]string{
		"X-TIMESTAMP": when, "X-SIGNATURE": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "X-PARTNER-ID": testClient,
		"X-EXTERNAL-ID": external, "Authorization": "Bearer " + token, "Authorization-customer": "Bearer customer-1",
		"X-IP-ADDRESS": "10.20.30.40", "X-DEVICE-ID": "device-1",
	}
}

func snapBodyText(channel, invoice, refundNo string, amount int64) string {
	return fmt.Sprintf(`{"originalPartnerReferenceNo":%q,"refundAmount":{"value":"%d.00","currency":"IDR"},"partnerRefundNo":%q,"additionalInfo":{"channel":%q}}`,
		invoice, amount, refundNo, channel)
}

func (m *merchant) snap(external, body string) reply {
	return m.do(m.t.Context(), http.MethodPost, snapPath, body, m.snapHeader(snapPath, body, external))
}

func (m *merchant) snapInquiry(channel, invoice string) reply {
	body := fmt.Sprintf(`{"originalPartnerReferenceNo":%q,"serviceCode":"55","merchantId":%q,"additionalInfo":{"channel":%q}}`, invoice, testClient, channel)
	return m.do(m.t.Context(), http.MethodPost, statusPath, body, m.snapHeader(statusPath, body, m.nextID()))
}

// want checks status and code of a reply.
func (m *merchant) want(r reply, status int, code string) {
	m.t.Helper()
	if r.err != nil || r.status != status || r.code() != code {
		m.t.Fatalf("want %d %q, got %d %q: %s %v", status, code, r.status, r.code(), r.body, r.err)
	}
}

// moved checks the whole book's movements and their sum.
func (m *merchant) moved(movements int, amount int64) {
	m.t.Helper()
	if got := m.sim.Book().Total; got != (Sum{movements, amount}) {
		m.t.Fatalf("want %d movements of %d rupiah, got %+v", movements, amount, got)
	}
}

func (m *merchant) pay(p Payment) {
	m.t.Helper()
	if err := m.sim.AddPayment(p); err != nil {
		m.t.Fatal(err)
	}
}

func (m *merchant) script(match Match, faults ...Fault) {
	m.t.Helper()
	if err := m.sim.Script(match, faults...); err != nil {
		m.t.Fatal(err)
	}
}
