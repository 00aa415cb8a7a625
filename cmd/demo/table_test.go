package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func waiting(id string) refund.Record {
	return refund.Record{
		Job:      refund.Job{RefundID: id, Channel: channel.CreditCard, Amount: 5},
		Core:     refund.Core{State: refund.Waiting, Code: refund.CodeNotExecuted, Sends: 2, Due: refund.At(noon.Add(1500 * time.Millisecond))},
		Response: &refund.Response{Code: "TOO_MANY_REQUESTS"},
	}
}

func ended(id string, status refund.State) jobs.Result {
	return jobs.Result{RefundID: id, Channel: channel.CreditCard, Status: status, Evidence: "response", Attempts: 2}
}

func TestARowShowsWhereItsRefundStands(t *testing.T) {
	t.Parallel()
	b := newProgress(allScenarios())
	b.recorded(waiting("throttled"))
	b.settled(ended("void", refund.Succeeded))
	text := strings.Join(b.frame(140, 50, noon, false), "\n")
	for _, want := range []string{
		"throttled    credit_card          waiting     2   1.5s  429 twice, Retry-After 1s: sent a third time    not executed: DOKU says",
		"void         credit_card          succeeded   2         not settled yet: DOKU voids the payment",
		"by response",
		"37 lines: 1 waiting, 1 succeeded",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

func TestAFrameNeverOutgrowsItsTerminal(t *testing.T) {
	t.Parallel()
	b := newProgress(allScenarios())
	b.recorded(waiting("throttled"))
	for _, width := range []int{20, 40, 79, 80, 100, wideFrom - 1, wideFrom, 139, 400} {
		for _, height := range []int{3, 4, 10, 24, 33, 50} {
			lines := b.frame(width, height, noon, false)
			if len(lines) > max(height, 3) {
				t.Errorf("%dx%d: %d lines", width, height, len(lines))
			}
			for _, text := range lines {
				if len(text) > width {
					t.Errorf("%dx%d: %d characters: %q", width, height, len(text), text)
				}
			}
		}
	}
}

func TestALowTerminalShowsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	b := newProgress(allScenarios())
	b.recorded(waiting("twice"))
	for _, id := range []string{"seed-1", "bri", "cimb"} {
		b.settled(ended(id, refund.Succeeded))
	}
	text := strings.Join(b.frame(100, 5, noon, false), "\n")
	for name, want := range map[string]bool{"\ntwice ": true, "\ncimb ": true, "\nbri ": true, "\nseed-1 ": false, "(34 not shown)": true} {
		if strings.Contains(text, name) != want {
			t.Errorf("%q: want %v in\n%s", name, want, text)
		}
	}
}

func TestTheTableAtTheEndIsWholeAndNamesTheScenarios(t *testing.T) {
	t.Parallel()
	b := newProgress(allScenarios())
	for _, width := range []int{79, 139} {
		text := strings.Join(b.whole(width, false), "\n")
		for _, a := range allScenarios() {
			if !strings.Contains(text, a.what) {
				t.Errorf("%d columns: %q is missing", width, a.what)
			}
		}
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > width {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}

func TestNothingThatDOKUSaysMovesTheCursor(t *testing.T) {
	t.Parallel()
	rec := waiting("throttled")
	rec.Response.Code = "\x1b[2Jgone\r\n\tü"
	b := newProgress(allScenarios())
	b.recorded(rec)
	lines := append(b.frame(140, 50, noon, false), plainLine(b.rows[b.byName["throttled"]], 0, noon))
	for _, text := range lines {
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("got %q", text)
		}
	}
}

func TestNextTryCountsDown(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]row{
		"":      {},
		"1.5s":  {next: noon.Add(1500 * time.Millisecond)},
		"now":   {next: noon.Add(-time.Second)},
		"15m0s": {next: noon.Add(15 * time.Minute)},
		"12.0s": {next: noon.Add(12 * time.Second), sent: noon.Add(-3 * time.Second)},
	} {
		if got := nextTry(r, noon); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := nextTry(row{next: noon.Add(15 * time.Second), sent: noon}, noon); got != "" {
		t.Errorf("a send that just left is asked about in %s", got)
	}
}

func TestPlainLinesTellOfEveryChange(t *testing.T) {
	t.Parallel()
	b := newProgress(allScenarios())
	var lines []string
	b.onChange = func(r row) { lines = append(lines, plainLine(r, 1500*time.Millisecond, noon)) }
	b.queued("throttled")
	b.recorded(waiting("throttled"))
	b.settled(ended("throttled", refund.Succeeded))
	want := []string{
		"  1.5s  throttled    credit_card          queued      Rp 17.300, scenario: 429 twice, Retry-After 1s: sent a third time",
		"  1.5s  throttled    credit_card          waiting     try 2, next in 1.5s, not executed: DOKU says TOO_MANY_REQUESTS",
		"  1.5s  throttled    credit_card          succeeded   try 2, by response",
	}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

func TestADeadLetterFindsItsLineWhicheverIsSeenFirst(t *testing.T) {
	t.Parallel()
	early, late := newProgress(allScenarios()), newProgress(allScenarios())
	early.posted("(no job)", 7)
	early.deadLettered(7, "unreadable")
	late.deadLettered(7, "unreadable")
	late.posted("(no job)", 7)
	for _, b := range []*progress{early, late} {
		if r := b.rows[b.byName["(no job)"]]; r.state != "dead letter" || r.ended != r.want {
			t.Errorf("got %+v", r)
		}
	}
}

func TestARefundThatIsNoScenarioGetsALine(t *testing.T) {
	t.Parallel()
	b := newProgress(nil)
	b.settled(ended("try-1", refund.Unresolved))
	b.settled(ended("try-1", refund.Succeeded))
	if len(b.rows) != 1 || b.rows[0].state != "succeeded" || len(b.otherwise()) != 0 {
		t.Errorf("got %+v", b.rows)
	}
}

func TestALineThatEndsOtherwiseIsNoted(t *testing.T) {
	t.Parallel()
	b := newProgress(quick("void").scenarios)
	b.settled(ended("void", refund.Succeeded))
	if len(b.otherwise()) != 0 {
		t.Errorf("got %+v", b.otherwise())
	}
	b.settled(ended("void", refund.Failed))
	if len(b.otherwise()) != 1 {
		t.Error("not noted")
	}
}
