package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/printable"
)

// show prints a report: v as one JSON document, or what draw makes of it.
func (s *session) show(v any, draw func(*sheet)) error {
	if s.Output == "json" {
		return writeJSON(s.stdout, v, "  ")
	}
	p := s.sheet()
	draw(p)
	_, err := io.WriteString(s.stdout, p.text.String())
	return err
}

// sheet returns an empty one for stdout.
func (s *session) sheet() *sheet {
	return &sheet{colours: colourful(s.stdout), width: config.Columns(s.stdout), zone: s.location}
}

// writeJSON writes one document, and a line end. Its strings are as they were,
// and none of them can do anything to a terminal.
func writeJSON(w io.Writer, v any, indent string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(printable.JSON(text.Bytes()))
	return err
}

// colourful reports whether colours can be seen and are wanted.
func colourful(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && config.IsTerminal(w)
}

// sheet is text for a person. Whatever is put into it may come from outside, and
// is made printable here.
type sheet struct {
	text    strings.Builder
	colours bool
	width   int            // columns of the terminal; 0: lines may have any length
	zone    *time.Location // of the times that are shown
}

// line prints a line; format is the program's own.
func (p *sheet) line(format string, args ...any) {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case painted, int, int32, int64, uint64, float64:
			safe[i] = v
		default:
			safe[i] = printable.Text(fmt.Sprint(v))
		}
	}
	fmt.Fprintf(&p.text, format+"\n", safe...)
}

// painted is text that is printable already, and may have our own colours.
type painted string

// colours by state and finding; what is not here has none.
var colours = map[string]string{
	"succeeded": "32", "ok": "32", "failed": "31", "rejected": "31", "problem": "31", "unresolved": "1;31",
	"unknown": "33", "waiting": "33", "sending": "33", "warning": "33", "paused": "33",
}

func (p *sheet) colour(word string) painted { return p.paint(word, word) }

// paint gives a text the colour of a word.
func (p *sheet) paint(word, text string) painted {
	if code, ok := colours[word]; ok && p.colours && text != "" {
		return painted("\x1b[" + code + "m" + printable.Text(text) + "\x1b[0m")
	}
	return painted(printable.Text(text))
}

// fields prints pairs of name and value, one a line; empty values are left out.
func (p *sheet) fields(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			p.line("%-12s %s", pairs[i], p.colour(pairs[i+1]))
		}
	}
}

// width is how much of a line a cell takes, as it is shown.
func width(cell string) int { return utf8.RuneCountInString(printable.Text(cell)) }

// clock is how times are shown: to the second, with their zone.
func (p *sheet) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(p.zone).Format("2006-01-02 15:04:05 MST")
}

// span is how long from now, for a person.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return span(-d) + " ago"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d/time.Hour), int(d/time.Minute)%60)
	}
	return d.Round(time.Second).String()
}

// rupiah writes an amount with its thousands apart; none is nothing.
func rupiah(amount int64) string {
	if amount == 0 {
		return ""
	}
	text := fmt.Sprint(amount)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "." + text[i:]
	}
	return "Rp " + text
}
