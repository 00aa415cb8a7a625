package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/retry"
)

const (
	askAgain   = time.Second
	askTimeout = 10 * time.Second
)

// admit waits for NATS, sets up what it may, and finds streams and ledger fit.
// What cannot be asked is asked again; what is unfit is [ErrUnfit].
func (p *process) admit(ctx context.Context) (stream.Report, *ledger.Ledger, error) {
	book := ledger.New(ledger.Config{
		AlwaysGroup: p.AlwaysGroup, JS: p.js, APIPrefix: p.Connect.NATSAPIPrefix, ClientID: p.ClientID, Environment: p.Environment,
		Log: p.Log, Now: p.Now,
	})
	for {
		if err := config.AwaitNATS(ctx, p.nc); err != nil {
			return stream.Report{}, nil, err
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
			return stream.Report{}, nil, err
		}
		p.Log.Warn("streams not checked yet", "error", err)
		p.health.Block("streams", fmt.Sprintf("streams not checked yet: %s", err))
		if err := retry.Sleep(ctx, askAgain); err != nil {
			return stream.Report{}, nil, err
		}
	}
}

func (p *process) inspect(ctx context.Context, book *ledger.Ledger) (stream.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if p.Setup {
		if err := p.setUp(ctx); err != nil {
			return stream.Report{}, err
		}
	}
	report, err := stream.Check(ctx, p.js, p.Channels)
	if err != nil {
		return stream.Report{}, err
	}
	problems := report.Problems
	for _, err := range []error{checkOwner(report.Owner, p.owner()), book.CheckPayload()} {
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	if len(problems) > 0 {
		return stream.Report{}, fmt.Errorf("%w: %s", ErrUnfit, strings.Join(problems, "; "))
	}
	if err := book.Verify(ctx); err != nil {
		if errors.Is(err, ledger.ErrForeign) || errors.Is(err, ledger.ErrRecord) {
			return stream.Report{}, fmt.Errorf("%w: %w", ErrUnfit, err)
		}
		return stream.Report{}, err
	}
	return report, nil
}

// setUp creates what is missing. That a new ledger began is said again and
// again until the streams are found fit, and never missed.
func (p *process) setUp(ctx context.Context) error {
	done, err := stream.SetupConfig{
		JobsMaxBytes: p.JobsMaxBytes, LedgerMustExist: p.LedgerMustExist, Owner: p.owner(), Replicas: p.Replicas,
	}.Run(ctx, p.js)
	if len(done.Created) > 0 {
		p.Log.Info("streams and consumers created", "created", done.Created)
	}
	for _, warning := range done.Warnings {
		p.Log.Warn("streams were set up", "problem", warning)
	}
	if errors.Is(err, stream.ErrCannotSetUp) {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	if err != nil {
		return fmt.Errorf("set up streams: %w", err)
	}
	return nil
}

func (p *process) owner() stream.Owner {
	return stream.Owner{ClientID: p.ClientID, Environment: p.Environment}
}

// checkOwner compares whom the ledger's metadata names with this worker. A
// ledger that names nobody is judged by its last record alone.
func checkOwner(named, ours stream.Owner) error {
	if named.IsZero() || named == ours {
		return nil
	}
	return fmt.Errorf("%w: stream %s belongs to %s, this program is %s", ledger.ErrForeign, stream.Refunds, named, ours)
}

// deadLetters publishes to the REFUND_DEAD that was found.
func (p *process) deadLetters(report stream.Report) stream.DeadLetters {
	letters := stream.NewDeadLetters(p.js, stream.DeadLetterLimit(p.nc, report.DeadLetterSize)).Permitted(p.notices)
	if !report.NoticesTaken {
		return letters.WithoutNotices()
	}
	return letters
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

// deniedByNATS is told of every denial. That notices are denied stops no refund.
func (p *process) deniedByNATS(what string) {
	if !p.notices.Denied(what) {
		p.denied.happened(what)
	}
}

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
