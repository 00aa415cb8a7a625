package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// column is one of the table. Widths are in characters; all that we print is
// ASCII, so that they are columns of the terminal as well.
type column struct {
	title string
	width int // 0: has a share of what is left
	share int
	cell  func(r row, now time.Time) string
}

// wideFrom is the width from which scenario and result fit side by side.
const wideFrom = 118

var (
	nameColumn    = column{"id", 12, 0, func(r row, _ time.Time) string { return r.name }}
	channelColumn = column{"channel", 20, 0, func(r row, _ time.Time) string { return r.channel }}
	stateColumn   = column{"state", 11, 0, func(r row, _ time.Time) string { return r.state }}
	tryColumn     = column{"try", 3, 0, func(r row, _ time.Time) string { return number(r.attempt) }}
	nextColumn    = column{"next", 5, 0, nextTry}
	whatColumn    = column{"scenario", 0, 4, func(r row, _ time.Time) string { return r.what }}
	resultColumn  = column{"result", 0, 3, func(r row, _ time.Time) string { return r.note }}
	mergedColumn  = column{"scenario, then result", 0, 1, whatOrResult}

	wideColumns   = []column{nameColumn, channelColumn, stateColumn, tryColumn, nextColumn, whatColumn, resultColumn}
	narrowColumns = []column{nameColumn, stateColumn, tryColumn, nextColumn, mergedColumn}
)

// unanswered is how long a send goes without an answer before the table says
// when another worker may ask about it.
const unanswered = 2 * time.Second

func nextTry(r row, now time.Time) string {
	if r.next.IsZero() || (!r.sent.IsZero() && now.Sub(r.sent) < unanswered) {
		return ""
	}
	left := r.next.Sub(now)
	if left <= 0 {
		return "now"
	}
	if left < 100*time.Second {
		return fmt.Sprintf("%.1fs", left.Seconds())
	}
	return left.Round(time.Minute).String()
}

func whatOrResult(r row, _ time.Time) string {
	if r.ended != "" || (r.note != "" && r.attempt > 0) {
		return r.note
	}
	return r.what
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// layout gives each column its width, so that a line has at most width
// characters.
func layout(columns []column, width int) []column {
	left, shares := width-(len(columns)-1), 0
	for _, c := range columns {
		left -= c.width
		shares += c.share
	}
	fitted := make([]column, len(columns))
	for i, c := range columns {
		if c.share > 0 {
			c.width = max(left*c.share/shares, 0)
			left -= c.width
			shares -= c.share
		}
		fitted[i] = c
	}
	return fitted
}

// columnsFor chooses what fits the width.
func columnsFor(width int) []column {
	if width >= wideFrom {
		return layout(wideColumns, width)
	}
	return layout(narrowColumns, width)
}

// line writes one row, or the titles where r is nil. It has at most width
// characters, colours not counted.
func line(columns []column, r *row, now time.Time, width int, p paint) string {
	var b strings.Builder
	for i, c := range columns {
		text := c.title
		if r != nil {
			text = c.cell(*r, now)
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(pad(text, c.width))
	}
	text := clip(strings.TrimRight(b.String(), " "), width)
	if r == nil {
		return p.title(text)
	}
	return p.state(text, *r, columns)
}

// frame is the table at one moment, in at most height lines of at most width
// characters. Where it has more rows, those that changed last are shown.
func (b *progress) frame(width, height int, now time.Time, p paint) []string {
	columns := columnsFor(width)
	shown, hidden := b.visible(height - 2)
	lines := []string{line(columns, nil, now, width, p)}
	for _, i := range shown {
		lines = append(lines, line(columns, &b.rows[i], now, width, p))
	}
	return append(lines, p.title(clip(b.footer(hidden), width)))
}

// whole is the table at the end, however long: where it is narrow, the
// scenario has a line of its own.
func (b *progress) whole(width int, p paint) []string {
	if width >= wideFrom {
		return b.frame(width, len(b.rows)+2, time.Time{}, p)
	}
	columns := columnsFor(width)
	lines := []string{line(columns, nil, time.Time{}, width, p)}
	for i := range b.rows {
		lines = append(lines,
			line(columns, &b.rows[i], time.Time{}, width, p),
			clip(pad("", nameColumn.width)+" ("+b.rows[i].what+")", width))
	}
	return append(lines, p.title(clip(b.footer(0), width)))
}

// visible chooses at most room rows, in their order: open ones before ended
// ones, then those that changed last.
func (b *progress) visible(room int) (shown []int, hidden int) {
	room = max(room, 1)
	if len(b.rows) <= room {
		for i := range b.rows {
			shown = append(shown, i)
		}
		return shown, 0
	}
	chosen := make([]bool, len(b.rows))
	for range room {
		best := -1
		for i := range b.rows {
			if !chosen[i] && (best < 0 || b.rows[i].before(b.rows[best])) {
				best = i
			}
		}
		chosen[best] = true
	}
	for i, yes := range chosen {
		if yes {
			shown = append(shown, i)
		}
	}
	return shown, len(b.rows) - room
}

// before reports whether r is the one to show where there is room for one.
func (r row) before(other row) bool {
	if mine, theirs := r.open(), other.open(); mine != theirs {
		return mine
	}
	return r.changed > other.changed
}

func (r row) open() bool { return r.state != "" && r.ended == "" }

func (b *progress) footer(hidden int) string {
	counts := map[string]int{}
	for _, r := range b.rows {
		counts[r.state]++
	}
	text := fmt.Sprintf("%d lines:", len(b.rows))
	for _, state := range []string{
		"queued", "sending", "waiting", "unknown", "succeeded", "failed", "rejected", "unresolved", "dead letter",
	} {
		if counts[state] > 0 {
			text += fmt.Sprintf(" %d %s,", counts[state], state)
		}
	}
	text = strings.TrimRight(text, ",:") + b.openBreakers()
	if hidden > 0 {
		text += fmt.Sprintf(" (%d not shown)", hidden)
	}
	return text
}

func pad(text string, width int) string {
	text = clip(text, width)
	return text + strings.Repeat(" ", width-len(text))
}

// clip makes text printable ASCII, so that nothing in it moves the cursor, and
// cuts it to width.
func clip(text string, width int) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
	switch {
	case len(text) <= width:
		return text
	case width <= 2:
		return text[:max(width, 0)]
	}
	return text[:width-2] + ".."
}
