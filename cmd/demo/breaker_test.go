package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestBreakersAreToldFromTheWorkersLog(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	events := make(chan event, 1)
	log := slog.New(breakerLog{Handler: slog.NewTextHandler(&text, nil), events: events})
	b, told := newProgress(nil), []row{}
	b.onChange = func(r row) { told = append(told, r) }

	log.With("channel", "emoney_ovo").Error(breakerOpened, "code", "failing")
	(<-events)(b)
	if got := b.footer(0); !strings.HasSuffix(got, "; breaker open: emoney_ovo failing") {
		t.Errorf("got %q", got)
	}
	log.With("channel", "emoney_ovo").Info("refund settled", "code", "2000700")
	log.With("channel", "emoney_ovo").Info(breakerClosed)
	log.With("channel", "emoney_ovo").Info(breakerClosed) // no room: left out, not waited for
	(<-events)(b)
	if got := b.footer(0); strings.Contains(got, "breaker") {
		t.Errorf("got %q", got)
	}
	if len(told) != 2 || len(b.rows) != 0 || len(events) != 0 {
		t.Fatalf("told %+v", told)
	}
	const want = "  7.0s  (breaker)    emoney_ovo           open        circuit breaker opened: failing"
	if got := plainLine(told[0], 7*time.Second, noon); got != want {
		t.Errorf("got %q", got)
	}
	if strings.Count(text.String(), "\n") != 4 {
		t.Errorf("the log lost a line: %s", text.String())
	}
}
