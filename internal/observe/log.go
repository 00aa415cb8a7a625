package observe

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes one JSON object a line, or text where
// a person reads along.
func NewLogger(w io.Writer, level slog.Level, text bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if text {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
