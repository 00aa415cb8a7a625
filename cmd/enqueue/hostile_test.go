package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// hostile is what nobody wants on a terminal: escape sequences of C0 and C1,
// overrides of direction, a forged line.
const hostile = "\x1b]0;owned\x07\u009b31m\u202eevil\u2066\u2028x\x7f\r\nforged: line\t"

// harmless fails where text could do anything but be read.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); i >= 0 || !utf8.ValidString(text) {
		t.Errorf("%s: %q", what, text)
	}
	if strings.Contains(text, "\nforged") {
		t.Errorf("%s: a forged line in %q", what, text)
	}
}

func TestTextFromOutsideIsHarmlessInEveryFormatAndError(t *testing.T) {
	t.Parallel()
	s := setup(t)
	quoted := `"` + strings.ReplaceAll(hostile, `"`, `""`) + `"`
	var inJSON strings.Builder // as a producer may write it: escapes for C0 alone
	for _, r := range hostile {
		if r < ' ' {
			fmt.Fprintf(&inJSON, `\u%04x`, r)
		} else {
			inJSON.WriteRune(r)
		}
	}
	job := strings.ReplaceAll(`{"refund_id":"rf-1","channel":"X","invoice_number":"X","original_request_id":"X","amount":1,"reason":"X","X":"X","metadata":{"X":"X"}}`, "X", inJSON.String())
	file := write(t, "jobs.csv", "")
	for name, c := range map[string]struct {
		stdin string
		args  []string
	}{
		"ndjson":          {job + "\n" + strings.Replace(job, "rf-1", inJSON.String(), 1), []string{"-"}},
		"json":            {"[" + job + "]", []string{"--format=json", "-"}},
		"no json":         {hostile, []string{"--format=json", "-"}},
		"header":          {quoted + "," + hostile, []string{"--format=csv", "-"}},
		"cells":           {"refund_id,channel,invoice_number,amount,reason\n" + strings.Repeat(quoted+",", 4) + quoted + "\n", []string{"--format=csv", "-"}},
		"flags":           {"", []string{"--refund-id", hostile, "--channel", hostile, "--invoice-number", hostile, "--amount", hostile, "--reason", hostile, "--metadata", hostile + "=" + hostile}},
		"unknown flag":    {"", []string{"--" + hostile}},
		"values of flags": {"", []string{"--format", hostile, "--timeout", hostile, "--nats-inbox-prefix", hostile, "--nats-url", hostile, file}},
		"no such file":    {"", []string{filepath.Join(t.TempDir(), hostile)}},
		"two files":       {"", []string{file, hostile}},
	} {
		got := s.enqueue(c.stdin, c.args...)
		if got.status == exitOK {
			t.Errorf("%s: %+v", name, got)
		}
		harmless(t, name, got.stdout+got.stderr)
	}
}

func TestAResultThatIsPrintedIsHarmlessAndSaysTheSame(t *testing.T) {
	t.Parallel()
	s := setup(t)
	r := result("rf-1", refund.Failed)
	r.Message, r.Metadata = hostile, map[string]string{hostile: hostile}
	s.settle(r)
	got := s.enqueue("", cardFlags("rf-1", "--wait")...)
	harmless(t, "result", got.stdout)
	back, err := jobs.DecodeResult([]byte(got.stdout))
	if err != nil || back.Message != hostile || back.Metadata[hostile] != hostile || strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestWhatIsStoredAsAResultAndIsNoneIsHarmless(t *testing.T) {
	t.Parallel()
	s := setup(t)
	if _, err := s.js.Publish(t.Context(), "refunds.results.credit_card.succeeded.rf-1", []byte(hostile+"\xff")); err != nil {
		t.Fatal(err)
	}
	got := s.enqueue("", cardFlags("rf-1", "--wait")...)
	harmless(t, "no result", got.stdout+got.stderr)
	if got.status != exitSome || strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("%+v", got)
	}
}
