package observe

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/printable"
)

// Starting is the reason for not being ready that a new [Health] has; the
// program clears it when it takes jobs.
const Starting = "starting"

// Health is what /healthz and /readyz answer from. It is safe for concurrent
// use.
type Health struct {
	mu       sync.Mutex
	channels int
	reasons  map[string]string
	degraded map[channel.Channel]string
	remarks  map[string]string
}

// NewHealth returns the health of a process that works on so many channels. It
// is not ready.
func NewHealth(channels int) *Health {
	return &Health{
		channels: channels,
		reasons:  map[string]string{Starting: "starting"},
		degraded: map[channel.Channel]string{},
		remarks:  map[string]string{},
	}
}

// Block makes the process not ready, for a reason that key names until it is
// cleared.
func (h *Health) Block(key, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reasons[key] = reason
}

// Clear takes a reason back. Clearing one that does not stand is harmless.
func (h *Health) Clear(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.reasons, key)
}

// Degrade notes that a channel is stopped while others continue.
func (h *Health) Degrade(ch channel.Channel, line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.degraded[ch] = line
}

// Restore takes Degrade back.
func (h *Health) Restore(ch channel.Channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.degraded, ch)
}

// Remark shows a line that changes nothing, under key; an empty line takes it
// back.
func (h *Health) Remark(key, line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if line == "" {
		delete(h.remarks, key)
		return
	}
	h.remarks[key] = line
}

// Ready reports whether jobs can be taken, with a line for every reason why not,
// for every channel that is stopped, and for every remark.
func (h *Health) Ready() (ready bool, lines []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(h.reasons)) {
		lines = append(lines, h.reasons[key])
	}
	for _, ch := range slices.Sorted(maps.Keys(h.degraded)) {
		lines = append(lines, h.degraded[ch])
	}
	for _, key := range slices.Sorted(maps.Keys(h.remarks)) {
		lines = append(lines, h.remarks[key])
	}
	return len(h.reasons) == 0 && len(h.degraded) < h.channels, lines
}

func (h *Health) live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, []string{"ok"})
}

func (h *Health) ready(w http.ResponseWriter, _ *http.Request) {
	ready, lines := h.Ready()
	if !ready {
		answer(w, http.StatusServiceUnavailable, lines)
		return
	}
	answer(w, http.StatusOK, append([]string{"ready"}, lines...))
}

func answer(w http.ResponseWriter, status int, lines []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	for _, line := range lines { // they may quote NATS
		_, _ = fmt.Fprintln(w, printable.Text(line))
	}
}
