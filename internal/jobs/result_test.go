package jobs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// goldenResults: the contract's example, and one of each other kind.
func goldenResults() map[string]jobs.Result {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	card := jobs.Result{
		RefundID: "rf-20210118-0001", Channel: channel.CreditCard, Status: refund.Succeeded,
		InvoiceNumber: "INV-20210118-0001", OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c", Amount: 90000, Currency: "IDR",
		RefundType: "FULL_REFUND", Message: "Approved", ApprovalCode: "12321",
		RequestID: "6cc9f8b1-d83d-4c24-b853-a3223f43a744", Attempts: 1, Evidence: refund.ByResponse, Environment: "sandbox",
		EnqueuedAt: at, CompletedAt: at.Add(1234567 * time.Microsecond), Metadata: map[string]string{"order": "A-17", "empty": ""},
	}
	failed := card
	failed.Status, failed.Message, failed.ApprovalCode, failed.Metadata = refund.Failed, "", "", nil
	failed.Error = jobs.ResultError{
		Source: jobs.SourceDOKU, Code: "PAYMENT_FAILED", Message: "Total Refund amount is Bigger than Original Transaction",
		Type: "Payment Failed", HTTPStatus: 200,
	}
	return map[string]jobs.Result{
		"succeeded": card,
		"failed":    failed,
		"rejected": {
			RefundID: "rf-0003", Channel: channel.EmoneyDANA, Status: refund.Rejected, Environment: "production",
			Error:      jobs.ResultError{Source: jobs.SourceWorker, Code: refund.CodeInvalidJob.String(), Message: `"a<b>&": is no field of a job`},
			EnqueuedAt: at, CompletedAt: at,
		},
		"unresolved": {
			RefundID: "rf-0002", Channel: channel.DirectDebitMandiri, Status: refund.Unresolved, InvoiceNumber: "INV-0001",
			Amount: 10000, Currency: "IDR", PartnerRefundNo: "INV-REF-0001", RefundNo: "R1", ReferenceNo: "R2",
			RefundTime: "2024-01-01T09:09:00.123", RequestID: "100000000000000000000000000001", Attempts: 3, Environment: "simulator",
			Error:      jobs.ResultError{Source: jobs.SourceWorker, Code: refund.CodeOutcomeUnknown.String(), Message: "not learned before the deadline"},
			EnqueuedAt: at, CompletedAt: at.Add(24 * time.Hour),
		},
	}
}

func TestResultsAreByteForByteAsPublished(t *testing.T) {
	t.Parallel()
	for name, result := range goldenResults() {
		path := filepath.Join("testdata", "result", name+".json")
		if *update {
			if err := os.WriteFile(path, append(result.Encode(), '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(result.Encode()) != strings.TrimSuffix(string(want), "\n") {
			t.Errorf("%s: err %v\n got %s\nwant %s", name, err, result.Encode(), want)
		}
	}
}

func TestEveryMemberIsThereAndInOrder(t *testing.T) {
	t.Parallel()
	want := []string{
		"v", "refund_id", "channel", "status", "invoice_number", "original_request_id", "amount", "currency", "refund_type", "message",
		"approval_code", "partner_refund_no", "refund_no", "reference_no", "refund_time", "error", "request_id", "attempts", "evidence",
		"environment", "enqueued_at", "completed_at", "metadata",
	}
	for name, result := range goldenResults() {
		if got := names(t, result.Encode()); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	zero := string(jobs.Result{}.Encode())
	if !strings.Contains(zero, `"attempts":0`) || !strings.Contains(zero, `"metadata":{}`) || strings.Count(zero, ":null") != len(want)-3 {
		t.Errorf("zero result: %s", zero)
	}
}

// names returns the member names of the object in body, in their order.
func names(t *testing.T, body []byte) (names []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			t.Fatalf("at %v: %v", name, err)
		}
		names = append(names, name.(string))
	}
	return names
}

func TestEncodedResultDecodesToItself(t *testing.T) {
	t.Parallel()
	for name, result := range goldenResults() {
		got, err := jobs.DecodeResult(result.Encode())
		if err != nil || !reflect.DeepEqual(got, result) {
			t.Errorf("%s: err %v\n got %+v\nwant %+v", name, err, got, result)
		}
	}
}

func TestDecodeResultRefusesWhatIsNoResult(t *testing.T) {
	t.Parallel()
	sound := string(goldenResults()["failed"].Encode())
	for name, body := range map[string]string{
		"empty":               "",
		"array":               "[]",
		"trailing data":       sound + "{}",
		"another version":     strings.Replace(sound, `"v":1`, `"v":2`, 1),
		"missing member":      strings.Replace(sound, `"refund_no":null,`, "", 1),
		"missing version":     strings.Replace(sound, `"v":1,`, "", 1),
		"unknown member":      strings.Replace(sound, `"v":1`, `"v":1,"w":1`, 1),
		"repeated member":     strings.Replace(sound, `"v":1`, `"v":1,"v":1`, 1),
		"name in other case":  strings.Replace(sound, `"refund_no"`, `"Refund_No"`, 1),
		"amount as a string":  strings.Replace(sound, `90000`, `"90000"`, 1),
		"amount as a float":   strings.Replace(sound, `90000`, `90000.5`, 1),
		"unknown status":      strings.Replace(sound, `"status":"failed"`, `"status":"done"`, 1),
		"no status":           strings.Replace(sound, `"status":"failed"`, `"status":null`, 1),
		"unknown channel":     strings.Replace(sound, `"credit_card"`, `"debit_card"`, 1),
		"no refund_id":        strings.Replace(sound, `"rf-20210118-0001"`, `null`, 1),
		"time without a zone": strings.Replace(sound, `09:00:00Z`, `09:00:00`, 1),
		"error as a string":   sound[:strings.Index(sound, `"error":`)] + `"error":"no"` + sound[strings.Index(sound, `,"request_id"`):],
		"error lacks a code":  strings.Replace(sound, `"code":"PAYMENT_FAILED",`, "", 1),
		"metadata not text":   strings.Replace(sound, `"metadata":{}`, `"metadata":{"a":1}`, 1),
	} {
		if body == sound {
			t.Errorf("%s: nothing changed", name)
		}
		if got, err := jobs.DecodeResult([]byte(body)); !errors.Is(err, jobs.ErrBadResult) || !reflect.DeepEqual(got, jobs.Result{}) {
			t.Errorf("%s: err %v", name, err)
		}
	}
}

// DOKU's words are recorded whatever they are.
func TestIllFormedTextIsStillEncoded(t *testing.T) {
	t.Parallel()
	result := goldenResults()["succeeded"]
	result.Message = "Appr\xffoved\x00<b>\u2028"
	got, err := jobs.DecodeResult(result.Encode())
	if err != nil || got.Message != "Appr\ufffdoved\x00<b>\u2028" {
		t.Fatalf("%q, err %v", got.Message, err)
	}
}

func TestResultHeadersAreCloudEvents(t *testing.T) {
	t.Parallel()
	result := goldenResults()["succeeded"]
	got := result.Headers(jobs.EventSource("sandbox", "MCH-1/ä b"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	want := map[string][]string{
		"ce-specversion": {"1.0"},
		"ce-id":          {"rf-20210118-0001.succeeded"},
		"ce-type":        {"doku.refund.succeeded"},
		"ce-source":      {"/doku-refund-worker/sandbox/MCH-1%2F%C3%A4%20b"},
		"ce-time":        {"2026-11-21T09:00:01.234567Z"},
		"ce-subject":     {"rf-20210118-0001"},
		"Content-Type":   {"application/json"},
		"traceparent":    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}
	if !reflect.DeepEqual(map[string][]string(got), want) {
		t.Fatalf("%v", got)
	}
	if _, ok := result.Headers("/s", "")["traceparent"]; ok {
		t.Fatal("an empty traceparent")
	}
}
