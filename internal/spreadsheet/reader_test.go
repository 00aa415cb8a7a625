package spreadsheet_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"refundworker.example/refundworker/internal/spreadsheet"
)

func known(name string) bool { return slices.Contains([]string{"id", "amount", "status"}, name) }

// table reads a whole table: a row a line as "line: cell|cell", what is wrong
// as "line! error".
func table(r io.Reader) []string {
	in := spreadsheet.NewReader(spreadsheet.NewTextReader(r), known)
	var got []string
	for read := in.Header; ; read = in.Read {
		row, err := read()
		var bad *spreadsheet.RowError
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.As(err, &bad):
			got = append(got, fmt.Sprintf("%d! %s", bad.Line, bad.Err))
			if bad.Last {
				return got
			}
		case err != nil:
			return append(got, "! "+err.Error())
		default:
			got = append(got, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Cells, "|")))
		}
	}
}

// utf16Text is text as Excel writes "Unicode text".
func utf16Text(text string, big bool) string {
	var out []byte
	for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
		if big {
			out = append(out, byte(unit>>8), byte(unit))
		} else {
			out = append(out, byte(unit), byte(unit>>8))
		}
	}
	return string(out)
}

func TestEveryFormOfATableReadsTheSame(t *testing.T) {
	t.Parallel()
	const text = "id;amount;status\nrf-1;90000;\"a;b \"\"c\"\" é 💸\"\nrf-2;1;x\n"
	want := []string{"1: id|amount|status", `2: rf-1|90000|a;b "c" é 💸`, "3: rf-2|1|x"}
	cr := strings.ReplaceAll(text, "\n", "\r")
	for name, form := range map[string]string{
		"semicolons":      text,
		"no last line":    strings.TrimSuffix(text, "\n"),
		"BOM":             "\xef\xbb\xbf" + text,
		"CR LF":           strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":              cr,
		"CR, no last":     strings.TrimSuffix(cr, "\r"),
		"UTF-16 LE":       utf16Text(text, false),
		"UTF-16 BE":       utf16Text(text, true),
		"UTF-16, CR LF":   utf16Text(strings.ReplaceAll(text, "\n", "\r\n"), false),
		"spaces in names": strings.Replace(text, "id;amount;status", " id ; amount;status ", 1),
		"quoted names":    strings.Replace(text, "id;amount;status", `"id";"amount";"status"`, 1),
		"empty columns":   strings.Replace(text, "status\n", "status;;\n", 1),
		"empty rows":      text + ";;\n\n ; ;\n;;",
	} {
		for _, r := range []io.Reader{strings.NewReader(form), iotest.OneByteReader(strings.NewReader(form))} {
			if got := table(r); !slices.Equal(got, want) {
				t.Errorf("%s: got %q", name, got)
			}
		}
	}
}

func TestSeparatorIsTakenFromTheHeaderOrItsLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"commas":                     {"id,amount\na;b,1\n", []string{"1: id|amount", "2: a;b|1"}},
		"tabs":                       {"id\tamount\na,b;c\t1\n", []string{"1: id|amount", "2: a,b;c|1"}},
		"sep line":                   {"sep=;\r\nid;amount\r\na,b;1\r\n", []string{"2: id|amount", "3: a,b|1"}},
		"sep line, quoted":           {"\"sep=|\"\nid|amount\na|1\n", []string{"2: id|amount", "3: a|1"}},
		"SEP line, CR":               {"SEP=,\rid,amount\ra,1\r", []string{"2: id|amount", "3: a|1"}},
		"known names beat a count":   {"a,b,c,d;id;amount\n1;2;3\n", []string{"1: a,b,c,d|id|amount", "2: 1|2|3"}},
		"a separator within quotes":  {"\"x;y;z\",id\n1,2\n", []string{"1: x;y;z|id", "2: 1|2"}},
		"one column":                 {"id\na\n", []string{"1: id", "2: a"}},
		"blank lines above":          {"\n\nid,amount\na,1\n", []string{"3: id|amount", "4: a|1"}},
		"nothing":                    {"", nil},
		"nothing but a mark":         {"\xef\xbb\xbf", nil},
		"a line end within a name":   {"\"id\",\"amount\nIDR\"\na,1\nb,2\n", []string{"1: id|amount\nIDR", "3: a|1", "4: b|2"}},
		"a CR in a file of LFs":      {"id,amount\na\rb,1\n", []string{"1: id|amount", "2: a\rb|1"}},
		"line ends within a CR file": {"id,amount\r\"a\rb\",1\rc,2", []string{"1: id|amount", "2: a\nb|1", "4: c|2"}},
	} {
		if got := table(strings.NewReader(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestABadRowStopsOnlyItselfWhereTheNextBeginsForCertain(t *testing.T) {
	t.Parallel()
	const h = "id,amount\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a quote within":      {h + "a\"b,1\nc,2\n", []string{"2! " + spreadsheet.ErrQuote.Error(), "3: c|2"}},
		"text behind a quote": {h + "\"a\"b,1\nc,2\n", []string{"2! " + spreadsheet.ErrQuote.Error(), "3: c|2"}},
		"a formula's quotes":  {h + "=\"00123\",1\nc,2\n", []string{`2: ="00123"|1`, "3: c|2"}},
		"an open quote":       {h + "c,2\n\"a,1\nc,2\n", []string{"2: c|2", "3! " + spreadsheet.ErrOpenQuote.Error()}},
		"an endless quote":    {h + "\"" + strings.Repeat("a,1\n", 1<<19), []string{"2! " + spreadsheet.ErrLongRow.Error()}},
		"UTF-16, no mark":     {"i\x00d\x00,\x00", []string{"1! " + spreadsheet.ErrNUL.Error()}},
		"NUL in a row":        {h + "a\x00,1\n", []string{"2! " + spreadsheet.ErrNUL.Error()}},
	} {
		want := c.want
		if name != "UTF-16, no mark" {
			want = append([]string{"1: id|amount"}, want...)
		}
		if got := table(strings.NewReader(c.text)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestARowThatMayHaveBeenCutSaysSo(t *testing.T) {
	t.Parallel()
	in := spreadsheet.NewReader(strings.NewReader("id,amount,status\na,1,\nb,2"), known)
	if _, err := in.Header(); err != nil {
		t.Fatal(err)
	}
	whole, err := in.Read()
	cut, err2 := in.Read()
	if err != nil || err2 != nil || whole.Cut || !cut.Cut || cut.Cell(2) != "" {
		t.Errorf("%+v %v, %+v %v", whole, err, cut, err2)
	}
}

func TestHalfACharacterOfUTF16IsNotReadAsContent(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"half a pair, then a letter": "\xff\xfe\x3d\xd8a\x00",
		"half a pair at the end":     "\xff\xfe\x3d\xd8",
		"the second half first":      "\xfe\xff\xdc\xb8\x00a",
		"half a code unit":           "\xff\xfea\x00b",
	} {
		got, err := io.ReadAll(spreadsheet.NewTextReader(strings.NewReader(text)))
		if err != nil || !strings.Contains(string(got), "\xff") || strings.Contains(string(got), "\uFFFD") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAFailingReadIsNotTheEndOfTheTable(t *testing.T) {
	t.Parallel()
	in := io.MultiReader(strings.NewReader("id,amount\na,1\n"), iotest.ErrReader(errors.New("disk on fire")))
	if got := table(in); len(got) != 3 || got[2] != "! disk on fire" {
		t.Errorf("%q", got)
	}
}

// The standard library is the judge of what it reads without a complaint.
func FuzzRowsAreThoseOfTheStandardLibrary(f *testing.F) {
	for _, seed := range []string{
		"id,amount\na,1\n", "id;amount\r\n\"a;\"\"b\"\"\";1\r\n", "id\tamount\n\"x\ny\"\t1", "a,b\n,\n\n\"\"\n", "a,b\n\"x\"\"\",\"\n\"", "id\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in := spreadsheet.NewReader(strings.NewReader(text), known)
		header, err := in.Header()
		if err != nil || strings.ContainsAny(text, "\x00") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\r") ||
			strings.Contains(strings.ToLower(text), "sep=") || header.Line != 1 {
			return
		}
		var ours [][]string
		for {
			row, err := in.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return // what is refused is judged by the tests above
			}
			ours = append(ours, row.Cells)
		}
		for _, comma := range []rune{',', ';', '\t'} {
			theirs := csv.NewReader(strings.NewReader(text))
			theirs.Comma, theirs.FieldsPerRecord = comma, -1
			all, err := theirs.ReadAll()
			if err != nil || len(all) == 0 || !slices.Equal(trimmed(all[0]), header.Cells) {
				continue
			}
			all = slices.DeleteFunc(all[1:], func(row []string) bool { return strings.TrimSpace(strings.Join(row, "")) == "" })
			if slices.EqualFunc(ours, all, slices.Equal[[]string]) {
				return
			}
			if len(header.Cells) > 1 {
				t.Errorf("%q: ours %q, theirs %q", text, ours, all)
			}
		}
	})
}

func trimmed(cells []string) []string {
	var names []string
	for _, cell := range cells {
		names = append(names, strings.TrimSpace(cell))
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	return names
}
