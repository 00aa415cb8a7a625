package observe

import (
	"io"
	"log/slog"

	"refundworker.example/refundworker/internal/printable"
)

// NewLogger returns a logger that writes one JSON object a line, durations in
// seconds, or text where a person reads along.
func NewLogger(w io.Writer, level slog.Level, text bool) *slog.Logger {
	if text {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewJSONHandler(printableWriter{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: seconds}))
}

// printableWriter writes lines in which a terminal finds nothing to obey. The library
// escapes the control characters of ASCII alone.
type printableWriter struct{ to io.Writer }

// Write implements [io.Writer].
func (h printableWriter) Write(line []byte) (int, error) {
	if _, err := h.to.Write(printable.JSON(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// seconds writes durations in the unit that the metrics have; the library's own
// is the nanosecond.
func seconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}
