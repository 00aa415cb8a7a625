package jobs_test

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/secret"
)

// stdJob is a job as encoding/json reads it: another parser, to differ from.
type stdJob struct {
	RefundID          string            `json:"refund_id"`
	Channel           string            `json:"channel"`
	InvoiceNumber     string            `json:"invoice_number"`
	OriginalRequestID string            `json:"original_request_id"`
	Amount            json.Number       `json:"amount"`
	Currency          string            `json:"currency"`
	Reason            string            `json:"reason"`
	Customer          any               `json:"customer"`
	NotBefore         string            `json:"not_before"`
	Deadline          string            `json:"deadline"`
	Metadata          json.RawMessage   `json:"metadata"`
	pairs             map[string]string // Metadata, decoded
}

func FuzzDecode(f *testing.F) {
	for _, job := range [][]string{cardJob(), mandiriJob(), alloJob(), danaJob()} {
		f.Add(object(job))
	}
	for _, c := range ruleCases {
		f.Add(object(edit(c.job, c.change...)))
	}
	f.Add([]byte(`{"refund_id":"r","x":"\ud800","x":[1e999,{"a":{}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ch := range []channel.Channel{channel.CreditCard, channel.DirectDebitMandiri} {
			got := jobs.Decode(ch, body)
			checkOutcome(t, got)
			if got.Outcome != jobs.Unreadable && !json.Valid(body) {
				t.Fatalf("read what encoding/json calls invalid: %q", body)
			}
			if got.Outcome == jobs.Valid {
				checkAgainstStd(t, got.Job, body)
				checkRoundTrip(t, got.Job)
			}
		}
	})
}

// checkOutcome asserts what holds of every message.
func checkOutcome(t *testing.T, got jobs.Decoded) {
	t.Helper()
	switch got.Outcome {
	case jobs.Unreadable:
		if got.Err == nil || got.Job.RefundID != "" {
			t.Fatalf("unreadable: err %v, refund %q", got.Err, got.Job.RefundID)
		}
	case jobs.Invalid:
		if got.Err != nil || len(got.Problems.List) == 0 || !jobs.ValidRefundID(got.Job.RefundID) {
			t.Fatalf("broken: err %v, refund %q, %s", got.Err, got.Job.RefundID, got.Problems)
		}
		if strings.ContainsFunc(got.Problems.String(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("problems hold more than printable ASCII: %q", got.Problems)
		}
	case jobs.Valid:
		if got.Err != nil || len(got.Problems.List) != 0 || got.Job.Amount < 1 {
			t.Fatalf("sound: err %v, %s", got.Err, got.Problems)
		}
	}
}

func checkAgainstStd(t *testing.T, got jobs.Job, body []byte) {
	t.Helper()
	var want stdJob
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", body, err)
	}
	_ = json.Unmarshal(want.Metadata, &want.pairs) // "" is not metadata
	if len(want.pairs) == 0 {
		want.pairs = nil
	}
	if want.Currency == "" {
		want.Currency = "IDR"
	}
	customer, _ := want.Customer.(map[string]any)
	token, _ := customer["access_token"].(string)
	if got.Customer.AccessToken != (secret.Text{}) && got.Customer.AccessToken != secret.New(token) {
		t.Fatalf("another access token than in %q", body)
	}
	same := got.RefundID == want.RefundID && string(got.Channel) == want.Channel && got.InvoiceNumber == want.InvoiceNumber &&
		got.OriginalRequestID == want.OriginalRequestID && sameAmount(got.Amount, want.Amount) && got.Currency == want.Currency &&
		got.Reason == want.Reason && sameTime(got.NotBefore, want.NotBefore) && sameTime(got.Deadline, want.Deadline) &&
		reflect.DeepEqual(got.Metadata, want.pairs)
	if !same {
		t.Fatalf("%q\n got %+v\nwant %+v", body, got, want)
	}
}

// sameAmount compares as fractions do, without a float.
func sameAmount(got int64, want json.Number) bool {
	amount, ok := new(big.Rat).SetString(want.String())
	return ok && amount.Cmp(new(big.Rat).SetInt64(got)) == 0
}

func sameTime(got time.Time, want string) bool {
	if want == "" {
		return got.IsZero()
	}
	t, err := time.Parse(time.RFC3339, strings.ToUpper(want))
	return err == nil && got.Equal(t)
}

func checkRoundTrip(t *testing.T, job jobs.Job) {
	t.Helper()
	again := jobs.Decode(job.Channel, job.Encode())
	if again.Outcome != jobs.Valid || !reflect.DeepEqual(again.Job, job) {
		t.Fatalf("%+v became %+v: %s", job, again.Job, again.Problems)
	}
}
