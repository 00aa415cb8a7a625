package observe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"refundworker.example/refundworker/internal/observe"
)

// Logs are read on terminals: DOKU's words and others' names of streams may hold
// what a terminal obeys, and JSON by itself escapes only a part of that.
func TestALineIsHarmlessOnATerminalAndSaysTheSame(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b]0;owned\x07\u009b31m\u202eevil\u2066\u2028x\x7f\r\nforged: line\t\U000e0001"
	for _, text := range []bool{false, true} {
		var out bytes.Buffer
		observe.NewLogger(&out, slog.LevelInfo, text).Error(hostile, "code", hostile, "error", errors.New(hostile))
		line, ended := strings.CutSuffix(out.String(), "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }); i >= 0 || !ended {
			t.Errorf("text %t: %q", text, line[max(i, 0):])
		}
		var said map[string]any
		if !text && (json.Unmarshal([]byte(line), &said) != nil || said["code"] != hostile || said["msg"] != hostile) {
			t.Errorf("%s", line)
		}
	}
}
