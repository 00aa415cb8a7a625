package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"refundworker.example/refundworker/internal/spreadsheet"
)

// readCSV reads one job a row below the header. The header names the fields; a
// name that is none stops the reading before the first job, for a misspelt
// column would otherwise leave every refund without what it was to say.
func readCSV(r io.Reader) iter.Seq[item] {
	return func(yield func(item) bool) {
		in := spreadsheet.NewReader(r, isField)
		header, err := in.Header()
		if problem := headerProblem(header.Cells, err); problem != "" {
			yield(item{place: "header", problem: problem})
			return
		}
		for {
			row, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			it, last := rowItem(header.Cells, row, err)
			if !yield(it) || last {
				return
			}
		}
	}
}

// isField reports whether a column of that name may be there.
func isField(name string) bool {
	key, pair := strings.CutPrefix(name, metadataPrefix)
	return pair && key != "" || draftFields[name]
}

// rowItem returns the job of a row. last: the rest cannot be read.
func rowItem(columns []string, row spreadsheet.Row, err error) (it item, last bool) {
	place := fmt.Sprint("line ", row.Line)
	var bad *spreadsheet.RowError
	switch {
	case errors.As(err, &bad) && bad.Last:
		return item{place: place, problem: fmt.Sprintf("is not CSV: %s; nothing from here on was read", bad.Err)}, true
	case errors.As(err, &bad):
		return item{place: place, problem: fmt.Sprintf("is not CSV: %s", bad.Err)}, false
	case err != nil:
		return item{place: "after what was read", problem: fmt.Sprintf("read: %s", err)}, true
	case !fits(columns, row):
		return item{place: place, problem: fmt.Sprintf("has %d cells where the header has %d", len(row.Cells), len(columns))}, false
	}
	d := &draft{}
	for i, name := range columns {
		if key, pair := strings.CutPrefix(name, metadataPrefix); !pair {
			d.set(name, row.Cell(i))
		} else if row.Cell(i) != "" {
			d.pair(key, row.Cell(i))
		}
	}
	return d.item(place), false
}

// fits reports whether the cells are those of the columns. Spreadsheets write
// empty cells behind the last column, and leave them out at the end of a row. A
// row without the fields that every job has does not fit, nor does one that the
// end of the file may have cut: an amount that was cut would be another amount.
func fits(columns []string, row spreadsheet.Row) bool {
	if len(row.Cells) >= len(columns) {
		return strings.TrimSpace(strings.Join(row.Cells[len(columns):], "")) == ""
	}
	missing := columns[len(row.Cells):]
	return !row.Cut && !slices.ContainsFunc(missing, func(name string) bool { return slices.Contains(requiredColumns, name) })
}

var requiredColumns = []string{"refund_id", "channel", "invoice_number", amountField}

func headerProblem(columns []string, err error) string {
	var bad *spreadsheet.RowError
	switch {
	case errors.Is(err, io.EOF):
		return "is missing"
	case errors.As(err, &bad):
		return fmt.Sprintf("is not CSV: %s", bad.Err)
	case err != nil:
		return fmt.Sprintf("read: %s", err)
	}
	var problems []string
	for i, name := range columns {
		switch {
		case slices.Contains(columns[:i], name):
			problems = append(problems, fmt.Sprintf("%.60q is given twice", name))
		case !isField(name):
			problems = append(problems, fmt.Sprintf("%.60q is no field of a job", name))
		}
	}
	for _, name := range requiredColumns {
		if !slices.Contains(columns, name) {
			problems = append(problems, name+" is required")
		}
	}
	return strings.Join(problems, "; ")
}
