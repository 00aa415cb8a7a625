package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"refundworker/internal/connect"
	"refundworker/internal/jobs"
	"refundworker/internal/ledger"
	"refundworker/internal/observe"
)

const (
	askAgain   = time.Second
	askTimeout = 10 * time.Second
)

// admit waits for NATS, sets up what it may, and finds streams and ledger fit.
// What cannot be asked is asked again; what is unfit is [ErrUnfit].
func (p *process) admit(ctx context.Context) (jobs.Report, *ledger.Ledger, error) {
	book := ledger.New(ledger.Config{
		JS: p.js, APIPrefix: p.Connect.NATSAPIPrefix, ClientID: p.ClientID, Environment: p.Environment,
		Log: p.Log, Now: p.Now,
	})
	for {
		if err := connect.Await(ctx, p.nc); err != nil {
			return jobs.Report{}, nil, err
		}
		report, err := p.inspect(ctx, book)
		if err == nil {
			for _, warning := range report.Warnings {
				p.Log.Warn("streams could be safer", "problem", warning)
			}
			p.health.Clear("streams")
			return report, book, nil
		}
		if errors.Is(err, ErrUnfit) || ctx.Err() != nil {
			return jobs.Report{}, nil, err
		}
		p.Log.Warn("streams not checked yet", "error", err)
		p.health.Block("streams", fmt.Sprintf("streams not checked yet: %s", err))
		if err := pause(ctx, askAgain); err != nil {
			return jobs.Report{}, nil, err
		}
	}
}

func (p *process) inspect(ctx context.Context, book *ledger.Ledger) (jobs.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if p.Setup {
		created, err := jobs.Setup(ctx, p.js, p.Replicas)
		if err != nil {
			return jobs.Report{}, fmt.Errorf("set up streams: %w", err)
		}
		if len(created) > 0 {
			p.Log.Info("streams and consumers created", "created", created)
		}
	}
	report, err := jobs.Check(ctx, p.js, p.Channels)
	if err != nil {
		return jobs.Report{}, err
	}
	if len(report.Problems) > 0 {
		return jobs.Report{}, fmt.Errorf("%w: %s", ErrUnfit, strings.Join(report.Problems, "; "))
	}
	if err := book.Verify(ctx); err != nil {
		if errors.Is(err, ledger.ErrForeign) || errors.Is(err, ledger.ErrRecord) {
			return jobs.Report{}, fmt.Errorf("%w: %w", ErrUnfit, err)
		}
		return jobs.Report{}, err
	}
	return report, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// denial keeps the process not ready for a minute after NATS denied something:
// a denied publish looks like a timeout, a denied ack like nothing at all.
type denial struct {
	health *observe.Health
	mu     sync.Mutex
	timer  *time.Timer
	count  int // so far; a timer that fires late must not end the minute of a later denial
	ended  bool
}

const deniedFor = time.Minute

func (d *denial) happened(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return // the client's callbacks may come after the end of all else
	}
	d.health.Block("permissions", what)
	if d.timer != nil {
		d.timer.Stop()
	}
	d.count++
	this := d.count
	d.timer = time.AfterFunc(deniedFor, func() { d.over(this) })
}

func (d *denial) over(which int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if which == d.count && !d.ended {
		d.health.Clear("permissions")
	}
}

func (d *denial) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.timer != nil {
		d.timer.Stop()
	}
}
