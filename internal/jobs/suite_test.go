package jobs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// suite returns the 318 cases of JSONTestSuite by file name: y_ must be
// accepted, n_ refused, i_ is left to the parser.
func suite(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/JSONTestSuite/test_parsing/*.json")
	if err != nil || len(paths) != 318 {
		t.Fatalf("%d cases, err %v", len(paths), err)
	}
	cases := make(map[string][]byte, len(paths))
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cases[filepath.Base(path)] = body
	}
	return cases
}

// None of the cases names a refund, whatever else it is.
func TestNoCaseOfTheSuiteIsAJob(t *testing.T) {
	t.Parallel()
	for name, body := range suite(t) {
		got := jobs.Decode(channel.CreditCard, body)
		switch {
		case got.Outcome != jobs.Unreadable:
			t.Errorf("%s: outcome %d", name, got.Outcome)
		case strings.HasPrefix(name, "n_") && errors.Is(got.Err, jobs.ErrNoRefundID):
			t.Errorf("%s: taken for a JSON object", name)
		case strings.HasPrefix(name, "y_object") && !errors.Is(got.Err, jobs.ErrNoRefundID):
			t.Errorf("%s: %v", name, got.Err)
		}
	}
}

// Within a job that is sound otherwise, a value that is JSON leaves the refund
// readable, and one that is not does not.
func TestCaseOfTheSuiteAsAMemberIsBrokenIfItIsJSON(t *testing.T) {
	t.Parallel()
	for name, value := range suite(t) {
		for _, field := range []string{"other", "reason", "amount", "customer", "metadata"} {
			got := jobs.Decode(channel.CreditCard, object(edit(cardJob(), field, string(value)+"\n")))
			switch {
			case strings.HasPrefix(name, "n_") && got.Outcome != jobs.Unreadable:
				t.Errorf("%s as %s: outcome %d, %s", name, field, got.Outcome, got.Problems)
			case strings.HasPrefix(name, "y_") && (got.Outcome == jobs.Unreadable || got.Job.RefundID == ""):
				t.Errorf("%s as %s: %v", name, field, got.Err)
			case strings.HasPrefix(name, "y_") && field == "other" && got.Outcome != jobs.Invalid:
				t.Errorf("%s as %s: outcome %d", name, field, got.Outcome)
			}
		}
	}
}
