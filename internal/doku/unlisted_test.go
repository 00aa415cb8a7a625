package doku

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

// words are codes of every kind: those of the tables, and others of their makes.
var codeWords = slices.Concat(
	credentialCodes, idempotencyCodes, throttleCodes, maintenanceCodes, definiteCodes, notFoundCodes,
	[]string{
		"", "payment_timeout", "route_not_found", "DUPLICATE_TRANSACTION", "SERVER_ERROR", "REFUND_NOT_ALLOWED", "FORBIDDEN", "0",
		"INVALID_PARAMETERS", "INVALID PARAMETER", "INVALID_PARAMETER ", "İNVALID_PARAMETER", "not_found\u0000", strings.Repeat("X", 1000),
	},
)

// A card refund without a refund object is failed at three statuses and by listed
// codes alone, and no code that stands nowhere is anything but unknown.
func TestNoOtherCardCodeIsADefiniteNo(t *testing.T) {
	t.Parallel()
	for status := 100; status < 600; status++ {
		for _, code := range codeWords {
			for _, s := range []signatureStatus{signatureAbsent, signatureRight, signatureWrong} {
				body := fmt.Sprintf(`{"error":{"code":%q,"type":"invalid_request_error"}}`, strings.ReplaceAll(code, "\u0000", " "))
				v := classifyCard(cardOrder(), respond(status, body), s)
				checkVerdict(t, v, status)
				isNo := slices.Contains([]int{400, 404, 422}, status) && listed(definiteCodes, code) && s != signatureWrong
				if (v.Class == Failed) != isNo || v.Class == Succeeded || v.Class == InProgress {
					t.Fatalf("%d %q, signature %d: %v (%s)", status, code, s, v.Class, v.Problem)
				}
				if v.Unlisted && (inCardTable(code) || code == "" || s == signatureWrong || v.Class != Unknown) {
					t.Fatalf("%d %q, signature %d: unlisted", status, code, s)
				}
				if status >= 400 && status != 401 && status != 409 && status != 429 && s != signatureWrong && code != "" && !inCardTable(code) && !v.Unlisted {
					t.Fatalf("%d %q, signature %d: nobody is told", status, code, s)
				}
			}
		}
	}
}

// An inquiry says "not found" by its codes and with 404 alone.
func TestNoOtherCardCodeIsNotFound(t *testing.T) {
	t.Parallel()
	for status := 100; status < 600; status++ {
		for _, code := range codeWords {
			i := findCard(cardOrder(), respond(status, fmt.Sprintf(`{"error":{"code":%q}}`, code)), signatureAbsent)
			if want := status == 404 && listed(notFoundCodes, code); (i.Finding == refund.NotFound) != want || !want && i.Finding != refund.NoAnswer {
				t.Fatalf("%d %q: %v", status, code, i.Finding)
			}
			if i.Finding == refund.NoAnswer && status >= 500 && i.Cause == Plain || i.Cause == Collision {
				t.Fatalf("%d %q: %v", status, code, i.Cause)
			}
		}
	}
}

// No code is believed against its status, but for a definite no inside a 200.
func TestNoSNAPCodeIsBelievedAgainstItsStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{100, 200, 201, 202, 204, 301, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503, 504} {
		for code := 200; code < 600; code += 1 + code%3 {
			for caseNo := range 21 {
				body := fmt.Sprintf(`{"responseCode":"%d07%02d"}`, code, caseNo)
				v := classifySNAP(snapOrder(), respond(status, body))
				if code == status {
					continue
				}
				checkVerdict(t, v, status)
				if v.Class != Unknown && (status != 200 || v.Class != Failed || v.Cause != Plain) {
					t.Fatalf("%s with %d: %v", body, status, v.Class)
				}
				if i, _ := findSNAP(snapOrder(), respond(status, body)); i.Finding != refund.NoAnswer {
					t.Fatalf("%s with %d: %v", body, status, i.Finding)
				}
			}
		}
	}
}

// told is what the client counts and logs of one answer to a refund, an inquiry
// and a request for a token each.
func told(t *testing.T, o Order, status int, body string, codes ...string) (counted []string, log string, v RefundOutcome) {
	t.Helper()
	s := snapServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	var text bytes.Buffer
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&text, nil))
		c.DefiniteCodes = codes
		c.Observe.UnlistedCode = func(operation string) { counted = append(counted, operation) }
	})
	prepare(t, c)
	o.SendBy = time.Now().Add(time.Minute)
	v = c.Refund(t.Context(), o)
	prepare(t, c)
	c.Inquire(t.Context(), o)
	return counted, text.String(), v
}

func TestUnlistedCodesAreCountedAndLogged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		order  Order
		status int
		body   string
		code   string // as logged; empty: nothing is counted
	}{
		{"card", cardOrder(), 400, `{"error":{"code":"REFUND_WINDOW_CLOSED"}}`, "REFUND_WINDOW_CLOSED"},
		{"card, time-out", cardOrder(), 408, `{"error":{"code":"payment_timeout"}}`, "payment_timeout"},
		{"card, with 500", cardOrder(), 500, `{"error":{"code":"SERVER_ERROR"}}`, "SERVER_ERROR"},
		{"card, hostile", cardOrder(), 422, `{"error":{"code":"A\u001b[2J\nB\u202e` + strings.Repeat("C", 200) + `"}}`, "A [2J B " + strings.Repeat("C", maxCode-8)},
		{"card, quoting our key", cardOrder(), 400, `{"error":{"code":"X` + testKey + `"}}`, "X[redacted]"},
		{"card, quoting the token", cardOrder(), 400, `{"error":{"code":"X` + testToken + `"}}`, "X[redacted]"},
		{"card, listed", cardOrder(), 400, `{"error":{"code":"invalid_parameter"}}`, ""},
		{"card, listed, elsewhere", cardOrder(), 403, `{"error":{"code":"MAINTENANCE_MODE"}}`, ""},
		{"card, page", cardOrder(), 502, `<html>`, ""},
		{"snap", snapOrder(), 400, `{"responseCode":"4000777"}`, "4000777"},
		{"snap, six digits", snapOrder(), 500, `{"responseCode":"500700"}`, "500700"},
		{"snap, inside 200", snapOrder(), 200, `{"responseCode":"4220700"}`, "4220700"},
		{"snap, listed", snapOrder(), 404, `{"responseCode":"4040718"}`, ""},
		{"snap, done already", snapOrder(), 400, `{"responseCode":"4000703"}`, ""},
		{"snap, server's", snapOrder(), 504, `{"responseCode":"5040700"}`, ""},
		{"snap, no code", snapOrder(), 400, `{}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			counted, log, v := told(t, tt.order, tt.status, tt.body)
			if tt.code == "" {
				if counted != nil || strings.Contains(log, "no table lists") {
					t.Errorf("counted %v, logged %s", counted, log)
				}
				return
			}
			wantVerdict(t, v, Unknown, Failing)
			if fmt.Sprint(counted) != "[refund inquiry]" || strings.Count(log, `"code":"`+tt.code+`"`) != 2 || strings.Count(log, "\n") != 2 {
				t.Errorf("counted %v, logged %s", counted, log)
			}
		})
	}
}

func TestUnlistedCodeOfATokenIsCounted(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"responseCode":"4047316"}`)
	})
	var counted []string
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Observe.UnlistedCode = func(operation string) { counted = append(counted, operation) }
	})
	var failed *PrepareError
	if err := c.Prepare(t.Context(), channel.EmoneyOVO); !errors.As(err, &failed) || failed.Cause != Failing || !failed.Unlisted {
		t.Errorf("got %v", err)
	}
	if fmt.Sprint(counted) != "[token_b2b]" {
		t.Errorf("counted %v", counted)
	}
}

func TestDefiniteCodesOfTheSettingsAreANoAtThreeStatuses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 202, 400, 401, 403, 404, 405, 408, 409, 422, 429, 500, 503} {
		counted, _, v := told(t, cardOrder(), status, `{"error":{"code":"Refund_Window_Closed"}}`, "REFUND_WINDOW_CLOSED")
		isNo := status == 400 || status == 404 || status == 422
		if (v.Class == Failed) != isNo || counted != nil {
			t.Errorf("%d: %v, counted %v", status, v.Class, counted)
		}
	}
	_, _, v := told(t, cardOrder(), 400, `{"error":{"code":"OTHER"}}`, "REFUND_WINDOW_CLOSED")
	wantVerdict(t, v, Unknown, Failing)
}

func TestCodesThatSayNoDefiniteNoAreRefusedAsSettings(t *testing.T) {
	t.Parallel()
	for _, code := range slices.Concat(credentialCodes, idempotencyCodes, throttleCodes, maintenanceCodes, []string{
		"INVALID_SIGNATURE", "Payment_Timeout", "TIME_OUT", "gateway-time-out", "TIMED_OUT", "REFUND_PENDING", "IN_PROGRESS", "IN_PROCESS", "PROCESSING",
		"DUPLICATE_TRANSACTION", "DUPLICATED", "DUPLICATION", "ALREADY_REFUNDED", "IDEMPOTENCY_ERROR", "idempotent.key",
		"", " ", "A B", "A,B", "Ä", "A\nB", strings.Repeat("A", maxCode+1),
	}) {
		if err := CheckDefiniteCode(code); err == nil {
			t.Errorf("%q is accepted", code)
		} else if strings.ContainsAny(err.Error(), "\n") || len(err.Error()) > 200 {
			t.Errorf("%q: %v", code, err)
		}
	}
	for _, code := range slices.Concat(definiteCodes, []string{"NOT_FOUND", "REFUND_NOT_ALLOWED", "card.expired", "E-102", strings.Repeat("A", maxCode)}) {
		if err := CheckDefiniteCode(code); err != nil {
			t.Errorf("%q: %v", code, err)
		}
	}
	cfg := Config{BaseURL: "https://api.doku.com", ClientID: "a", Secret: secret.New("b"), Timeout: 1, Slots: 1, DefiniteCodes: []string{"OK", "PENDING", "a b"}}
	if err := cfg.Validate(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "PENDING") || !strings.Contains(err.Error(), `"a b"`) || strings.Contains(err.Error(), "OK") {
		t.Errorf("got %v", err)
	}
}
