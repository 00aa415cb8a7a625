package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/printable"
)

type reconcileCommand struct {
	File    string `arg:"" name:"FILE.csv" help:"Settlement report, as a spreadsheet writes it, with the columns invoice_number, partner_refund_no_or_request_id, amount, status."`
	From    string `required:"" help:"Results from then on: 2026-11-21, '2026-11-21 09:00' or RFC 3339." placeholder:"TIME"`
	To      string `required:"" help:"Results before then." placeholder:"TIME"`
	Mapping string `help:"File of lines name=column that renames columns, and status.WORD=success, failed or pending." placeholder:"FILE"`
	CSV     string `name:"csv" help:"Write the differences to this file as well." placeholder:"FILE"`
}

// Run implements kong's command.
func (c reconcileCommand) Run(s *session) error {
	report, problems := c.read()
	from, to := s.instant(&problems, "--from", c.From), s.instant(&problems, "--to", c.To)
	if len(problems) == 0 && !from.Before(to) {
		problems.Add("--to", "must be after --from")
	}
	if len(problems) > 0 {
		return &usageError{problems}
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	ours, err := o.Results(s.ctx, from, to)
	if err != nil {
		return err
	}
	found := operator.Reconcile(ours, report)
	if c.CSV != "" {
		if err := writeCSV(c.CSV, found); err != nil {
			return err
		}
	}
	err = s.show(map[string]any{
		"differences": slices.Concat([]operator.Difference{}, found), "results": len(ours), "lines": len(report.Lines),
		"skipped": slices.Concat([]int{}, report.Skipped),
	}, func(p *sheet) { drawDifferences(p, found, len(ours), report) })
	if err != nil || len(found) == 0 {
		return err
	}
	return errFound
}

func drawDifferences(p *sheet, found []operator.Difference, results int, report operator.Report) {
	if len(found) > 0 {
		rows := differenceRows(found)
		for _, row := range rows {
			row[4], row[5] = inRupiah(row[4]), inRupiah(row[5]) // the file has digits alone
		}
		p.table(differenceHeader, rows)
	}
	if len(report.Skipped) > 0 {
		p.line("no refunds, skipped: lines %s of %s", strings.Trim(fmt.Sprint(report.Skipped), "[]"), report.File)
	}
	p.line("%d results against %d lines: %d differences", results, len(report.Lines), len(found))
}

func (c reconcileCommand) read() (report operator.Report, p config.Problems) {
	mapping := operator.Mapping{}
	if c.Mapping != "" {
		f, err := os.Open(c.Mapping)
		if err == nil {
			mapping, err = operator.ReadMapping(f)
			_ = f.Close()
		}
		if err != nil {
			p.Add("--mapping", "%s", err)
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		p.Add("FILE.csv", "%s", err)
		return report, p
	}
	defer func() { _ = f.Close() }()
	if report, err = operator.ReadReport(filepath.Base(c.File), f, mapping); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			p.Add("FILE.csv", "%s", line)
		}
	}
	return report, p
}

var differenceHeader = []string{"KIND", "REFUND_ID", "INVOICE", "NUMBER AT DOKU", "OURS", "THEIRS", "FILE", "LINE"}

func differenceRows(found []operator.Difference) [][]string {
	var rows [][]string
	for _, d := range found {
		line := ""
		if d.Line > 0 {
			line = fmt.Sprint(d.Line)
		}
		rows = append(rows, []string{d.Kind, d.RefundID, d.Invoice, d.Key, d.Ours, d.Theirs, d.File, line})
	}
	return rows
}

// inRupiah writes a cell that holds an amount as such; others hold a status.
func inRupiah(cell string) string {
	if amount, err := strconv.ParseInt(cell, 10, 64); err == nil && amount != 0 {
		return rupiah(amount)
	}
	return cell
}

func writeCSV(name string, found []operator.Difference) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	rows := [][]string{{"kind", "refund_id", "invoice_number", "partner_refund_no_or_request_id", "ours", "theirs", "line", "file"}}
	for _, row := range differenceRows(found) {
		file := len(row) - 2 // the line has long been the last column but one
		row[file], row[file+1] = row[file+1], row[file]
		rows = append(rows, printable.Cells(row))
	}
	if err := w.WriteAll(rows); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
