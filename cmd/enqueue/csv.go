package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// readCSV reads one job a row below the header. The header names the fields; a
// name that is none stops the reading before the first job, for a misspelt
// column would otherwise leave every refund without what it was to say.
func readCSV(r io.Reader) iter.Seq[item] {
	return func(yield func(item) bool) {
		in := csv.NewReader(r)
		in.ReuseRecord = true
		header, err := in.Read()
		columns := headerNames(header)
		if problem := headerProblem(columns, err); problem != "" {
			yield(item{place: "header", problem: problem})
			return
		}
		for {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			it, last := row(in, columns, cells, err)
			if !blank(cells, err) && !yield(it) || last {
				return
			}
		}
	}
}

// row returns the job of a row. last: the rest cannot be read.
func row(in *csv.Reader, columns, cells []string, err error) (it item, last bool) {
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		line, _ := in.FieldPos(0)
		return item{place: fmt.Sprint("line ", line), problem: fmt.Sprintf("has %d cells where the header has %d", len(cells), len(columns))}, false
	case errors.As(err, &syntax):
		return item{place: fmt.Sprint("line ", syntax.StartLine), problem: fmt.Sprintf("is not CSV at line %d, byte %d: %s", syntax.Line, syntax.Column, syntax.Err)}, false
	case err != nil:
		return item{place: "after what was read", problem: fmt.Sprintf("read: %s", err)}, true
	}
	d := &draft{}
	for i, name := range columns {
		if key, pair := strings.CutPrefix(name, metadataPrefix); !pair {
			d.set(name, cells[i])
		} else if cells[i] != "" {
			d.pair(key, cells[i])
		}
	}
	line, _ := in.FieldPos(0)
	return d.item(fmt.Sprint("line ", line)), false
}

// blank reports whether a row has nothing in any cell, as spreadsheets leave
// them below a table.
func blank(cells []string, err error) bool {
	return err == nil && strings.Join(cells, "") == ""
}

// headerNames keeps the names beyond the next read, without spaces around.
func headerNames(header []string) []string {
	columns := make([]string, len(header))
	for i, name := range header {
		columns[i] = strings.Trim(strings.Clone(name), " ")
	}
	return columns
}

var requiredColumns = []string{"refund_id", "channel", "invoice_number", amountField}

func headerProblem(columns []string, err error) string {
	if errors.Is(err, io.EOF) {
		return "is missing"
	}
	if err != nil {
		return fmt.Sprintf("read: %s", err)
	}
	if len(columns) == 1 && strings.Contains(columns[0], ";") {
		return "has semicolons between its names; they must be commas"
	}
	var problems []string
	for i, name := range columns {
		switch key, pair := strings.CutPrefix(name, metadataPrefix); {
		case slices.Contains(columns[:i], name):
			problems = append(problems, fmt.Sprintf("%.60q stands there twice", name))
		case pair && key != "", draftFields[name]:
		default:
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
