package doku

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

func TestOutcomesComeFromTheClosedSet(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	status := 200
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Observe.Request = func(operation, outcome string, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(Outcomes(), outcome) || took < 0 {
				t.Errorf("%s is no outcome, or took %v", outcome, took)
			}
			seen = append(seen, operation+" "+outcome)
		}
	})
	for _, status = range []int{200, 302, 401, 404, 429, 500} {
		c.Refund(t.Context(), cardOrder())
	}
	c.Inquire(t.Context(), cardOrder())
	_ = c.Prepare(t.Context(), channel.EmoneyOVO)
	broken := newTestClient(t, "http://127.0.0.1", func(f *Config) {
		f.Observe = c.cfg.Observe
		f.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }
	})
	broken.Refund(t.Context(), cardOrder())
	want := "[refund 2xx refund 3xx refund 401 refund 4xx refund 429 refund 5xx inquiry 5xx token_b2b 5xx refund not_sent]"
	if fmt.Sprint(seen) != want {
		t.Errorf("got %v, want %s", seen, want)
	}
}

func TestMismatchesAreCountedAndLogged(t *testing.T) {
	t.Parallel()
	s := snapServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, edit(t, snapSuccessBody, "INV-REF-0001", "another"))
	})
	var fields []string
	var log bytes.Buffer
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Observe.Mismatch = func(field string) { fields = append(fields, field) }
		c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	})
	prepare(t, c)
	wantVerdict(t, c.Refund(t.Context(), snapOrder()), Succeeded, Plain)
	if fmt.Sprint(fields) != "[partnerRefundNo]" || !strings.Contains(log.String(), `"field":"partnerRefundNo"`) {
		t.Errorf("counted %v, logged %s", fields, log.String())
	}
}

func TestTokenFailuresComeFromTheClosedSet(t *testing.T) {
	t.Parallel()
	for _, cause := range []Cause{Credentials, Throttled, NotWritten, Failing} {
		if kind := failureKinds[cause]; !slices.Contains(TokenFailures(), kind) {
			t.Errorf("%v is counted as %q", cause, kind)
		}
	}
}

// Everything secret is planted, and DOKU quotes all of it back, in texts and in
// answers that cannot be read. None of it may come out anywhere.
func TestNothingSecretComesOut(t *testing.T) {
	t.Parallel()
	planted := []string{"PLANTED-key-new", "PLANTED-key-old", "PLANTED-b2b", "PLANTED-customer", "PLANTED-device", "203.0.113.77"}
	quote := strings.Join(planted, " ")
	answers := []string{
		`{"responseCode":"2000700","responseMessage":"` + quote + `","refundNo":"` + quote + `","refundTime":"` + quote + `"}`,
		`{"responseCode":"4010702","responseMessage":"` + quote + `"}`,
		`{"responseCode":"` + quote + `"}`,
		`{"error":{"code":"` + quote + `","message":"` + quote + `","type":"` + quote + `"}}`,
		`{"responseCode":"2005500","latestTransactionStatus":"` + quote + `"}`,
		`{"responseCode":"2000700","refundAmount":{"value":"` + quote + `"}}`,
		`{"` + quote + `":1,"` + quote + `":2}`,
		`<html>` + quote,
	}
	for i, answer := range answers {
		for _, status := range []int{200, 400, 401, 404, 409} {
			t.Run(fmt.Sprintf("answer %d with %d", i, status), func(t *testing.T) {
				t.Parallel()
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == tokenPath {
						_, _ = io.WriteString(w, `{"responseCode":"2007300","accessToken":"PLANTED-b2b","expiresIn":900}`)
						return
					}
					w.Header().Set("X-Quote", quote)
					w.WriteHeader(status)
					_, _ = io.WriteString(w, answer)
				})
				out := exercise(t, s, planted)
				for _, value := range planted {
					if strings.Contains(out, value) {
						at := strings.Index(out, value)
						t.Errorf("%q came out: … %s", value, out[max(0, at-100):at+len(value)])
					}
				}
			})
		}
	}
}

// exercise makes every call and returns everything that can be seen of them.
func exercise(t *testing.T, s *httptest.Server, planted []string) string {
	t.Helper()
	var log bytes.Buffer
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Secret = secret.New(planted[0] + "\n" + planted[1] + "\n")
		c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Observe.Mismatch = func(field string) { fmt.Fprintln(&log, field) }
		c.Observe.TokenFailure = func(kind string) { fmt.Fprintln(&log, kind) }
	})
	o := snapOrder()
	o.Channel = channel.DirectDebitAllo
	o.InvoiceNumber, o.PartnerRefundNo = strings.Repeat("I", 32), strings.Repeat("P", 32)
	o.Customer = Customer{
		AccessToken: secret.New(planted[3]), DeviceID: secret.New(planted[4]), IPAddress: secret.New(planted[5]),
	}
	card := cardOrder()
	card.Customer = o.Customer
	everything := []any{
		c.Prepare(t.Context(), o.Channel), c.Refund(t.Context(), card), c.Inquire(t.Context(), card),
		c.Refund(t.Context(), o), c.Inquire(t.Context(), o), o, c,
	}
	out := log.String()
	for _, v := range everything {
		text, _ := json.Marshal(v)
		out += fmt.Sprintf("%v %+v %#v %s\n", v, v, v, text)
	}
	return out
}

func TestAnswersTextsAreCutForTheRecord(t *testing.T) {
	t.Parallel()
	said := cleaned(refund.Response{Message: strings.Repeat("é", 400)}, nil)
	if len(said.Message) > longestKept || !strings.HasPrefix(strings.Repeat("é", 400), said.Message) || len(said.Message) < longestKept-1 {
		t.Errorf("%d bytes: %s", len(said.Message), said.Message)
	}
}

func TestConnectionErrorsQuoteNothingOfTheAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "PLANTED-answer is no http\r\n\r\n")
		_ = conn.Close()
	})
	v := newTestClient(t, s.URL).Refund(t.Context(), cardOrder())
	wantVerdict(t, v, Unknown, Failing)
	if strings.Contains(v.Problem, "PLANTED") {
		t.Error(v.Problem)
	}
}
