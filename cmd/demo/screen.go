package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// paint writes colours, or none.
type paint bool

// Colours of ECMA-48's SGR.
const (
	bold   = "1"
	green  = "32"
	yellow = "33"
	red    = "31"
	purple = "35"
)

var colours = map[tone]string{busy: yellow, good: green, bad: red, open: purple}

func (p paint) with(colour, text string) string {
	if !p || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (p paint) title(text string) string { return p.with(bold, text) }

// state colours the part of a line that names its state.
func (p paint) state(text string, r row, columns []column) string {
	from := 0
	for _, c := range columns {
		if c.title == stateColumn.title {
			to := min(from+c.width, len(text))
			from = min(from, to)
			return text[:from] + p.with(colours[r.tone], text[from:to]) + text[to:]
		}
		from += c.width + 1
	}
	return text
}

// screen redraws a block of lines in place.
type screen struct {
	out           io.Writer
	size          func() (width, height int)
	width, height int // when it was last drawn
	lines         int // of the block on the screen
}

// draw replaces the block. It is written at once, so that no half of it is
// ever seen.
func (s *screen) draw(frame func(width, height int) []string) {
	width, height := s.size()
	var b strings.Builder
	switch {
	case s.lines == 0:
		b.WriteString("\x1b[?25l") // hides the cursor
	case width != s.width || height != s.height:
		b.WriteString("\x1b[H\x1b[2J") // the terminal has wrapped our lines: nobody knows where they are
	default:
		fmt.Fprintf(&b, "\x1b[%dA\r", s.lines)
	}
	// A line that fills the last column would make some terminals wrap.
	lines := frame(max(width-1, 20), max(height-1, 4))
	for _, text := range lines {
		b.WriteString(text + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	s.width, s.height, s.lines = width, height, len(lines)
	_, _ = io.WriteString(s.out, b.String())
}

// erase takes the block away, so that something longer can stand there.
func (s *screen) erase() {
	if s.lines > 0 {
		_, _ = fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", s.lines)
		s.lines = 0
	}
}

// release gives the cursor back.
func (s *screen) release() { _, _ = io.WriteString(s.out, "\x1b[?25h") }

// newScreen returns nil where lines must be plain: no terminal, or a user or a
// terminal that wants no colours.
func newScreen(out io.Writer, getenv func(string) string) *screen {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || !fancy(getenv) {
		return nil
	}
	return &screen{out: out, size: func() (int, int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}}
}

func fancy(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// plainLine is one change, where nothing can be redrawn.
func plainLine(r row, since time.Duration, now time.Time) string {
	text := fmt.Sprintf("%5.1fs  %-12s %-20s %-11s", since.Seconds(), r.name, r.channel, r.state)
	if r.state == "queued" {
		return clip(text+" "+amountOf(r)+r.what, 1000)
	}
	if r.attempt > 0 {
		text += " try " + number(r.attempt) + ","
	}
	if next := nextTry(r, now); next == "now" {
		text += " due now,"
	} else if next != "" {
		text += " next in " + next + ","
	}
	return clip(text+" "+r.note, 1000)
}

func amountOf(r row) string {
	if r.amount == 0 {
		return "scenario: "
	}
	return rupiah(r.amount) + ", scenario: "
}
