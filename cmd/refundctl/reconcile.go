package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"

	"refundworker/internal/operate"
	"refundworker/internal/settings"
)

type reconcileCommand struct {
	File    string `arg:"" name:"FILE.csv" help:"Settlement report with the columns invoice_number, partner_refund_no_or_request_id, amount, status."`
	From    string `required:"" help:"Results from then on: 2026-11-21 (UTC) or RFC 3339." placeholder:"TIME"`
	To      string `required:"" help:"Results before then." placeholder:"TIME"`
	Mapping string `help:"File of lines name=column that renames columns, and status.WORD=success or failed." placeholder:"FILE"`
	CSV     string `name:"csv" help:"Write the differences to this file as well." placeholder:"FILE"`
}

// Run implements kong's command.
func (c reconcileCommand) Run(s *session) error {
	report, problems := c.read()
	from, to := instant(&problems, "--from", c.From), instant(&problems, "--to", c.To)
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
	found := operate.Reconcile(ours, report)
	if c.CSV != "" {
		if err := writeCSV(c.CSV, found); err != nil {
			return err
		}
	}
	err = s.show(map[string]any{
		"differences": slices.Concat([]operate.Difference{}, found), "results": len(ours), "lines": len(report),
	}, func(p *sheet) {
		if len(found) > 0 {
			p.table(differenceHeader, differenceRows(found))
		}
		p.line("%d results against %d lines: %d differences", len(ours), len(report), len(found))
	})
	if err != nil || len(found) == 0 {
		return err
	}
	return errFound
}

func (c reconcileCommand) read() (report []operate.Line, p settings.Problems) {
	mapping := operate.Mapping{}
	if c.Mapping != "" {
		text, err := os.ReadFile(c.Mapping)
		if err == nil {
			mapping, err = operate.ReadMapping(string(text))
		}
		if err != nil {
			p.Add("--mapping", "%s", err)
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		p.Add("FILE.csv", "%s", err)
		return nil, p
	}
	defer func() { _ = f.Close() }()
	if report, err = operate.ReadReport(f, mapping); err != nil {
		p.Add("FILE.csv", "%s", err)
	}
	return report, p
}

var differenceHeader = []string{"KIND", "REFUND_ID", "INVOICE", "NUMBER AT DOKU", "OURS", "THEIRS", "LINE"}

func differenceRows(found []operate.Difference) [][]string {
	var rows [][]string
	for _, d := range found {
		line := ""
		if d.Line > 0 {
			line = fmt.Sprint(d.Line)
		}
		rows = append(rows, []string{d.Kind, d.RefundID, d.Invoice, d.Key, d.Ours, d.Theirs, line})
	}
	return rows
}

func writeCSV(name string, found []operate.Difference) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	if err := w.WriteAll(append([][]string{{"kind", "refund_id", "invoice_number", "partner_refund_no_or_request_id", "ours", "theirs", "line"}},
		differenceRows(found)...)); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
