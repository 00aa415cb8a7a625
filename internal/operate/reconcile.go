package operate

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker/internal/jobs"
)

// Line is one refund in a settlement report.
type Line struct {
	Number  int // in the file
	Invoice string
	Key     string // partnerRefundNo, or a card's Request-Id
	Amount  int64  // rupiah
	Paid    bool
}

// Mapping renames a report's columns and words: from our names
// (invoice_number, partner_refund_no_or_request_id, amount, status) to its
// columns, and from its words for a status, as status.WORD, to ours.
type Mapping map[string]string

// ErrReport is returned for a report or a mapping that cannot be read; its text
// names the line.
var ErrReport = errors.New("unreadable")

// words are what reports call the two outcomes; a mapping adds its own.
var words = map[string]bool{
	"success": true, "succeeded": true, "refunded": true, "failed": false, "rejected": false,
}

// ReadMapping reads lines of name=column; # begins a comment.
func ReadMapping(text string) (Mapping, error) {
	m := Mapping{}
	for i, line := range strings.Split(text, "\n") {
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

// columns of a report, by our names.
var columns = []string{"invoice_number", "partner_refund_no_or_request_id", "amount", "status"}

// ReadReport reads a settlement report: CSV with a header.
func ReadReport(r io.Reader, m Mapping) ([]Line, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("report, header: %w: %w", ErrReport, err)
	}
	at := map[string]int{}
	for _, name := range columns {
		column := name
		if renamed, ok := m[name]; ok {
			column = renamed
		}
		if at[name] = slices.Index(header, column); at[name] < 0 {
			return nil, fmt.Errorf("report: %w: it has no column %q", ErrReport, column)
		}
	}
	var lines []Line
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, fmt.Errorf("report: %w: %w", ErrReport, err)
		}
		number, _ := in.FieldPos(0)
		line, err := m.line(row, at)
		if err != nil {
			return nil, fmt.Errorf("report, line %d: %w: %w", number, ErrReport, err)
		}
		line.Number = number
		lines = append(lines, line)
	}
}

func (m Mapping) line(row []string, at map[string]int) (Line, error) {
	l := Line{Invoice: row[at["invoice_number"]], Key: row[at["partner_refund_no_or_request_id"]]}
	var err error
	if l.Amount, err = wholeRupiah(row[at["amount"]]); err != nil {
		return l, err
	}
	word := row[at["status"]]
	if ours, ok := m["status."+word]; ok {
		word = ours
	}
	paid, known := words[strings.ToLower(word)]
	if !known {
		return l, fmt.Errorf("status %.40q is neither success nor failed (a mapping can say which: status.WORD=success)", word)
	}
	l.Paid = paid
	return l, nil
}

// wholeRupiah reads 90000, 90000.0 or 90000.00.
func wholeRupiah(text string) (int64, error) {
	whole, cents, _ := strings.Cut(strings.TrimSpace(text), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || strings.Trim(cents, "0") != "" {
		return 0, fmt.Errorf("amount %.40q is no whole number of rupiah", text)
	}
	return n, nil
}

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
	Line     int    `json:"line,omitempty"`   // of the report
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
func Reconcile(ours map[string]jobs.Result, theirs []Line) []Difference {
	var found []Difference
	seen, paid := map[string]bool{}, map[string]bool{}
	for _, l := range theirs {
		r, known := ours[l.Key]
		if d := compare(r, known, l, paid[l.Key]); d.Kind != "" {
			found = append(found, d)
		}
		seen[l.Key], paid[l.Key] = true, paid[l.Key] || l.Paid
	}
	return append(found, missingThere(ours, seen)...)
}

// compare holds one line against our result, if there is one.
func compare(r jobs.Result, known bool, l Line, paidBefore bool) Difference {
	d := Difference{RefundID: r.RefundID, Invoice: l.Invoice, Key: l.Key, Line: l.Number}
	want := jobs.StatusFailed
	if l.Paid {
		want = jobs.StatusSucceeded
	}
	switch {
	case l.Paid && paidBefore:
		d.Kind = TwiceThere
	case l.Paid && !known:
		d.Kind, d.Theirs = MissingHere, strconv.FormatInt(l.Amount, 10)
	case known && r.Status != want:
		d.Kind, d.Ours, d.Theirs = StatusDiffers, string(r.Status), string(want)
	case known && l.Paid && l.Amount != r.Amount:
		d.Kind, d.Ours, d.Theirs = AmountDiffers, strconv.FormatInt(r.Amount, 10), strconv.FormatInt(l.Amount, 10)
	}
	return d
}

func missingThere(ours map[string]jobs.Result, seen map[string]bool) []Difference {
	var found []Difference
	for _, key := range slices.Sorted(maps.Keys(ours)) {
		if r := ours[key]; r.Status == jobs.StatusSucceeded && !seen[key] {
			found = append(found, Difference{
				Kind: MissingThere, RefundID: r.RefundID, Invoice: r.InvoiceNumber, Key: key, Ours: strconv.FormatInt(r.Amount, 10),
			})
		}
	}
	return found
}
