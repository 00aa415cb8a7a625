package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/refund"
)

// Worker takes jobs of its channels and carries each to its result.
type Worker struct {
	cfg         Config
	runners     []*runner
	inFlight    inFlight
	stamps      atomic.Uint64
	deadLetters deadLetterState
	clock       *clock
	stop        context.Context // ends when the drain begins
	drain       context.CancelFunc

	intakeInterruption intakeInterruption // belongs to the goroutine of checkIntakes
	storageFull        bool               // by the last look; belongs to the goroutine of checkStorage
}

// New returns a worker; [Worker.Run] starts it. The error is about the settings
// of an intake.
func New(cfg Config) (*Worker, error) {
	w := &Worker{cfg: cfg, inFlight: inFlight{ids: map[string]struct{}{}}, clock: newClock(cfg.Now, monotonic())}
	w.intakeInterruption = intakeInterruption{log: cfg.Log, now: cfg.Now}
	cfg.Health.Block("clock", w.clock.unknown.Error())
	w.stop, w.drain = context.WithCancel(context.Background())
	for _, ch := range cfg.Channels {
		r, err := w.newRunner(ch)
		if err != nil {
			return nil, err
		}
		w.runners = append(w.runners, r)
	}
	return w, nil
}

// Run works until ctx ends, then drains: it takes nothing more, requeues what it
// has not started, and finishes and records what it has. It returns nil, or
// [ErrDrain] when that took longer than Config.DrainTime. It runs once.
func (w *Worker) Run(ctx context.Context) error {
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	var intakes, maintenance sync.WaitGroup
	for _, r := range w.runners {
		intakes.Go(func() {
			if err := r.intake.Run(ctx, work); err != nil {
				r.log.Error("intake ended", "error", err)
			}
		})
	}
	upkeep, stopMaintenance := context.WithCancel(work)
	w.startMaintenance(upkeep, &maintenance)

	<-ctx.Done()
	w.drain()
	w.cfg.Health.Block("stopping", "stopping")
	drained := make(chan struct{})
	go func() { intakes.Wait(); close(drained) }()
	err := w.await(drained)
	stopMaintenance()
	abandon()
	<-drained
	maintenance.Wait()
	return err
}

func (w *Worker) await(drained <-chan struct{}) error {
	limit := time.NewTimer(w.cfg.DrainTime)
	defer limit.Stop()
	select {
	case <-drained:
		return nil
	case <-limit.C:
		return fmt.Errorf("%w after %s", ErrDrain, w.cfg.DrainTime)
	}
}

func (w *Worker) newIntake(r *runner) (*intake.Intake, error) {
	return intake.New(intake.Config{
		JS:          w.cfg.JS,
		Channel:     r.channel,
		Concurrency: w.cfg.Concurrency,
		// An inquiry and a send may follow each other in one execution.
		Ceiling:    refund.SendWindow + 2*w.cfg.Policy.Timeout + appendTimeout,
		Gate:       r,
		JobsGate:   newJobsGate{r},
		Handle:     r.handle,
		Log:        r.log,
		Now:        w.cfg.Now,
		OnPanic:    func(channel.Channel) { w.cfg.Metrics.Panics.WithLabelValues(string(r.channel)).Inc() },
		PanicDelay: w.cfg.Retry.Max,
	})
}
