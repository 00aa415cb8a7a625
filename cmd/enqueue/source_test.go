package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/spreadsheet"
)

// read returns what a format makes of text, each item as "place: body" or
// "place! problem".
func read(t *testing.T, format, text string) []string {
	t.Helper()
	var got []string
	for it := range readers[format](spreadsheet.NewTextReader(iotest.OneByteReader(strings.NewReader(text)))) {
		if it.problem != "" {
			got = append(got, it.place+"! "+it.problem)
		} else {
			got = append(got, it.place+": "+string(it.body))
		}
	}
	return got
}

// compare fails unless every item begins as said.
func compare(t *testing.T, name string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %q, want %q", name, got, want)
		return
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%s: item %d is %q, want %q", name, i, got[i], want[i])
		}
	}
}

func TestLinesAreFoundHoweverTheyEnd(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", jobs.MaxJobSize)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                   {"", nil},
		"blank lines":               {"\n \r\n\t\n", nil},
		"no last newline":           {"a\nb", []string{"line 1: a", "line 2: b"}},
		"CR LF and a mark":          {"\xef\xbb\xbfa\r\n\r\nb\r\n", []string{"line 1: a", "line 3: b"}},
		"the longest line":          {full + "\r\nb", []string{"line 1: " + full, "line 2: b"}},
		"the longest line, the end": {full, []string{"line 1: " + full}},
		"too long a line":           {full + full + full + "\nb", []string{"line 1! " + jobs.ErrTooLarge.Error(), "line 2: b"}},
		"too long a line, the end":  {full + full, []string{"line 1! " + jobs.ErrTooLarge.Error()}},
	} {
		compare(t, name, read(t, formatNDJSON, c.text), c.want...)
	}
}

func TestJSONIsOneJobOrAnArray(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one":                   {"\xef\xbb\xbf {\"a\": 1}\n", []string{`the job: {"a": 1}`}},
		"array":                 {`[ {"a":1,"a":2} , "x" ]`, []string{`element 1: {"a":1,"a":2}`, `element 2: "x"`}},
		"empty array":           {"[]", nil},
		"nothing":               {"", []string{"the job! the JSON ends too early"}},
		"two":                   {"{}\n{}", []string{"the job! the file goes on after it"}},
		"more after the array":  {"[{}] {}", []string{"element 1: {}", "after the array! the file goes on"}},
		"array that ends early": {`[{},{"a":`, []string{"element 1: {}", "element 2! the JSON ends too early"}},
		"array without its end": {`[{}`, []string{"element 1: {}", "element 2! the JSON ends too early"}},
		"not JSON":              {`[{},nix,{}]`, []string{"element 1: {}", "element 2! is not JSON at byte "}},
		"no comma":              {`[{} {}]`, []string{"element 1: {}", "element 2! is not JSON at byte "}},
	} {
		compare(t, name, read(t, formatJSON, c.text), c.want...)
	}
}

const header = "refund_id,channel,invoice_number,original_request_id,amount,reason,metadata.order,not_before,customer.access_token\n"

func TestRowsBecomeJobs(t *testing.T) {
	t.Parallel()
	const fields = `{"refund_id":"r","channel":"credit_card","invoice_number":"I","original_request_id":"q","amount":9,"currency":"IDR"`
	const mandiri = `{"refund_id":"r","channel":"direct_debit_mandiri","invoice_number":"I","amount":9,"currency":"IDR"`
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"header alone":         {header, nil},
		"mark, CR LF, spaces":  {"\xef\xbb\xbf" + strings.ReplaceAll(strings.ReplaceAll(header, ",", " , "), "\n", "\r\n") + "r,credit_card,I,q,9,,,,\r\n", []string{"line 2: " + fields + "}"}},
		"quotes and a newline": {header + "\"r\",credit_card,I,q,9,\"a, \"\"b\"\"\",\"A\n17\",,\nr,credit_card,I,q,9,,,,\n", []string{`line 2: {"refund_id":"r",`, "line 4: " + fields + "}"}},
		"all cells":            {header + "r,direct_debit_mandiri,I,,9,why,A-17,2026-01-01T00:00:00Z,tok\n", []string{"line 2: " + mandiri + `,"reason":"why","customer":{"access_token":"tok"},"not_before":"2026-01-01T00:00:00Z","metadata":{"order":"A-17"}}`}},
		"empty rows":           {header + ",,,,,,,,\n\nr,credit_card,I,q,9,,,,\n", []string{"line 4: " + fields + "}"}},
		"blank cells behind":   {header + "r,credit_card,I,q,9,,,,,\u00a0, \n", []string{"line 2: " + fields + "}"}},
		"no UTF-8":             {header + "r,credit_card,I,q,9,\xe9t\xe9,,,\n", []string{"line 2! reason: must be valid UTF-8"}},
		"too few cells":        {header + "r,credit_card\nr,credit_card,I,q,9,,,,\n", []string{"line 2! has 2 cells where the header has 9", "line 3: "}},
		"a quote within":       {header + "r,credit\"card,I,q,9,,,,\nr,credit_card,I,q,9,,,,\n", []string{"line 2! is not CSV: ", "line 3: "}},
		"a quote left open":    {header + "\"r,credit_card,I,q,9,,,,\nr,credit_card,I,q,9,,,,\n", []string{"line 2! is not CSV"}},
	} {
		compare(t, name, read(t, formatCSV, c.text), c.want...)
	}
}

func TestAmountInACellMustBeAWholeNumber(t *testing.T) {
	t.Parallel()
	amounts := []string{
		"9e3", "90,000", "90.000", "1.500.000", "1,234.00", "90.000,00", "90000,00", "90000.000", "1E+05", "Rp9", " 9", "-9", "(9)", "+9", "09", "١",
	}
	for _, amount := range amounts {
		text := header + "r,credit_card,I,q,\"" + amount + "\",,,,\n"
		for it := range readCSV(strings.NewReader(text)) {
			if _, problem := examine(it); !strings.HasPrefix(problem, "amount: write plain digits of whole rupiah, such as 90000") {
				t.Errorf("%q: %q", amount, problem)
			}
		}
	}
	for _, amount := range []string{"0", "9" + strings.Repeat("0", 16)} { // plain, and against the rule
		for it := range readCSV(strings.NewReader(header + "r,credit_card,I,q," + amount + ",,,,\n")) {
			if _, problem := examine(it); !strings.HasPrefix(problem, "amount: must be") {
				t.Errorf("%q: %q", amount, problem)
			}
		}
	}
	for _, amount := range []string{"90000", "90000.0", "90000.00"} {
		for it := range readCSV(strings.NewReader(header + "r,credit_card,I,q," + amount + ",,,,\n")) {
			if j, problem := examine(it); problem != "" || j.amount != 90000 {
				t.Errorf("%q: %d, %q", amount, j.amount, problem)
			}
		}
	}
}

func TestHeaderIsNamedWhereItIsWrong(t *testing.T) {
	t.Parallel()
	const row = "\nr,credit_card,I,9,x\n"
	for name, c := range map[string]struct{ header, want string }{
		"nothing":         {"", "header! is missing"},
		"unknown":         {"refund_id,channel,invoice_number,amount,colour" + row, `header! "colour" is no field of a job`},
		"another case":    {"refund_id,channel,invoice_number,Amount,reason" + row, `header! "Amount" is no field of a job; amount is required`},
		"customer":        {"refund_id,channel,invoice_number,amount,customer" + row, `header! "customer" is no field`},
		"customer's else": {"refund_id,channel,invoice_number,amount,customer.name" + row, `header! "customer.name" is no field`},
		"pair unnamed":    {"refund_id,channel,invoice_number,amount,metadata." + row, `header! "metadata." is no field`},
		"twice":           {"refund_id,channel,invoice_number,amount,amount" + row, `header! "amount" is given twice`},
		"missing":         {"refund_id,reason,invoice_number,amount,currency" + row, "header! channel is required"},
		"not closed":      {"refund_id,\"channel\nr,credit_card\n", "header! is not CSV: "},
	} {
		compare(t, name, read(t, formatCSV, c.header), c.want)
	}
}

func TestAFailingReadIsNamedAndEndsTheInput(t *testing.T) {
	t.Parallel()
	for format, start := range map[string]string{formatNDJSON: "{}\n", formatJSON: "[{}", formatCSV: header + "r,credit_card,I,q,9,,,,\n"} {
		in := io.MultiReader(strings.NewReader(start), iotest.ErrReader(errors.New("disk on fire")))
		var problems []string
		for it := range readers[format](in) {
			if it.problem != "" {
				problems = append(problems, it.problem)
			}
		}
		if len(problems) != 1 || !strings.Contains(problems[0], "disk on fire") {
			t.Errorf("%s: %q", format, problems)
		}
	}
}

func TestAnInterruptWakesAReadThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	silent, _ := io.Pipe()
	in := interruptible(ctx, silent)
	interrupt()
	if n, err := in.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("%d bytes, err %v", n, err)
	}
}
