package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// What the worker logs when a channel's circuit breaker changes.
const (
	breakerOpened = "circuit breaker opened"
	breakerClosed = "circuit breaker closed"
)

// breakerLog passes the worker's log on and turns what it says of breakers into
// events. An event that finds no room is left out: the log never waits for the
// table.
type breakerLog struct {
	slog.Handler

	channel string
	events  chan<- event
}

// Handle implements [slog.Handler].
func (h breakerLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == breakerOpened || r.Message == breakerClosed {
		channel, reason := h.channel, ""
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "code" {
				reason = a.Value.String()
			}
			return true
		})
		open := r.Message == breakerOpened
		select {
		case h.events <- func(b *progress) { b.breakerChanged(channel, open, reason) }:
		default:
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h breakerLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "channel" {
			h.channel = a.Value.String()
		}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements [slog.Handler].
func (h breakerLog) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// breakerChanged tells that a channel's breaker is open, or closed again. It
// has no row: it is not a refund's.
func (b *progress) breakerChanged(channel string, open bool, reason string) {
	r := row{name: "(breaker)", channel: channel, state: "closed", tone: good, note: breakerClosed}
	if open {
		r.state, r.tone, r.note = "open", bad, breakerOpened+": "+reason
		b.breakers[channel] = reason
	} else {
		delete(b.breakers, channel)
	}
	if b.onChange != nil {
		b.onChange(r)
	}
}

// openBreakers is what the last line of the table says of them.
func (b *progress) openBreakers() string {
	var open []string
	for channel, reason := range b.breakers {
		open = append(open, channel+" "+reason)
	}
	if len(open) == 0 {
		return ""
	}
	slices.Sort(open)
	return "; breaker open: " + strings.Join(open, ", ")
}
