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
	for _, r := range w.runners {
		s.Channels = append(s.Channels, r.status())
	}
	return s
}

func (r *runner) status() fleet.Channel {
	b := r.breaker.Status()
	return fleet.Channel{
		Channel: r.channel, Breaker: b.State.String(), Reason: b.Reason, OpenUntil: b.Until.UTC(),
		Paused: r.paused.Load(), Held: r.unstored.any(),
	}
}
