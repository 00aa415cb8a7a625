package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/jobs/stream"
)

var update = flag.Bool("update", false, "rewrite golden files")

// nowhere is an address where no server listens.
const nowhere = "nats://127.0.0.1:1"

func TestJobFromFlagsIsPublishedWithItsMessageID(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.enqueue("", cardFlags("rf-1", "--reason", "late", "--metadata", "order=A-17", "--metadata", "note=a=b;c,d", "--not-before", "2199-01-01T07:00:00+07:00")...).
		expect(t, exitOK, 1, 0, 0)
	stored := s.stored()
	if len(stored) != 1 || stored[0].Subject != "refunds.jobs.credit_card" {
		t.Fatalf("stored: %v", stored)
	}
	const want = `{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-1","original_request_id":"req-1","amount":90000,` +
		`"currency":"IDR","reason":"late","not_before":"2199-01-01T00:00:00Z","metadata":{"note":"a=b;c,d","order":"A-17"}}`
	if got := string(stored[0].Data); got != want {
		t.Errorf("stored %s", got)
	}
	if got := stored[0].Header.Get("Nats-Msg-Id"); got != stream.MessageID("rf-1", []byte(want)) {
		t.Errorf("Nats-Msg-Id is %s", got)
	}
}

func TestLinesAndElementsArePublishedByteForByte(t *testing.T) {
	t.Parallel()
	s := setup(t)
	odd := []string{
		`  { "amount":90000 , "refund_id" : "rf-1","channel":"credit_card","invoice_number":"INV-\u0031","original_request_id":"req-1" } `,
		`{"refund_id":"rf-2","channel":"emoney_ovo","invoice_number":"INV-2","amount":1,"reason":"té","currency":null}`,
	}
	s.enqueue(odd[0]+"\r\n\n"+odd[1], "-").expect(t, exitOK, 2, 0, 0)
	array := strings.ReplaceAll(strings.Join(odd, ",\n"), "rf-", "el-")
	s.enqueue("", write(t, "jobs.json", "[\n"+array+"\n]\n")).expect(t, exitOK, 2, 0, 0)
	stored := s.stored()
	want := []string{
		odd[0], odd[1],
		strings.TrimSpace(strings.ReplaceAll(odd[0], "rf-", "el-")), strings.ReplaceAll(odd[1], "rf-", "el-"),
	}
	if len(stored) != len(want) {
		t.Fatalf("%d are stored", len(stored))
	}
	for i, msg := range stored {
		if string(msg.Data) != want[i] {
			t.Errorf("%d: stored %q, want %q", i, msg.Data, want[i])
		}
	}
	if stored[1].Subject != "refunds.jobs.emoney_ovo" {
		t.Errorf("the second is on %s", stored[1].Subject)
	}
}

func TestRunningAgainFindsEverythingQueued(t *testing.T) {
	t.Parallel()
	s := setup(t)
	file := write(t, "jobs.ndjson", card("rf-1")+"\n"+card("rf-2")+"\n"+card("rf-1")+"\n")
	s.enqueue("", file).expect(t, exitOK, 2, 1, 0)
	s.enqueue("", file).expect(t, exitOK, 0, 3, 0)
	if got := len(s.stored()); got != 2 {
		t.Errorf("%d are stored", got)
	}
}

func TestABadLineStopsOnlyItself(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lines := []string{
		card("rf-1"),
		strings.Replace(card("rf-2"), "90000", `"90000"`, 1),
		"not JSON",
		strings.Replace(card("rf-4"), "INV-1", strings.Repeat("x", 20000), 1),
		strings.Replace(card("rf-5"), "credit_card", "cash", 1),
		strings.Replace(card("rf-6"), `"channel":"credit_card",`, "", 1),
		strings.Replace(card("rf 7"), "rf-7", "rf 7", 1),
		strings.Replace(card("rf-8"), "}", `,"reason":"card 4111 1111 1111 1111","colour":1}`, 1),
		strings.Replace(card("rf-9"), "INV-1", "INV-\xff", 1),
		card("rf-10"),
	}
	got := s.enqueue(strings.Join(lines, "\n"), "-")
	got.expect(t, exitSome, 2, 0, 8)
	got.says(t, "line 2 (rf-2)", "amount: must be an integer from 1")
	got.says(t, "line 3", "not one complete JSON object")
	got.says(t, "line 4", "larger than 16384 bytes")
	got.says(t, "line 5 (rf-5)", "channel: must be one of credit_card, direct_debit_mandiri")
	got.says(t, "line 6 (rf-6)", "channel: is required")
	got.says(t, "line 7", "refund_id")
	got.says(t, "line 8 (rf-8)", "reason: must hold no card number", `"colour": is no field of a job`)
	got.says(t, "line 9", "not valid UTF-8")
	if strings.Contains(got.stderr, "4111") {
		t.Errorf("a card number is printed: %s", got.stderr)
	}
	if stored := s.stored(); len(stored) != 2 || string(stored[1].Data) != lines[9] {
		t.Errorf("%d are stored", len(stored))
	}
}

func TestBadInputNeedsNoNATS(t *testing.T) {
	t.Parallel()
	got := enqueue(t.Context(), strings.NewReader(""), "--nats-url", nowhere, "--refund-id", "rf-1", "--channel", "credit_card")
	got.expect(t, exitSome, 0, 0, 1)
	got.says(t, "flags (rf-1)", "amount: is required", "invoice_number: is required")
	enqueue(t.Context(), strings.NewReader(""), "--nats-url", nowhere, "-").expect(t, exitOK, 0, 0, 0)
}

func TestDryRunChecksAndPublishesNothing(t *testing.T) {
	t.Parallel()
	got := enqueue(t.Context(), strings.NewReader(card("rf-1")+"\n"+card("rf-2")), "--nats-url", nowhere, "--dry-run", "-")
	got.expect(t, exitOK, 0, 0, 0)
	got.says(t, "dry run: jobs that keep every rule: 2")
	enqueue(t.Context(), strings.NewReader(card("rf-1")+"\n{}"), "--nats-url", nowhere, "--dry-run", "-").expect(t, exitSome, 0, 0, 1)
}

func TestUsageEndsWithStatusTwoAndALineEach(t *testing.T) {
	t.Parallel()
	json, odd := write(t, "jobs.json", "[]"), write(t, "jobs.txt", "")
	for name, c := range map[string]struct {
		args  []string
		lines []string
	}{
		"nothing":              {nil, []string{"FILE: give a file"}},
		"several":              {[]string{"--format", "xml", "--timeout", "soon", "--nats-url=", "-"}, []string{"NATS_URL", "--timeout", "--format"}},
		"both":                 {cardFlags("rf-1", json), []string{"exclude each other"}},
		"token for a file":     {[]string{"--customer-access-token", "hush-hush", json}, []string{"exclude each other"}},
		"no such file":         {[]string{json + "x"}, []string{"no such file"}},
		"a directory":          {[]string{filepath.Dir(json)}, []string{"is a directory"}},
		"unknown ending":       {[]string{odd}, []string{"give --format"}},
		"unknown flag":         {[]string{"--colour", "-"}, []string{"--colour"}},
		"two files":            {[]string{json, json}, []string{"unexpected argument"}},
		"no token file":        {cardFlags("rf-1", "--customer-access-token-file", json+"x"), []string{"CUSTOMER_ACCESS_TOKEN_FILE"}},
		"token twice":          {cardFlags("rf-1", "--customer-access-token-file", json, "--customer-access-token", "hush-hush"), []string{"given twice"}},
		"bad metadata":         {cardFlags("rf-1", "--metadata", "order"), []string{"KEY=VALUE"}},
		"format without input": {cardFlags("rf-1", "--format", "csv"), []string{"--format"}},
		"waiting for nothing":  {[]string{"--wait", "--dry-run", "-"}, []string{"--wait"}},
		"no time at all":       {[]string{"--wait", "--timeout", "0s", "-"}, []string{"--timeout"}},
	} {
		got := enqueue(t.Context(), strings.NewReader(""), c.args...)
		lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
		if got.status != exitUsage || got.stdout != "" || len(lines) != len(c.lines) || strings.Contains(got.stderr, "hush-hush") {
			t.Errorf("%s: status %d, %s%s", name, got.status, got.stdout, got.stderr)
			continue
		}
		for i, want := range c.lines {
			if !strings.Contains(lines[i], want) || !strings.HasPrefix(lines[i], "enqueue: ") {
				t.Errorf("%s: line %d is %s", name, i, lines[i])
			}
		}
	}
}

func TestFormatOverridesTheNameOfAFile(t *testing.T) {
	t.Parallel()
	file := write(t, "jobs.json", card("rf-1")+"\n"+card("rf-2"))
	got := enqueue(t.Context(), nil, "--dry-run", file)
	got.expect(t, exitSome, 0, 0, 1)
	got.says(t, "the job", "ndjson")
	enqueue(t.Context(), nil, "--dry-run", "--format", "ndjson", file).expect(t, exitOK, 0, 0, 0)
	enqueue(t.Context(), nil, "--dry-run", write(t, "JOBS.JSONL", card("rf-1"))).expect(t, exitOK, 0, 0, 0)
}

func TestCustomerTokenIsReadFromAFileAndPrintedNowhere(t *testing.T) {
	t.Parallel()
	s := setup(t)
	args := []string{
		"--refund-id", "rf-1", "--channel", "direct_debit_mandiri", "--invoice-number", "INV-1", "--amount", "1",
		"--customer-access-token-file",
	}
	s.enqueue("", append(args, write(t, "token", "hush-hush\n"))...).expect(t, exitOK, 1, 0, 0)
	if got := string(s.stored()[0].Data); !strings.Contains(got, `"customer":{"access_token":"hush-hush"}`) {
		t.Errorf("stored %s", got)
	}
	got := s.enqueue("", append(args, write(t, "token", "hush hush hush"))...)
	got.expect(t, exitSome, 0, 0, 1)
	got.says(t, "customer.access_token: must be printable ASCII without spaces")
	if strings.Contains(got.stderr, "hush") {
		t.Errorf("the token is printed: %s", got.stderr)
	}
}

// Not parallel: it changes the environment of the process.
func TestCustomerTokenInTheEnvironmentIsForAJobFromFlagsAlone(t *testing.T) {
	s := setup(t)
	t.Setenv("CUSTOMER_ACCESS_TOKEN", "hush-hush")
	s.enqueue(card("rf-1"), "-").expect(t, exitOK, 1, 0, 0)
	s.enqueue("", "--refund-id", "rf-2", "--channel", "emoney_ovo", "--invoice-number", "INV-1", "--amount", "1").expect(t, exitOK, 1, 0, 0)
	stored := s.stored()
	if string(stored[0].Data) != card("rf-1") || !strings.Contains(string(stored[1].Data), `{"access_token":"hush-hush"}`) {
		t.Errorf("stored %s and %s", stored[0].Data, stored[1].Data)
	}
}

func TestInterruptStopsCleanlyAndRunningAgainGoesOn(t *testing.T) {
	t.Parallel()
	s := setup(t)
	arrived, err := s.nc.SubscribeSync("refunds.jobs.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	read, typed := io.Pipe()
	ended := make(chan outcome, 1)
	go func() { ended <- enqueue(ctx, read, "--nats-url", s.nats.URL(), "-") }()
	input := ""
	for i := range 3 {
		line := card(fmt.Sprint("rf-", i)) + "\n"
		input += line
		if _, err := io.WriteString(typed, line); err != nil {
			t.Fatal(err)
		}
		if _, err := arrived.NextMsgWithContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	interrupt() // while it waits for the fourth line
	got := <-ended
	got.expect(t, exitSome, 3, 0, 0)
	got.says(t, "interrupted", "no refund is made twice")
	s.enqueue(input+card("rf-3"), "-").expect(t, exitOK, 1, 3, 0)
}

func TestTenThousandLinesArePublishedInOrder(t *testing.T) {
	t.Parallel()
	s := setup(t)
	const lines = 10_000
	var input strings.Builder
	for i := range lines {
		input.WriteString(card(fmt.Sprint("rf-", i)) + "\n")
	}
	s.enqueue(input.String(), "-").expect(t, exitOK, lines, 0, 0)
	stream, err := s.js.Stream(t.Context(), stream.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{1, 257, 5000, lines} {
		msg, err := stream.GetMsg(t.Context(), n)
		if err != nil || string(msg.Data) != card(fmt.Sprint("rf-", n-1)) {
			t.Errorf("message %d: %v", n, err)
		}
	}
}

func TestHelpIsGolden(t *testing.T) {
	t.Parallel()
	got := enqueue(t.Context(), nil, "--help")
	if got.status != exitOK || got.stderr != "" {
		t.Fatalf("status %d, %s", got.status, got.stderr)
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got.stdout != string(want) {
		t.Errorf("%v; -update rewrites %s; got:\n%s", err, golden, got.stdout)
	}
}

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	if got := enqueue(t.Context(), nil, "--version"); got.status != exitOK || got.stdout != "dev unknown\n" {
		t.Errorf("%+v", got)
	}
}
