package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"
)

const sheet = "refund_id;channel;invoice_number;original_request_id;amount;reason;;\n" +
	"rf-1;credit_card;INV-1;req-1;90000;late;;\n" +
	"rf-2;credit_card;INV-1;req-1;90000.00\n" + // the empty cells at the end are left out
	";;;;;;;\n"

// utf16Text is text as Excel writes "Unicode text".
func utf16Text(text string) string {
	out := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

func TestFilesOfSpreadsheetsArePublishedWhateverTheirForm(t *testing.T) {
	t.Parallel()
	s := setup(t)
	n := 0
	for name, text := range map[string]string{
		"semicolons": sheet,
		"commas":     strings.ReplaceAll(sheet, ";", ","),
		"tabs":       strings.ReplaceAll(sheet, ";", "\t"),
		"sep":        "sep=;\r\n" + strings.ReplaceAll(sheet, "\n", "\r\n"),
		"CR":         "\xef\xbb\xbf" + strings.ReplaceAll(sheet, "\n", "\r"),
		"UTF-16":     utf16Text(strings.ReplaceAll(strings.ReplaceAll(sheet, ";", "\t"), "\n", "\r\n")),
	} {
		n++
		text = strings.ReplaceAll(text, "rf-", fmt.Sprint("rf", n, "-"))
		if strings.HasPrefix(text, "\xff\xfe") {
			text = utf16Text(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(sheet, ";", "\t"), "\n", "\r\n"), "rf-", fmt.Sprint("rf", n, "-")))
		}
		if got := s.enqueue("", write(t, "jobs.csv", text)); got.status != exitOK || got.last() != "published 2, already queued 0, rejected 0" {
			t.Errorf("%s: %+v", name, got)
		}
		if got := s.enqueue(text, "--format", "csv", "-"); got.status != exitOK || got.last() != "published 0, already queued 2, rejected 0" {
			t.Errorf("%s, from a pipe: %+v", name, got)
		}
	}
	for _, msg := range s.stored() {
		if !strings.Contains(string(msg.Data), `"amount":90000,`) {
			t.Errorf("stored %s", msg.Data)
		}
	}
}

func TestJSONIsReadFromUTF16AsWell(t *testing.T) {
	t.Parallel()
	for file, text := range map[string]string{
		"jobs.ndjson": card("rf-1") + "\r\n" + card("rf-2") + "\r\n", "jobs.json": "[" + card("rf-1") + "," + card("rf-2") + "]",
	} {
		for _, form := range []string{text, "\xef\xbb\xbf" + text, utf16Text(text)} {
			got := enqueue(t.Context(), nil, "--dry-run", write(t, file, form))
			got.expect(t, exitOK, 0, 0, 0)
			got.says(t, "jobs that keep every rule: 2")
		}
	}
	got := enqueue(t.Context(), strings.NewReader("\xff\xfe{\x00\x3d\xd8}\x00"), "--dry-run", "-")
	got.says(t, "line 1", "not valid UTF-8")
}

func TestIdsThatASpreadsheetHasChangedAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	const h = "refund_id,channel,invoice_number,original_request_id,amount\n"
	for field, row := range map[string]string{
		"refund_id":           "%s,credit_card,I,q,9\n",
		"invoice_number":      "rf-1,credit_card,%s,q,9\n",
		"original_request_id": "rf-1,credit_card,I,%s,9\n",
	} {
		for _, id := range []string{"2.02611E+11", "'00123", `="00123"`, `"=""00123"""`, "1E+05", "1.5E05", "#N/A", "########", "21-Nov"} {
			got := enqueue(t.Context(), strings.NewReader(h+fmt.Sprintf(row, id)), "--dry-run", "--format=csv", "-")
			got.expect(t, exitSome, 0, 0, 1)
			got.says(t, "line 2", field+": ", "a spreadsheet has changed the id")
		}
	}
}

func TestARowThatTheEndOfTheFileMayHaveCutIsRefused(t *testing.T) {
	t.Parallel()
	const h = "refund_id,channel,invoice_number,original_request_id,amount,reason\n"
	got := enqueue(t.Context(), strings.NewReader(h+"rf-1,credit_card,I,q,900"), "--dry-run", "--format=csv", "-")
	got.expect(t, exitSome, 0, 0, 1)
	got.says(t, "line 2", "has 5 cells where the header has 6")
}

// twice is an input in which rf-1 stands with two contents.
func twice() []string {
	return []string{card("rf-1"), card("rf-2"), strings.Replace(card("rf-1"), "90000", "80000", 1), card("rf-2")}
}

func TestOneIdWithTwoContentsIsFoundBeforeAnythingIsPublished(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ndjson := write(t, "jobs.ndjson", strings.Join(twice(), "\n"))
	array := "[" + strings.Join(twice(), ",") + "]"
	rows := strings.Replace(sheet, "rf-2;credit_card;INV-1;req-1;90000.00", "rf-1;credit_card;INV-1;req-1;80000", 1)
	for name, c := range map[string]struct {
		stdin string
		args  []string
		first string
		other string
	}{
		"lines":            {"", []string{ndjson}, "line 1", "line 3"},
		"an array":         {"", []string{write(t, "jobs.json", array)}, "element 1", "element 3"},
		"array, from pipe": {array, []string{"--format=json", "-"}, "element 1", "element 3"},
		"rows":             {"", []string{write(t, "jobs.csv", rows)}, "line 2", "line 3"},
		"rows, from pipe":  {rows, []string{"--format=csv", "-"}, "line 2", "line 3"},
	} {
		for _, args := range [][]string{c.args, append([]string{"--dry-run"}, c.args...), append([]string{"--wait"}, c.args...)} {
			got := s.enqueue(c.stdin, args...)
			t.Log(name, args)
			got.expect(t, exitSome, 0, 0, 2)
			got.says(t, c.first+" (rf-1)", c.other+" has the same one with other content")
			got.says(t, c.other+" (rf-1)", c.first+" has the same one with other content")
			got.says(t, "nothing was published: the input contradicts itself")
		}
	}
	if got := len(s.stored()); got != 0 {
		t.Errorf("%d are stored", got)
	}
}

// Lines from a pipe may come forever: they are published as they come, and the
// second content is refused when it comes.
func TestOneIdWithTwoContentsOnAPipeIsRefusedWhenItComes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	got := s.enqueue(strings.Join(twice(), "\n"), "-")
	got.expect(t, exitSome, 2, 1, 1)
	got.says(t, "line 3 (rf-1)", "line 1 has the same one with other content")
}

func TestAFileOnStandardInputIsReadTwiceToo(t *testing.T) {
	t.Parallel()
	s := setup(t)
	file, err := os.Open(write(t, "jobs.ndjson", "skipped\n"+strings.Join(twice(), "\n")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(int64(len("skipped\n")), io.SeekStart); err != nil { // as a shell may leave it
		t.Fatal(err)
	}
	got := enqueue(t.Context(), file, "--nats-url", s.nats.URL(), "-")
	got.expect(t, exitSome, 0, 0, 2)
	if got := len(s.stored()); got != 0 {
		t.Errorf("%d are stored", got)
	}
}

func TestTheSameContentTwiceIsNoContradiction(t *testing.T) {
	t.Parallel()
	s := setup(t)
	renewed := strings.Replace(card("rf-1"), "}", `,"metadata":{"note":"again"}}`, 1) // no part of the content
	s.enqueue("", write(t, "jobs.ndjson", card("rf-1")+"\n"+renewed+"\n"+card("rf-1"))).expect(t, exitOK, 2, 1, 0)
}

func TestAFileThatChangesWhileItIsReadIsNotTrusted(t *testing.T) {
	t.Parallel()
	r := newRepeats()
	r.lookThrough(t.Context(), one(item{place: "line 1", body: []byte(card("rf-1"))}))
	for name, body := range map[string]string{"a new id": card("rf-2"), "other content": strings.Replace(card("rf-1"), "9", "8", 1)} {
		j, problem := examine(item{place: "line 1", body: []byte(body)})
		if problem != "" || !strings.Contains(r.problem(j), "changed while it was read") {
			t.Errorf("%s: %q, %q", name, problem, r.problem(j))
		}
	}
}

//nolint:paralleltest // it measures the memory of the process
func TestAFileOfManyLinesCostsSomeBytesALine(t *testing.T) {
	const lines = 100_000
	many := func(yield func(item) bool) {
		for i := range lines {
			if !yield(item{place: fmt.Sprint("line ", i+1), body: []byte(card(fmt.Sprint("rf-", i)))}) {
				return
			}
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := newRepeats()
	r.lookThrough(context.Background(), many)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / lines; len(r.seen) != lines || each > 300 {
		t.Errorf("%d ids, %d bytes each", len(r.seen), each)
	}
}

func TestWhatIsTooLongForAPipeIsRefusedUnread(t *testing.T) {
	t.Parallel()
	p := plan{format: formatCSV}
	items := p.kept(endless{})
	if _, err := items(); err == nil || !strings.Contains(err.Error(), "give FILE") {
		t.Errorf("%v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
