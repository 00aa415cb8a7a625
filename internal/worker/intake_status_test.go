package worker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/intake"
)

// At a reconnect a worker of eight channels printed some fifty lines.
func TestALostConnectionIsALineAndItsReturnAnother(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	now := time.Unix(0, 0)
	i := intakeInterruption{log: slog.New(slog.NewJSONHandler(&text, nil)), now: func() time.Time { return now }}
	all := map[string]error{}
	for n := range 16 {
		all[fmt.Sprintf("consumer_%02d", n)] = intake.ErrDisconnected
	}
	i.report(nil)
	for range 40 { // ten seconds
		i.report(all)
		now = now.Add(250 * time.Millisecond)
	}
	i.report(map[string]error{"due_credit_card": errors.New("look up consumer: gone"), "consumer_01": intake.ErrDisconnected})
	i.report(nil)
	i.report(nil)
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	want := []string{
		`"msg":"intake interrupted","consumers":16,"error":"not connected to NATS"}`,
		`"consumers":2,"error":"look up consumer: gone; not connected to NATS","consumer":"consumer_01, due_credit_card"}`,
		`"msg":"intake pulling again","consumers":16,"duration":10000000000}`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), text.String())
	}
	for n, line := range lines {
		if !strings.HasSuffix(line, want[n]) {
			t.Errorf("line %d is %s, want …%s", n, line, want[n])
		}
	}
}
