package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/spreadsheet"
)

// Line is one refund in a settlement report.
type Line struct {
	File    string // its name
	Number  int    // in the file
	Invoice string
	Key     string // partnerRefundNo, or a card's Request-Id
	Amount  int64  // rupiah; reports that show what leaves as negative mean the same
	Paid    bool
	Pending bool // neither paid nor failed yet
}

// Report is a settlement report as it was read.
type Report struct {
	File    string
	Lines   []Line
	Skipped []int // lines that are not refunds: totals, and notes without a number at DOKU
}

// Mapping renames a report's columns and words: from our names
// (invoice_number, partner_refund_no_or_request_id, amount, status) to its
// columns, and from its words for a status, as status.WORD, to ours.
type Mapping map[string]string

// ErrReport is returned for a report or a mapping that cannot be read; its text
// names the line.
var ErrReport = errors.New("unreadable")

// outcome is what a report says of a refund.
type outcome uint8

const (
	failedThere outcome = iota
	paidThere
	pendingThere
)

// statusWords are what reports call the outcomes; a mapping adds its own.
var statusWords = map[string]outcome{
	"success": paidThere, "succeeded": paidThere, "refunded": paidThere, "failed": failedThere, "rejected": failedThere,
	"pending": pendingThere, "processing": pendingThere, "in progress": pendingThere, "in_progress": pendingThere, "initiated": pendingThere,
}

// ReadMapping reads lines of name=column; # begins a comment.
func ReadMapping(r io.Reader) (Mapping, error) {
	text, err := io.ReadAll(spreadsheet.NewTextReader(r))
	if err != nil {
		return nil, fmt.Errorf("mapping: %w: %w", ErrReport, err)
	}
	m := Mapping{}
	for i, line := range strings.Split(lineEnds.Replace(string(text)), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, column, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("mapping, line %d: %w: it is not of the form name=column", i+1, ErrReport)
		}
		m[strings.TrimSpace(name)] = strings.TrimSpace(column)
	}
	return m, nil
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// columns of a report, by our names.
var columns = []string{"invoice_number", "partner_refund_no_or_request_id", "amount", "status"}

// column is what the report calls one of our columns.
func (m Mapping) column(name string) string {
	if renamed, ok := m[name]; ok {
		return renamed
	}
	return name
}

// mostProblems is how many unreadable lines are named.
const mostProblems = 20

// ReadReport reads a settlement report: a table with a header, as a spreadsheet
// writes it. Every line that cannot be read is named, up to twenty; a report
// with one is not compared, for what it says would be missing.
func ReadReport(file string, r io.Reader, m Mapping) (Report, error) {
	in := spreadsheet.NewReader(spreadsheet.NewTextReader(r), func(name string) bool {
		return slices.ContainsFunc(columns, func(ours string) bool { return m.column(ours) == name })
	})
	report := Report{File: file}
	at, err := m.places(in)
	if err != nil {
		return report, fmt.Errorf("%s: %w: %w", file, ErrReport, err)
	}
	var problems []error // no text of theirs has a line end
	for len(problems) < mostProblems {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		last := false
		if err == nil {
			err = report.add(row, m, at)
		} else if bad := (*spreadsheet.RowError)(nil); errors.As(err, &bad) {
			last, err = bad.Last, bad.Err
		} else {
			last = true
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s, line %d: %w: %w", file, row.Line, ErrReport, err))
		}
		if last {
			break
		}
	}
	return report, errors.Join(problems...)
}

// width is where [Mapping.places] says how many columns there are.
const width = ""

// places finds our columns in the header.
func (m Mapping) places(in *spreadsheet.Reader) (map[string]int, error) {
	header, err := in.Header()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("header: the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	at := map[string]int{width: len(header.Cells)}
	for _, name := range columns {
		if at[name] = slices.Index(header.Cells, m.column(name)); at[name] < 0 {
			return nil, fmt.Errorf("header: it has no column %q", m.column(name))
		}
		if slices.Contains(header.Cells[at[name]+1:], m.column(name)) {
			return nil, fmt.Errorf("header: it has the column %q twice", m.column(name))
		}
	}
	return at, nil
}

// add takes up a row: a refund, or one to be skipped.
func (r *Report) add(row spreadsheet.Row, m Mapping, at map[string]int) error {
	cell := func(name string) string { return strings.TrimSpace(row.Cell(at[name])) }
	l := Line{File: r.File, Number: row.Line, Invoice: cell("invoice_number"), Key: cell("partner_refund_no_or_request_id")}
	if _, mapped := m["status."+cell("status")]; noRefund(row, l.Key, cell("status")) && !mapped {
		r.Skipped = append(r.Skipped, row.Line)
		return nil
	}
	if n := len(row.Cells); n > at[width] && strings.TrimSpace(strings.Join(row.Cells[at[width]:], "")) != "" || n < at[width] && row.Cut {
		return fmt.Errorf("it has %d cells where the header has %d", n, at[width])
	}
	if problem := spreadsheet.Mangled(l.Key); problem != "" {
		return fmt.Errorf("%s %.40q %s", m.column("partner_refund_no_or_request_id"), l.Key, problem)
	}
	amount, err := spreadsheet.Rupiah(cell("amount"))
	if err != nil {
		return fmt.Errorf("amount %.40q %w", cell("amount"), err)
	}
	l.Amount = max(amount, -amount)
	word := cell("status")
	if ours, ok := m["status."+word]; ok {
		word = ours
	}
	said, known := statusWords[strings.ToLower(word)]
	if !known {
		return fmt.Errorf("status %.40q is neither success nor failed nor pending (a mapping can say which: status.WORD=success)", word)
	}
	l.Paid, l.Pending = said == paidThere, said == pendingThere
	r.Lines = append(r.Lines, l)
	return nil
}

// total begins a line that sums others up; an invoice TOTAL-99 is none.
var total = regexp.MustCompile(`(?i)^\s*(?:grand[- ]?|sub[- ]?)?(?:total|jumlah)(?:[^\pL\pN_-]|$)`)

// noRefund reports whether a row is about no single refund: it has no status and
// no number at DOKU, or sums up and lacks one of them. Sums have a count in any
// column.
func noRefund(row spreadsheet.Row, key, status string) bool {
	without := nothing(key) || total.MatchString(key)
	if nothing(status) && without {
		return true
	}
	return (nothing(status) || without) && slices.ContainsFunc(row.Cells, total.MatchString)
}

// nothing reports whether a cell is empty, or holds what stands for that.
func nothing(cell string) bool { return strings.Trim(cell, "-\u2013\u2014") == "" }

// The kinds of a [Difference].
const (
	MissingHere   = "missing here"  // the report has it as paid, and we know nothing of it
	MissingThere  = "missing there" // we have it as paid, and the report does not know it
	AmountDiffers = "amount differs"
	StatusDiffers = "status differs"
	TwiceThere    = "twice there" // the report has it as paid more than once
)

// Difference is one thing on which ledger and report do not agree.
type Difference struct {
	Kind     string `json:"kind"`
	RefundID string `json:"refund_id,omitempty"`
	Invoice  string `json:"invoice_number"`
	Key      string `json:"partner_refund_no_or_request_id"`
	Ours     string `json:"ours,omitempty"`   // status, or amount where that is what differs
	Theirs   string `json:"theirs,omitempty"` // likewise
	File     string `json:"file"`             // the report
	Line     int    `json:"line,omitempty"`   // of the report; 0: in none of its lines
}

// Results returns the last result of every refund that got one in the time, by
// the number under which DOKU knows it. What was never sent, DOKU cannot know.
func (o Operator) Results(ctx context.Context, from, to time.Time) (map[string]jobs.Result, error) {
	found := map[string]jobs.Result{}
	err := o.Read(ctx, Span{Subject: "refunds.results.>", From: from, To: to}, func(r Recorded) error {
		result, err := jobs.DecodeResult(r.Result)
		if err != nil {
			return fmt.Errorf("sequence %d: %w", r.Sequence, err)
		}
		if key := keyOf(result); key != "" {
			found[key] = result
		}
		return nil
	})
	return found, err
}

func keyOf(r jobs.Result) string {
	if r.PartnerRefundNo != "" {
		return r.PartnerRefundNo
	}
	return r.RequestID
}

// Reconcile compares results, by their keys, with a report.
func Reconcile(ours map[string]jobs.Result, theirs Report) []Difference {
	var found []Difference
	seen, paid := map[string]bool{}, map[string]bool{}
	for _, l := range theirs.Lines {
		r, known := ours[l.Key]
		if d := compare(r, known, l, paid[l.Key]); d.Kind != "" {
			found = append(found, d)
		}
		seen[l.Key], paid[l.Key] = true, paid[l.Key] || l.Paid
	}
	return append(found, missingThere(ours, seen, theirs.File)...)
}

// compare holds one line against our result, if there is one.
func compare(r jobs.Result, known bool, l Line, paidBefore bool) Difference {
	d := Difference{RefundID: r.RefundID, Invoice: l.Invoice, Key: l.Key, File: l.File, Line: l.Number}
	want := refund.Failed
	if l.Paid {
		want = refund.Succeeded
	}
	switch {
	case l.Pending && known && r.Status != refund.Unresolved:
		d.Kind, d.Ours, d.Theirs = StatusDiffers, r.Status.String(), "pending"
	case l.Pending: // it is open there, and has no result here, or is in doubt
	case l.Paid && paidBefore:
		d.Kind = TwiceThere
	case l.Paid && !known:
		d.Kind, d.Theirs = MissingHere, strconv.FormatInt(l.Amount, 10)
	case known && r.Status != want:
		d.Kind, d.Ours, d.Theirs = StatusDiffers, r.Status.String(), want.String()
	case known && l.Paid && l.Amount != r.Amount:
		d.Kind, d.Ours, d.Theirs = AmountDiffers, strconv.FormatInt(r.Amount, 10), strconv.FormatInt(l.Amount, 10)
	}
	return d
}

func missingThere(ours map[string]jobs.Result, seen map[string]bool, file string) []Difference {
	var found []Difference
	for _, key := range slices.Sorted(maps.Keys(ours)) {
		if r := ours[key]; r.Status == refund.Succeeded && !seen[key] {
			found = append(found, Difference{
				Kind: MissingThere, RefundID: r.RefundID, Invoice: r.InvoiceNumber, Key: key, Ours: strconv.FormatInt(r.Amount, 10), File: file,
			})
		}
	}
	return found
}
