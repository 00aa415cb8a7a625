package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// show prints a report: v as one JSON document, or what draw makes of it.
func (s *session) show(v any, draw func(*sheet)) error {
	if s.Output == "json" {
		e := json.NewEncoder(s.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	p := &sheet{colours: colourful(s.stdout)}
	draw(p)
	_, err := io.WriteString(s.stdout, p.text.String())
	return err
}

// colourful reports whether colours can be seen and are wanted.
func colourful(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}

// sheet is text for a person.
type sheet struct {
	text    strings.Builder
	colours bool
}

func (p *sheet) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// colours by state and finding; what is not here has none.
var colours = map[string]string{
	"succeeded": "32", "ok": "32", "failed": "31", "rejected": "31", "problem": "31", "unresolved": "1;31",
	"unknown": "33", "waiting": "33", "sending": "33", "warning": "33", "paused": "33",
}

func (p *sheet) colour(word string) string {
	if code, ok := colours[word]; ok && p.colours {
		return "\x1b[" + code + "m" + word + "\x1b[0m"
	}
	return word
}

// fields prints pairs of name and value, one a line; empty values are left out.
func (p *sheet) fields(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			p.line("%-12s %s", pairs[i], p.colour(pairs[i+1]))
		}
	}
}

// table prints rows under a header, in columns as wide as their longest cell.
func (p *sheet) table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(p.colour(cell))
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		p.line("%s", strings.TrimRight(line.String(), " "))
	}
}

// clock is how times are shown: in UTC, to the second.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
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

// rupiah writes an amount with its thousands apart.
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
