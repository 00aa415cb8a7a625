package worker

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// interruptionAgain is how soon other reasons for the same interruption are
// told.
const interruptionAgain = 10 * time.Second

// intakeInterruption turns what happens to each consumer of a process into a line for
// all of them: at a lost connection sixteen consumers say the same at once.
type intakeInterruption struct {
	log *slog.Logger
	now func() time.Time

	began time.Time // zero: all consumers are pulled from
	told  time.Time
	why   string
	most  int
}

// report takes the consumers that are not pulled from now, with the reasons.
func (i *intakeInterruption) report(now map[string]error) {
	at := i.now()
	if len(now) == 0 {
		if !i.began.IsZero() {
			i.log.Info("intake pulling again", "consumers", i.most, "duration", at.Sub(i.began))
		}
		i.began, i.most = time.Time{}, 0
		return
	}
	why, first := reasons(now), i.began.IsZero()
	if first {
		i.began = at
	}
	i.most = max(i.most, len(now))
	if !first && (why == i.why || at.Sub(i.told) < interruptionAgain) {
		return
	}
	i.told, i.why = at, why
	attrs := []any{"consumers", len(now), "error", why}
	if len(now) <= 2 {
		attrs = append(attrs, "consumer", strings.Join(slices.Sorted(maps.Keys(now)), ", "))
	}
	i.log.Warn("intake interrupted", attrs...)
}

// reasons names each reason once.
func reasons(now map[string]error) string {
	set := map[string]bool{}
	for _, err := range now {
		set[err.Error()] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), "; ")
}
