package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/retry"
)

type deadCommand struct {
	List    deadListCommand    `cmd:"" help:"Dead letters that nobody has replayed or discarded."`
	Show    deadShowCommand    `cmd:"" help:"One letter: where it came from and why it is no job."`
	Replay  deadReplayCommand  `cmd:"" help:"Publish the jobs of letters, as they were or changed."`
	Discard deadDiscardCommand `cmd:"" help:"Erase letters; who did it and why is kept."`
}

type deadListCommand struct {
	Channel string `help:"One channel." placeholder:"CHANNEL"`
	Reason  string `help:"unreadable or refund_id_conflict." placeholder:"REASON"`
	All     bool   `help:"Replayed ones as well, and what was done about letters that are gone."`
}

func (c deadListCommand) filter() (operator.DeadFilter, error) {
	ch, err := channelFlag(c.Channel)
	if err != nil {
		return operator.DeadFilter{}, err
	}
	if c.Reason != "" {
		var p config.Problems
		p.OneOf("--reason", c.Reason, "unreadable", "refund_id_conflict")
		if len(p) > 0 {
			return operator.DeadFilter{}, &usageError{p}
		}
	}
	return operator.DeadFilter{Channel: ch, Reason: c.Reason, All: c.All}, nil
}

// Run implements kong's command.
func (c deadListCommand) Run(s *session) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	letters, actions, err := o.DeadLetters(s.ctx, f)
	if err != nil {
		return err
	}
	report := map[string]any{"letters": slices.Concat([]operator.DeadLetter{}, letters)}
	if c.All {
		report["actions"] = slices.Concat([]operator.Action{}, actions)
	}
	return s.show(report, func(p *sheet) {
		drawLetters(p, letters)
		if c.All && len(actions) > 0 {
			drawActions(p, actions)
		}
	})
}

func drawLetters(p *sheet, letters []operator.DeadLetter) {
	if len(letters) == 0 {
		p.line("no dead letter")
		return
	}
	var rows [][]string
	for _, l := range letters {
		problem := l.Problem
		if l.Handled != nil {
			problem = l.Handled.Action + " by " + l.Handled.Operator
		}
		rows = append(rows, []string{
			fmt.Sprint(l.Sequence), p.clock(l.Stored), string(l.Channel), l.Reason, l.RefundID, fmt.Sprint(l.Size), problem,
		})
	}
	p.table([]string{"LETTER", "WHEN", "CHANNEL", "REASON", "REFUND_ID", "BYTES", "PROBLEM"}, rows)
}

func drawActions(p *sheet, actions []operator.Action) {
	var rows [][]string
	for _, a := range actions {
		rows = append(rows, []string{fmt.Sprint(a.Letter), p.clock(a.At), a.Action, a.RefundID, a.Operator, a.Because})
	}
	p.line("")
	p.table([]string{"LETTER", "WHEN", "ACTION", "REFUND_ID", "WHO", "BECAUSE"}, rows)
}

type deadShowCommand struct {
	Letter uint64 `arg:"" name:"LETTER" help:"Number from dead list."`
	Raw    bool   `help:"Write the message itself, byte for byte. It may hold a customer's token: never paste it anywhere."`
}

// letterReport is a letter and those fields of its message that may be shown.
type letterReport struct {
	operator.DeadLetter
	Job operator.Shown `json:"job"`
}

// Run implements kong's command.
func (c deadShowCommand) Run(s *session) error {
	o, err := s.operator()
	if err != nil {
		return err
	}
	l, err := o.DeadLetter(s.ctx, c.Letter)
	if err != nil {
		return err
	}
	if c.Raw {
		_, err = s.stdout.Write(l.Body)
		return err
	}
	job := operator.ShowJob(l.Channel, l.Body)
	return s.show(letterReport{l, job}, func(p *sheet) {
		p.fields("letter", fmt.Sprint(l.Sequence), "when", p.clock(l.Stored), "reason", l.Reason, "problem", l.Problem,
			"from", fmt.Sprintf("%s, sequence %d", l.Subject, l.Source), "bytes", fmt.Sprint(l.Size))
		if l.Handled != nil {
			p.fields("handled", fmt.Sprintf("%s by %s at %s: %s", l.Handled.Action, l.Handled.Operator, p.clock(l.Handled.At), l.Handled.Because))
		}
		p.line("fields that keep their rules:")
		drawJob(p, job)
	})
}

func drawJob(p *sheet, j operator.Shown) {
	p.fields("  refund_id", j.RefundID, "  channel", string(j.Channel), "  invoice", j.InvoiceNumber, "  payment", j.OriginalRequestID,
		"  amount", rupiah(j.Amount), "  reason", j.Reason, "  not before", p.clock(j.NotBefore), "  deadline", p.clock(j.Deadline),
		"  customer", j.Customer)
	for _, key := range slices.Sorted(maps.Keys(j.Metadata)) {
		p.fields("  metadata", key+" = "+j.Metadata[key])
	}
}

type deadReplayCommand struct {
	Letters []uint64 `arg:"" optional:"" name:"LETTER" help:"Numbers from dead list."`
	All     bool     `help:"All that nobody has handled yet."`
	Channel string   `help:"With --all: of one channel." placeholder:"CHANNEL"`
	Reason  string   `help:"With --all: of one reason." placeholder:"REASON"`
	Set     []string `sep:"none" help:"Change a field: refund_id, amount, customer.access_token, metadata.KEY and so on. @FILE reads the value from a file, for what others must not see. An empty value takes the field away." placeholder:"FIELD=VALUE"`
	Because string   `help:"Why; needed but for a dry run." placeholder:"TEXT"`
	DryRun  bool     `help:"Check, and publish nothing."`
	Rate    string   `default:"10" help:"Jobs a second." placeholder:"N"`
}

// Run implements kong's command. A letter that is refused stops only itself.
func (c deadReplayCommand) Run(s *session) error {
	changes, rate, problems := c.check()
	if len(problems) > 0 {
		return &usageError{problems}
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	letters, err := c.letters(s, o)
	if err != nil {
		return err
	}
	var r replayReport
	for i, letter := range letters {
		if i > 0 && !c.DryRun {
			_ = retry.Sleep(s.ctx, time.Duration(float64(time.Second)/rate))
		}
		replayed, err := o.Replay(s.ctx, letter, changes, c.Because, c.DryRun)
		if err != nil {
			r.Refused = append(r.Refused, refusal{letter, err.Error()})
			continue
		}
		r.Replayed = append(r.Replayed, replayed)
	}
	if err := s.show(r, func(p *sheet) { r.draw(p, c.DryRun) }); err != nil || len(r.Refused) == 0 {
		return err
	}
	return errFound
}

func (c deadReplayCommand) check() (changes []operator.Change, rate float64, p config.Problems) {
	if c.All == (len(c.Letters) > 0) {
		p.Add("LETTER", "give the numbers of letters, or --all")
	}
	if c.Because == "" && !c.DryRun {
		p.Add("--because", "must be given")
	}
	if rate = p.Rate("--rate", c.Rate); rate == 0 && len(p) == 0 {
		p.Add("--rate", "must be more than 0")
	}
	for _, text := range c.Set {
		change, err := operator.ParseChange(text)
		if err != nil {
			p.Add("--set", "is not of the form FIELD=VALUE") // the text may be a secret
			continue
		}
		if file, ok := strings.CutPrefix(change.Value, "@"); ok {
			content, err := os.ReadFile(file) //nolint:gosec // the operator names the file
			if err != nil {
				p.Add("--set", "%s", err)
			}
			change.Value = strings.TrimSpace(string(content))
		}
		changes = append(changes, change)
	}
	if len(c.Letters) > 1 || c.All {
		for _, change := range changes {
			if change.Field == "refund_id" {
				p.Add("--set", "refund_id: several letters cannot become one refund")
			}
		}
	}
	return changes, rate, p
}

func (c deadReplayCommand) letters(s *session, o operator.Operator) ([]uint64, error) {
	if !c.All {
		return c.Letters, nil
	}
	f, err := deadListCommand{Channel: c.Channel, Reason: c.Reason}.filter()
	if err != nil {
		return nil, err
	}
	found, _, err := o.DeadLetters(s.ctx, f)
	var letters []uint64
	for _, l := range found {
		letters = append(letters, l.Sequence)
	}
	return letters, err
}

type refusal struct {
	Letter uint64 `json:"letter"`
	Why    string `json:"why"`
}

type replayReport struct {
	Replayed []operator.Replayed `json:"replayed"`
	Refused  []refusal           `json:"refused"`
}

func (r replayReport) draw(p *sheet, dry bool) {
	for _, one := range r.Replayed {
		verb := fmt.Sprintf("published as job %d", one.Published)
		if dry {
			verb = "would be published"
		}
		if one.Known != "" {
			verb += "; the refund has this very content and is " + one.Known + ": it is not made a second time"
		}
		p.line("letter %d: %s", one.Letter, verb)
		drawJob(p, one.Job)
	}
	for _, one := range r.Refused {
		p.line("refused to %s", one.Why)
	}
	p.line("published: %d, refused: %d", len(r.Replayed)-dryCount(r, dry), len(r.Refused))
}

func dryCount(r replayReport, dry bool) int {
	if dry {
		return len(r.Replayed)
	}
	return 0
}

type deadDiscardCommand struct {
	Letters []uint64 `arg:"" name:"LETTER" help:"Numbers from dead list."`
	Because string   `required:"" help:"Why; it is kept beside the letters." placeholder:"TEXT"`
}

// Run implements kong's command.
func (c deadDiscardCommand) Run(s *session) error {
	o, err := s.operator()
	if err != nil {
		return err
	}
	var gone []uint64
	for _, letter := range c.Letters {
		if _, err := o.Discard(s.ctx, letter, c.Because); err != nil {
			return err
		}
		gone = append(gone, letter)
	}
	return s.show(map[string]any{"discarded": gone, "operator": s.Operator, "because": c.Because}, func(p *sheet) {
		p.line("erased letters: %s; that %s did it, and why, is kept", strings.Trim(fmt.Sprint(gone), "[]"), s.Operator)
	})
}
