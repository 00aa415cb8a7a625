package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/refund"
)

type resolveCommand struct {
	RefundID  string `arg:"" optional:"" name:"ID" help:"refund_id."`
	Succeeded bool   `xor:"word" help:"The money was refunded."`
	Failed    bool   `xor:"word" help:"The money was not refunded, and never will be by this request."`
	Because   string `help:"How you know; it is kept in the result for ever." placeholder:"TEXT"`
	File      string `help:"Settle many: a table with the columns refund_id, verdict (succeeded or failed) and evidence. No filter may decide about money." placeholder:"FILE.csv"`
	DryRun    bool   `help:"With --file: only tell what would be settled, and what refused."`
}

// Run implements kong's command.
func (c resolveCommand) Run(s *session) error {
	verdicts, problems := c.check()
	if len(problems) > 0 {
		return &usageError{problems}
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	if c.File != "" {
		return c.many(s, o, verdicts)
	}
	word := refund.Failed
	if c.Succeeded {
		word = refund.Succeeded
	}
	done, err := o.Resolve(s.ctx, c.RefundID, word, c.Because)
	if err != nil {
		return err
	}
	return s.acted("resolve", fmt.Sprintf("settled: the result is %s, by the word of %s", word, s.Operator), done)
}

func (c resolveCommand) check() (verdicts []operator.Verdict, p config.Problems) {
	if c.File != "" {
		if c.RefundID != "" || c.Succeeded || c.Failed || c.Because != "" {
			p.Add("--file", "has id, verdict and evidence of each refund: give none beside it")
			return nil, p
		}
		return readVerdicts(c.File)
	}
	if c.RefundID == "" {
		p.Add("ID", "must be given, or --file")
	}
	if !c.Succeeded && !c.Failed {
		p.Add("--succeeded", "or --failed must be given")
	}
	if strings.TrimSpace(c.Because) == "" {
		p.Add("--because", "must be given")
	}
	if c.DryRun {
		p.Add("--dry-run", "goes with --file")
	}
	return nil, p
}

func readVerdicts(name string) (verdicts []operator.Verdict, p config.Problems) {
	f, err := os.Open(name)
	if err != nil {
		p.Add("--file", "%s", err)
		return nil, p
	}
	defer func() { _ = f.Close() }()
	verdicts, err = operator.ReadVerdicts(filepath.Base(name), f)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			p.Add("--file", "%s", line)
		}
	}
	return verdicts, p
}

// settlement is what became of one line of a file.
type settlement struct {
	Line     int    `json:"line"`
	RefundID string `json:"refund_id"`
	Verdict  string `json:"verdict"`
	Evidence string `json:"evidence"`
	Amount   int64  `json:"amount"` // rupiah
	Settled  bool   `json:"settled"`
	Refused  string `json:"refused,omitempty"`
}

// many looks at every line first. Where one would be refused, or it is a dry run,
// nothing is settled: a file that does not fit is a mistake somewhere.
func (c resolveCommand) many(s *session, o operator.Operator, verdicts []operator.Verdict) error {
	list, refused := make([]settlement, len(verdicts)), 0
	for i, v := range verdicts {
		entry, err := o.MayResolve(s.ctx, v.RefundID, v.Word, v.Evidence)
		list[i] = settlement{Line: v.Line, RefundID: v.RefundID, Verdict: v.Word.String(), Evidence: v.Evidence, Amount: entry.Record.Job.Amount}
		if err != nil {
			list[i].Refused = problemOf(err)
			refused++
		}
	}
	if refused == 0 && !c.DryRun {
		for i, v := range verdicts {
			if _, err := o.Resolve(s.ctx, v.RefundID, v.Word, v.Evidence); err != nil {
				list[i].Refused = problemOf(err) // it has moved meanwhile
				refused++
				continue
			}
			list[i].Settled = true
		}
	}
	err := s.show(map[string]any{"settlements": list, "refused": refused, "dry_run": c.DryRun}, func(p *sheet) { drawSettlements(p, list, refused, c.DryRun) })
	if err != nil || refused == 0 {
		return err
	}
	return errFound
}

func drawSettlements(p *sheet, list []settlement, refused int, dry bool) {
	var rows [][]string
	settled := 0
	for _, l := range list {
		became := "would be settled"
		switch {
		case l.Refused != "":
			became = l.Refused
		case l.Settled:
			became = "settled"
			settled++
		case !dry:
			became = "not settled, for another line is refused"
		}
		rows = append(rows, []string{l.RefundID, l.Verdict, rupiah(l.Amount), became, l.Evidence})
	}
	p.table([]string{"ID", "VERDICT", "AMOUNT", "", "EVIDENCE"}, rows)
	switch {
	case dry:
		p.line("%d lines: %d would be refused; nothing was changed", len(list), refused)
	case settled == 0:
		p.line("%d lines: %d refused, so nothing was settled", len(list), refused)
	default:
		p.line("%d lines: %d settled, %d refused", len(list), settled, refused)
	}
}

// problemOf is an error of one refund in one line.
func problemOf(err error) string {
	if errors.Is(err, operator.ErrNoRecord) {
		return "there is no such refund"
	}
	return printable.Error(err)
}
