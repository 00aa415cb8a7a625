package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/operator"
)

// However narrow the terminal is, no line is wider, no text is left out, and the first
// column is whole and first.
func TestTablesFitTheTerminalAndLeaveNothingOut(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 1, 50, 0, time.UTC)
	page := operator.Page{Refunds: []operator.View{
		{RefundID: "RINV/2026/11/21/00012:a#b", InvoiceNumber: "INV/2026/11/21/00012", Channel: "direct_debit_mandiri", State: "unresolved",
			Why: "identifier_collision", Code: "4095801", Attempts: 3, Amount: 90000, EnqueuedAt: at, NextAt: at.Add(time.Hour)},
		{RefundID: "rf-2", InvoiceNumber: "INV-2", Channel: "emoney_ovo", State: "succeeded", Amount: 1500000, EnqueuedAt: at},
	}}
	for _, columns := range []int{40, 80, 120, 200} {
		p := &sheet{width: columns, zone: time.UTC}
		drawList(p, page, at.Add(time.Minute))
		text := p.text.String()
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
				t.Errorf("%d columns: %d wide: %s", columns, n, line)
			}
		}
		holds(t, text, "RINV/2026/11/21/00012:a#b", "INV/2026/11/21/00012", "direct_debit_mandiri", "unresolved", "identifier_collision", "Rp 90.000", "Rp 1.500.000")
		if lines := strings.Count(text, "\n"); columns == 200 && lines != 3 || !strings.HasPrefix(text, "ID") {
			t.Errorf("%d columns: %d lines:\n%s", columns, lines, text)
		}
	}
}

func TestALongCellGoesOnBelowItself(t *testing.T) {
	t.Parallel()
	note := strings.Repeat("a word ", 30) + strings.Repeat("x", 100)
	p := &sheet{width: 80, zone: time.UTC}
	p.table([]string{"WHEN", "STATE", "NOTE"}, [][]string{{"2026-11-21", "waiting", note}, {"2026-11-22", "failed", ""}})
	text := p.text.String()
	joined := strings.Join(strings.Fields(text), "")
	for line := range strings.Lines(text) {
		if len(line) > 81 {
			t.Errorf("too wide: %s", line)
		}
	}
	if !strings.Contains(joined, strings.ReplaceAll(note, " ", "")) || !strings.HasSuffix(text, "2026-11-22  failed\n") {
		t.Errorf("%s", text)
	}
}

// Counts that need a person are red, and a paused channel yellow; zeros are not.
func TestStatsShowWhereAPersonIsNeeded(t *testing.T) {
	t.Parallel()
	p := &sheet{colours: true, zone: time.UTC}
	drawStats(p, []operator.ChannelStats{{Channel: "credit_card", Unresolved: 2, Paused: true, PausedFor: "5m"}, {Channel: "emoney_ovo"}})
	holds(t, p.text.String(), "\x1b[1;31m2\x1b[0m", "\x1b[33mpaused for 5m\x1b[0m")
	if n := strings.Count(p.text.String(), "\x1b[1;31m"); n != 2 { // the channel's, and the sum
		t.Errorf("%d red counts:\n%s", n, p.text.String())
	}
}

func TestTimesAreInTheZoneThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"WIB": "2026-11-21 19:01:50 WIB", "wita": "2026-11-21 20:01:50 WITA", "WIT": "2026-11-21 21:01:50 WIT", "UTC": "2026-11-21 12:01:50 UTC",
		"Asia/Jakarta": "2026-11-21 19:01:50 WIB",
	} {
		location, err := zone(name)
		if err != nil {
			t.Fatal(err)
		}
		p := &sheet{zone: location}
		if got := p.clock(time.Date(2026, 11, 21, 12, 1, 50, 0, time.UTC)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := zone("Jakarta"); err == nil {
		t.Error("Jakarta is a zone")
	}
}

func TestProgressIsABarThatGoesAway(t *testing.T) {
	t.Parallel()
	if got := progressBar(500, 1000); got != "\r\x1b[K[###############               ] 50 % of 1000 messages" {
		t.Errorf("%q", got)
	}
	if got := progressBar(1000, 1000); got != "\r\x1b[K" {
		t.Errorf("%q", got)
	}
}
