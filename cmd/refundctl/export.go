package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

type exportCommand struct {
	From  string `help:"Only what was stored from then on: 2026-11-21, '2026-11-21 09:00' or RFC 3339." placeholder:"TIME"`
	To    string `help:"Only what was stored before; by default now." placeholder:"TIME"`
	After uint64 `help:"Only what has a later sequence." placeholder:"SEQUENCE"`
	File  string `help:"Append to this file; one that was begun is gone on with, after its last whole line. Without it: standard output." placeholder:"FILE"`
}

// exported is one line of an export.
type exported struct {
	Sequence uint64          `json:"sequence"`
	Stored   time.Time       `json:"stored"`
	Subject  string          `json:"subject"`
	Record   refund.Record   `json:"record"`
	Result   json.RawMessage `json:"result,omitempty"`
}

// Run implements kong's command.
func (c exportCommand) Run(s *session) error {
	var p config.Problems
	span := operator.Span{After: c.After, From: s.instant(&p, "--from", c.From), To: s.instant(&p, "--to", c.To)}
	if len(p) > 0 {
		return &usageError{p}
	}
	if span.To.IsZero() {
		span.To = time.Now()
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	if c.File == "" {
		_, err = export(s, o, span, s.stdout)
		return err
	}
	return c.toFile(s, o, span)
}

func (c exportCommand) toFile(s *session, o operator.Operator, span operator.Span) error {
	f, err := os.OpenFile(c.File, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	last, err := resume(f)
	if err != nil {
		return fmt.Errorf("go on with %s: %w", c.File, err)
	}
	span.After = max(span.After, last)
	n, err := export(s, o, span, f)
	if err != nil {
		return fmt.Errorf("%w (%d lines are written; the same command goes on from there)", err, n)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return s.show(map[string]any{"file": c.File, "written": n, "resumed_after": last}, func(p *sheet) {
		if last > 0 {
			p.line("went on after sequence %d", last)
		}
		p.line("wrote %d records to %s", n, c.File)
	})
}

// export writes the span, a line a record.
func export(s *session, o operator.Operator, span operator.Span, w io.Writer) (n int, err error) {
	out := bufio.NewWriterSize(w, 1<<16)
	err = o.Read(s.ctx, span, func(r operator.Recorded) error {
		n++
		return writeJSON(out, exported{r.Sequence, r.Stored, r.Subject, r.Record, r.Result}, "")
	})
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return n, err
}

// resume returns the sequence of the last whole line, and leaves the file
// ending there: an export that was cut off may have left half a line.
func resume(f *os.File) (last uint64, err error) {
	end := int64(0)
	for in := bufio.NewReaderSize(f, 1<<16); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break // io.EOF, with or without half a line
		}
		var head struct {
			Sequence uint64 `json:"sequence"`
		}
		if err := json.Unmarshal(bytes.TrimSpace(line), &head); err != nil || head.Sequence <= last {
			return 0, fmt.Errorf("the line at byte %d is not of an export", end)
		}
		last = head.Sequence
		end += int64(len(line))
	}
	if err := f.Truncate(end); err != nil {
		return 0, err
	}
	_, err = f.Seek(end, io.SeekStart)
	return last, err
}

// instant reads a time: a day (its beginning) or a minute in the session's zone, or RFC
// 3339.
func (s *session) instant(p *config.Problems, name, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, text, s.location); err == nil {
			return t.UTC()
		}
	}
	p.Add(name, "%q is neither a day such as 2026-11-21, nor a minute such as '2026-11-21 09:00', nor RFC 3339", text)
	return time.Time{}
}
