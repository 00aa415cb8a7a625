package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// options is what tests change.
type options struct {
	scenarios   []scenario
	ackWait     time.Duration // of the consumers: how long a killed worker's message is missed
	alter       func(*dokusim.Snapshot)
	childEnv    []string      // for the worker that is killed
	delay       time.Duration // of DOKU
	dokuAddr    string        // empty: any
	httpAddr    string        // of the worker; empty: none
	gatewayAddr string        // with --keep; empty: any
	limit       time.Duration // of the whole demo
	natsPort    int           // 0: any
	pace        time.Duration // between two scenarios
	parent      string        // of the demo's directory; empty: the system's for temporary files
	quiet       time.Duration // INQUIRY_DELAY
	settings    string        // with --keep: the file for the other programs; empty: one beside the log
	timeout     time.Duration // DOKU_TIMEOUT
}

// defaults is short enough to watch. A refund whose worker is gone is asked
// about 10 s (a fixed rule) + timeout + quiet after it was sent: that is what
// the demo waits for.
func defaults() options {
	return options{
		scenarios: allScenarios(), ackWait: 5 * time.Second, delay: 150 * time.Millisecond, limit: 3 * time.Minute,
		pace: 450 * time.Millisecond, quiet: time.Second, timeout: 4 * time.Second,
	}
}

// demo is one run.
type demo struct {
	options
	stdout  io.Writer
	screen  *screen // nil: plain lines
	stack   *devstack.Stack
	worker  *devstack.Worker // nil until it is started
	logFile *os.File
	log     *slog.Logger
	began   time.Time

	events   chan event
	progress *progress
	ended    map[string]chan struct{} // closed when the scenario of that name has ended

	group    sync.WaitGroup // of those who follow
	unfollow context.CancelFunc
	trouble  chan error // theirs, the worker's and the gateway's; room for all
}

var (
	// errLimit is returned when the demo has not ended within its limit.
	errLimit = errors.New("the demo took too long")

	// errWorkerEnded is returned when the worker is gone before it was stopped;
	// its log says why.
	errWorkerEnded = errors.New("the worker ended by itself")
)

// newDemo starts NATS and the simulator, and follows what is stored. Stop what
// it returns, also beside an error.
func newDemo(ctx context.Context, o options, dir string, stdout io.Writer, scr *screen) (*demo, error) {
	s := &demo{
		options: o, stdout: stdout, screen: scr, began: time.Now(),
		events: make(chan event, 256), progress: newProgress(o.scenarios), ended: map[string]chan struct{}{},
		unfollow: func() {}, trouble: make(chan error, 4),
	}
	for _, a := range o.scenarios {
		s.ended[a.name()] = make(chan struct{})
	}
	s.progress.onChange = s.lineChanged
	var err error
	if s.logFile, err = os.Create(logPath(dir)); err != nil {
		return s, fmt.Errorf("open the worker's log: %w", err)
	}
	s.log = slog.New(breakerLog{Handler: observe.NewLogger(s.logFile, slog.LevelInfo, false).Handler(), events: s.events})
	// The stack outlives a signal: the worker drains before it ends.
	s.stack, err = devstack.Start(context.WithoutCancel(ctx), devstack.Config{
		Dir: dir, NATSPort: o.natsPort, DOKUAddr: o.dokuAddr, Delay: o.delay, AckWait: o.ackWait,
	})
	if err != nil {
		return s, err
	}
	s.follow(context.WithoutCancel(ctx))
	return s, nil
}

// stop ends what was started, the worker first.
func (d *demo) stop() error {
	err := d.stopWorker()
	d.unfollow()
	d.group.Wait()
	if d.stack != nil {
		d.stack.Stop()
	}
	if d.logFile != nil {
		err = errors.Join(err, d.logFile.Close())
	}
	return err
}

func (d *demo) stopWorker() error {
	if d.worker == nil {
		return nil
	}
	w := d.worker
	d.worker = nil
	if err := w.Stop(); err != nil {
		return fmt.Errorf("stop the worker: %w", err)
	}
	return nil
}

func (d *demo) policy() refund.Policy {
	return refund.Policy{Timeout: d.timeout, Quiet: d.quiet, RetryDeadline: 45 * time.Second, Repeat: refund.RepeatSameDay}
}

func (d *demo) startWorker(ctx context.Context) {
	cfg := d.stack.WorkerConfig(d.log)
	cfg.HTTPAddr, cfg.Policy = d.httpAddr, d.policy()
	cfg.Retry = retry.Policy{Initial: 500 * time.Millisecond, Max: 3 * time.Second}
	w := d.stack.StartWorker(context.WithoutCancel(ctx), cfg)
	d.worker = w
	d.group.Go(func() {
		<-w.Ended()
		d.trouble <- errWorkerEnded // nobody listens any more when it was stopped
	})
}

// run runs the show until every act has ended and no message is left.
// Meanwhile it draws.
func (d *demo) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.limit, errLimit)
	defer cancel()
	directed := make(chan error, 1)
	var director sync.WaitGroup
	director.Go(func() { directed <- d.publishAll(ctx) })
	err := d.draw(directed)
	cancel()
	director.Wait()
	d.drain()
	if err != nil && d.screen != nil {
		d.screen.release()
	}
	return err
}

// follow turns what is stored into events, until the demo is stopped.
func (d *demo) follow(ctx context.Context) {
	ctx, d.unfollow = context.WithCancel(ctx)
	for _, w := range []watched{
		{stream.Refunds, "refunds.>", readRefund}, {stream.Dead, "refunds.dead.*", readLetter},
	} {
		d.group.Go(func() {
			if err := w.watch(ctx, d.stack.JS, d.events); err != nil {
				d.trouble <- err
			}
		})
	}
}

// draw owns the progress until the end, or trouble.
func (d *demo) draw(end <-chan error) error {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case e := <-d.events:
			e(d.progress)
		case <-tick.C:
			d.redraw()
		case err := <-d.trouble:
			return err
		case err := <-end:
			return err
		}
	}
}

// drain applies what is still under way and draws the table for the last time.
func (d *demo) drain() {
	for {
		select {
		case e := <-d.events:
			e(d.progress)
			continue
		default:
		}
		d.redraw()
		return
	}
}

func (d *demo) redraw() {
	if d.screen != nil {
		d.screen.draw(func(width, height int) []string { return d.progress.frame(width, height, time.Now(), true) })
	}
}

// onChange is called for every change of the board.
func (d *demo) lineChanged(r row) {
	if d.screen == nil {
		now := time.Now()
		_, _ = fmt.Fprintln(d.stdout, plainLine(r, now.Sub(d.began), now))
	}
	if done, ok := d.ended[r.name]; ok && r.ended != "" {
		select {
		case <-done:
		default:
			close(done)
		}
	}
}

// emit passes an event on.
func (d *demo) emit(ctx context.Context, e event) error {
	select {
	case d.events <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// publishAll publishes the acts, and waits for the last of them.
func (d *demo) publishAll(ctx context.Context) error {
	if err := d.prepare(ctx); err != nil {
		return err
	}
	for _, a := range d.scenarios {
		if a.killsWorker {
			if err := d.killWorker(ctx, a); err != nil {
				return err
			}
		}
	}
	d.startWorker(ctx)
	for _, slow := range []bool{true, false} {
		for _, a := range d.scenarios {
			if a.slow == slow && !a.killsWorker {
				if err := d.publishInTurn(ctx, a); err != nil {
					return err
				}
			}
		}
	}
	for _, a := range d.scenarios {
		if err := d.await(ctx, a.name()); err != nil {
			return err
		}
	}
	return awaitDrained(ctx, d.stack.JS)
}

// publishInTurn publishes an act in its turn.
func (d *demo) publishInTurn(ctx context.Context, a scenario) error {
	for _, first := range a.waitsFor {
		if err := d.await(ctx, first); err != nil {
			return err
		}
	}
	if err := d.publish(ctx, a); err != nil {
		return err
	}
	if retry.Sleep(ctx, d.pace) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// await waits until the scenario of that name has ended.
func (d *demo) await(ctx context.Context, name string) error {
	select {
	case <-d.ended[name]:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", name, context.Cause(ctx))
	}
}
