package operator

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/spreadsheet"
)

// Verdict is what a person says of one unresolved refund, and how he knows.
type Verdict struct {
	Line     int // in the file
	RefundID string
	Word     refund.State // succeeded or failed
	Evidence string
}

// verdictColumns must all be in the header.
var verdictColumns = []string{"refund_id", "verdict", "evidence"}

// ReadVerdicts reads a table with the columns refund_id, verdict (succeeded or failed)
// and evidence, as a spreadsheet writes it. Every bad line is named, and a refund that
// stands there twice; a file with one decides nothing.
func ReadVerdicts(file string, r io.Reader) ([]Verdict, error) {
	in := spreadsheet.NewReader(spreadsheet.NewTextReader(r), func(name string) bool { return slices.Contains(verdictColumns, name) })
	header, err := verdictHeader(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: header: %w", file, ErrReport, err)
	}
	var verdicts []Verdict
	var problems []error
	lines := map[string]int{}
	for last := false; !last && len(problems) < mostProblems; {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var v Verdict
		if err == nil {
			v, err = verdict(header, row)
		} else if bad := (*spreadsheet.RowError)(nil); errors.As(err, &bad) {
			last, err = bad.Last, bad.Err
		} else {
			last = true
		}
		if before := lines[v.RefundID]; err == nil && before > 0 {
			err = fmt.Errorf("refund_id stands in line %d already", before)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s, line %d: %w: %w", file, row.Line, ErrReport, err))
			continue
		}
		lines[v.RefundID] = row.Line
		verdicts = append(verdicts, v)
	}
	if len(verdicts) == 0 && len(problems) == 0 {
		problems = append(problems, fmt.Errorf("%s: %w: it has no line but the header", file, ErrReport))
	}
	return verdicts, errors.Join(problems...)
}

func verdictHeader(in *spreadsheet.Reader) (spreadsheet.Row, error) {
	header, err := in.Header()
	if err != nil {
		return header, err
	}
	for _, name := range verdictColumns {
		at := slices.Index(header.Cells, name)
		if at < 0 || slices.Contains(header.Cells[at+1:], name) {
			return header, fmt.Errorf("it needs the column %s, once", name)
		}
	}
	return header, nil
}

func verdict(header, row spreadsheet.Row) (Verdict, error) {
	cell := func(name string) string { return strings.TrimSpace(row.Cell(slices.Index(header.Cells, name))) }
	v := Verdict{Line: row.Line, RefundID: cell("refund_id"), Evidence: cell("evidence")}
	switch {
	case row.Cut && len(row.Cells) < len(header.Cells):
		return v, errors.New("the file ends within it")
	case len(row.Cells) > len(header.Cells) && strings.Join(row.Cells[len(header.Cells):], "") != "":
		return v, fmt.Errorf("it has %d cells where the header has %d", len(row.Cells), len(header.Cells))
	case !jobs.ValidRefundID(v.RefundID):
		return v, fmt.Errorf("%.70q %w", v.RefundID, ErrRefundID)
	case v.Evidence == "":
		return v, errors.New("evidence must be given")
	}
	switch cell("verdict") {
	case refund.Succeeded.String():
		v.Word = refund.Succeeded
	case refund.Failed.String():
		v.Word = refund.Failed
	default:
		return v, fmt.Errorf("verdict %.40q is neither succeeded nor failed", cell("verdict"))
	}
	return v, checkReason(v.Evidence)
}
