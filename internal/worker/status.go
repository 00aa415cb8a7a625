package worker

import (
	"refundworker.example/refundworker/internal/fleet"
)

// Status is what this process says of itself to an operator who asks the fleet.
func (w *Worker) Status() fleet.Worker {
	ready, lines := w.cfg.Health.Ready()
	s := fleet.Worker{
		Instance: w.cfg.Instance, ClientID: w.cfg.ClientID, Environment: w.cfg.Environment,
		At: w.cfg.Now().UTC(), Ready: ready, Reasons: lines,
	}
	for _, l := range w.runners {
		s.Channels = append(s.Channels, l.status())
	}
	return s
}

func (l *runner) status() fleet.Channel {
	b := l.breaker.Status()
	return fleet.Channel{
		Channel: l.channel, Breaker: b.State.String(), Reason: b.Reason, OpenUntil: b.Until.UTC(),
		Paused: l.paused.Load(), Held: l.unstored.any(),
	}
}
