package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

func TestTheTableIsRedrawnInPlace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	width, height := 80, 24
	s := &screen{out: &out, size: func() (int, int) { return width, height }}
	draw := func(lines ...string) string {
		out.Reset()
		s.draw(func(w, h int) []string {
			if w != width-1 || h != height-1 {
				t.Errorf("frame of %dx%d on %dx%d", w, h, width, height)
			}
			return lines
		})
		return out.String()
	}
	if got := draw("a", "b"); got != "\x1b[?25la\x1b[K\nb\x1b[K\n\x1b[J" {
		t.Errorf("first: %q", got)
	}
	if got := draw("c", "d", "e"); got != "\x1b[2A\rc\x1b[K\nd\x1b[K\ne\x1b[K\n\x1b[J" {
		t.Errorf("again: %q", got)
	}
	width = 60
	if got := draw("f"); got != "\x1b[H\x1b[2Jf\x1b[K\n\x1b[J" {
		t.Errorf("after a change of size: %q", got)
	}
	out.Reset()
	s.erase()
	s.erase()
	s.release()
	if got := out.String(); got != "\x1b[1A\r\x1b[J\x1b[?25h" {
		t.Errorf("at the end: %q", got)
	}
}

func TestPlainLinesWhereNothingCanBeRedrawn(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	none := func(string) string { return "" }
	if newScreen(&bytes.Buffer{}, none) != nil || newScreen(file, none) != nil {
		t.Error("a screen on what is no terminal")
	}
	for _, c := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"", "", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		env := map[string]string{"NO_COLOR": c.noColor, "TERM": c.term}
		if got := fancy(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%v: got %v", env, got)
		}
	}
}

func TestColoursStandOnTheStateAlone(t *testing.T) {
	t.Parallel()
	b := newProgress(allScenarios())
	b.settled(ended("void", refund.Succeeded))
	plain, coloured := b.frame(140, 50, noon, false), b.frame(140, 50, noon, true)
	strip := strings.NewReplacer("\x1b[1m", "", "\x1b[32m", "", "\x1b[0m", "")
	for i := range plain {
		if got := strip.Replace(coloured[i]); got != plain[i] {
			t.Errorf("%q became %q", plain[i], got)
		}
	}
	if text := strings.Join(coloured, "\n"); !strings.Contains(text, "\x1b[32msucceeded  \x1b[0m") {
		t.Errorf("got %q", text)
	}
}
