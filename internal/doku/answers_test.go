package doku

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

// sample is one line of testdata/answers.ndjson: an answer from documentation,
// an official client or a third party, and what must not be made of it.
type sample struct {
	Name    string
	Op      string // refund, inquiry or token
	Channel string
	Status  int
	Order   struct {
		Invoice, Original, Partner, RequestID string
		Amount                                int64
	}
	Sign string // right, wrong or absent; empty for SNAP
	Want string
	Bad  []string
	Body json.RawMessage
	Raw  string // the body, where it has a form that Body would not keep
}

func samples(t *testing.T) []sample {
	t.Helper()
	text, err := os.ReadFile("testdata/answers.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	for line := range bytes.Lines(text) {
		var s sample
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) != 126 {
		t.Fatalf("%d samples", len(all))
	}
	return all
}

func (s sample) body() []byte {
	if s.Raw != "" {
		return []byte(s.Raw)
	}
	return s.Body
}

func (s sample) order() Order {
	return Order{
		Channel: channel.Channel(s.Channel), InvoiceNumber: s.Order.Invoice, OriginalRequestID: s.Order.Original,
		Amount: s.Order.Amount, RequestID: s.Order.RequestID, ExternalID: "1", PartnerRefundNo: s.Order.Partner,
	}
}

const inquiryID = "11111111-2222-4333-8444-555555555555"

// answer is what came, signed as the sample says.
func (s sample) answer() Answer {
	a := Answer{Ending: EndWhole, Status: s.Status, Header: http.Header{"Content-Type": {"application/json"}}, Body: s.body(), At: time.Unix(5000, 0)}
	id, target, key := s.Order.RequestID, cardRefundPath, testKey
	if s.Op == "inquiry" {
		id, target = inquiryID, cardStatusPath+s.Order.RequestID
	}
	switch s.Sign {
	case "right":
	case "wrong":
		key = "another key"
	default:
		return a
	}
	a.Header.Set("Response-Timestamp", "2026-11-21T09:00:00Z")
	a.Header.Set("Signature", signed(key, id, target, a.Body, true))
	return a
}

// signed signs an answer as DOKU does, without a line of the code that checks
// it. An answer to a GET may be signed without its Digest line.
func signed(key, id, target string, body []byte, withDigest bool) string {
	text := "Client-Id:" + testClientID + "\nRequest-Id:" + id +
		"\nResponse-Timestamp:2026-11-21T09:00:00Z\nRequest-Target:" + target
	if withDigest {
		digest := sha256.Sum256(body)
		text += "\nDigest:" + base64.StdEncoding.EncodeToString(digest[:])
	}
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(mac, text)
	return "HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// classes is what the answer is taken for: its class, and with it the cause
// where that decides as well.
func (s sample) classes() []string {
	judge := NewClassifier(testClientID, secret.New(testKey))
	switch s.Op {
	case "refund":
		v := judge.Refund(s.order(), s.answer())
		return []string{v.Class.String(), v.Cause.String(), string(v.Evidence)}
	case "inquiry":
		i := judge.Inquiry(s.order(), inquiryID, s.answer())
		return []string{i.Finding.String(), i.Cause.String()}
	default:
		if _, failed := judge.Token(time.Unix(5000, 0), s.answer()); failed != nil {
			return []string{"error", failed.Cause.String()}
		}
		return []string{"token"}
	}
}

// wants reads what the samples want, where one class or two are named.
var wants = map[string][]string{
	"right: succeeded": {"succeeded"},
	"succeeded":        {"succeeded"}, "succeeded would be best": {"succeeded"}, "succeeded by replay": {"replay"},
	"succeeded or unknown": {"succeeded"}, // signed, and nothing in it is another's
	"failed":               {"failed"},
	"not executed":         {"not_executed"}, "not executed, credentials": {"credentials"},
	"not executed, credentials (checked before the signature)": {"credentials"},
	"not executed, credentials/clock":                          {"credentials"},
	"collision/unknown: the id was used before":                {"collision"}, "collision": {"collision"},
	"not executed or unknown":                {"unknown", "not_executed"},
	"not executed/unknown, never failed":     {"unknown", "not_executed"},
	"unknown":                                {"unknown"},
	"unknown: a timeout proves nothing":      {"unknown"},
	"unknown is safe":                        {"unknown"},
	"found_success":                          {"found_success"},
	"not_found":                              {"not_found", "not_found_no_history"},
	"not_found or no answer":                 {"not_found", "no_answer"},
	"not_found (repeat allowed same day)":    {"not_found_no_history"},
	"no answer":                              {"no_answer"},
	"no answer (or success)":                 {"no_answer", "found_success"},
	"no answer or success":                   {"no_answer", "found_success"},
	"success or no answer":                   {"no_answer", "found_success"},
	"token":                                  {"token"},
	"token or error":                         {"token"},
	"credentials":                            {"credentials"},
	"error":                                  {"error"},
	"failed (signed); unsigned 200: unknown": {"failed"}, // the one unsigned is refused by its code
}

// ofTheTable says what samples get that only point to the tables.
var ofTheTable = map[string]string{
	"glossary INVALID_PARAMETER": "unknown", "glossary in error object INVALID_PARAMETER": "failed",
	"glossary INVALID_TOKEN": "credentials", "glossary in error object INVALID_TOKEN": "credentials",
	"glossary MERCHANT_NOT_ACTIVE": "unknown", "glossary in error object MERCHANT_NOT_ACTIVE": "credentials",
	"glossary DUPLICATE_TRANSACTION": "collision", "glossary in error object DUPLICATE_TRANSACTION": "collision",
	"glossary VALIDATION_ERROR": "unknown", "glossary in error object VALIDATION_ERROR": "failed",
	"glossary TOO_MANY_REQUESTS": "throttled", "glossary in error object TOO_MANY_REQUESTS": "throttled",
	"glossary SERVER_ERROR": "failing", "glossary in error object SERVER_ERROR": "failing",
	"glossary MAINTENANCE_MODE": "failing", "glossary in error object MAINTENANCE_MODE": "unavailable",
	"SNAP 2020700": "in_progress", "SNAP 4000701": "failed", "SNAP 4000702": "failed", "SNAP 4005801": "failed",
	"SNAP 4010702": "customer_token", "SNAP 4010703": "credentials", "SNAP 4010704": "customer_token",
	"SNAP 4030700": "failed", "SNAP 4030702": "failed", "SNAP 4030703": "failed", "SNAP 4030704": "unavailable",
	"SNAP 4030705": "failed", "SNAP 4030715": "failed", "SNAP 4035815": "failed",
	"SNAP 4040701": "failed", "SNAP 4040718": "unknown", "SNAP 4045818": "unknown",
	"SNAP 4050700": "failed", "SNAP 4050701": "unavailable",
	"SNAP 4090700": "collision", "SNAP 4090701": "collision", "SNAP 4095801": "collision",
	"SNAP 4290700": "throttled",
	"SNAP 5000700": "failing", "SNAP 5000701": "failing", "SNAP 5000702": "failing", "SNAP 5005800": "failing", "SNAP 5040700": "failing",
}

// want is what the sample must get; one of these.
func (s sample) want(t *testing.T) []string {
	t.Helper()
	if s.Sign == "wrong" {
		return []string{"unknown", "no_answer"} // a wrong signature is never believed
	}
	if class, ok := ofTheTable[s.Name]; ok && (s.Want == "-" || s.Want == "table") {
		return []string{class}
	}
	want, ok := wants[s.Want]
	if !ok {
		t.Fatalf("%s: nobody knows what %q means", s.Name, s.Want)
	}
	return want
}

func TestEverySampleOfAnAnswerIsTakenForWhatItIs(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			got, want := s.classes(), s.want(t)
			for _, class := range got {
				if slices.Contains(s.Bad, class) {
					t.Errorf("%s with %d, signature %q: taken for %s", s.Op, s.Status, s.Sign, class)
				}
			}
			if !slices.ContainsFunc(got, func(class string) bool { return slices.Contains(want, class) }) {
				t.Errorf("%s with %d, signature %q: taken for %s, wanted %s", s.Op, s.Status, s.Sign, got, want)
			}
		})
	}
}

// Whatever an answer was given to: asked as an answer to something else, it
// proves nothing that it does not say. Tokens are not refunds, inquiries are no
// refunds, and refunds are not inquiries.
func TestNoSampleIsAProofOfAnotherKind(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		for _, op := range []string{"refund", "inquiry", "token"} {
			if op == s.Op {
				continue
			}
			other := s
			other.Op = op
			if other.Order.Amount == 0 {
				other.Order.Amount, other.Order.Invoice, other.Order.Partner = 10000, "INV-0001", "INV-REF-0001"
			}
			got := strings.Join(other.classes(), " ")
			for _, proof := range []string{"succeeded", "found_success", "found_failure"} {
				if strings.Contains(got, proof) {
					t.Errorf("%s, as an answer to a %s: %s", s.Name, op, got)
				}
			}
			if op == "token" && strings.HasPrefix(got, "token") {
				t.Errorf("%s: a token", s.Name)
			}
		}
	}
}
