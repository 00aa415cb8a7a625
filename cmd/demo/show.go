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
	acts     []act
	ackWait  time.Duration // of the consumers: how long a killed worker's message is missed
	alter    func(*dokusim.Snapshot)
	childEnv []string      // for the worker that is killed
	delay    time.Duration // of DOKU
	dokuAddr string        // empty: any
	httpAddr string        // of the worker; empty: none
	limit    time.Duration // of the whole show
	natsPort int           // 0: any
	pace     time.Duration // between two acts
	parent   string        // of the show's directory; empty: the system's for temporary files
	quiet    time.Duration // INQUIRY_DELAY
	timeout  time.Duration // DOKU_TIMEOUT
}

// defaults is short enough to watch. A refund whose worker is gone is asked
// about 10 s (a fixed rule) + timeout + quiet after it was sent: that is what
// the show waits for.
func defaults() options {
	return options{
		acts: program(), ackWait: 5 * time.Second, delay: 150 * time.Millisecond, limit: 3 * time.Minute,
		pace: 450 * time.Millisecond, quiet: time.Second, timeout: 4 * time.Second,
	}
}

// show is one run.
type show struct {
	options
	stdout  io.Writer
	screen  *screen // nil: plain lines
	stack   *devstack.Stack
	worker  *devstack.Worker // nil until it is started
	logFile *os.File
	log     *slog.Logger
	began   time.Time

	events chan event
	board  *board
	done   map[string]chan struct{} // closed when the act of that name has ended

	group    sync.WaitGroup // of those who follow
	unfollow context.CancelFunc
	trouble  chan error // theirs and the worker's; room for all
}

var (
	// errLimit is returned when the show has not ended within its limit.
	errLimit = errors.New("the show took too long")

	// errWorkerEnded is returned when the worker is gone before it was stopped;
	// its log says why.
	errWorkerEnded = errors.New("the worker ended by itself")
)

// newShow starts NATS and the simulator, and follows what is stored. Stop what
// it returns, also beside an error.
func newShow(ctx context.Context, o options, dir string, stdout io.Writer, scr *screen) (*show, error) {
	s := &show{
		options: o, stdout: stdout, screen: scr, began: time.Now(),
		events: make(chan event, 256), board: newBoard(o.acts), done: map[string]chan struct{}{},
		unfollow: func() {}, trouble: make(chan error, 3),
	}
	for _, a := range o.acts {
		s.done[a.name()] = make(chan struct{})
	}
	s.board.told = s.told
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
func (s *show) stop() error {
	err := s.stopWorker()
	s.unfollow()
	s.group.Wait()
	if s.stack != nil {
		s.stack.Stop()
	}
	if s.logFile != nil {
		err = errors.Join(err, s.logFile.Close())
	}
	return err
}

func (s *show) stopWorker() error {
	if s.worker == nil {
		return nil
	}
	w := s.worker
	s.worker = nil
	if err := w.Stop(); err != nil {
		return fmt.Errorf("stop the worker: %w", err)
	}
	return nil
}

func (s *show) policy() refund.Policy {
	return refund.Policy{Timeout: s.timeout, Quiet: s.quiet, RetryDeadline: 45 * time.Second, Repeat: refund.RepeatSameDay}
}

func (s *show) startWorker(ctx context.Context) {
	cfg := s.stack.WorkerConfig(s.log)
	cfg.HTTPAddr, cfg.Policy = s.httpAddr, s.policy()
	cfg.Retry = retry.Policy{Initial: 500 * time.Millisecond, Max: 3 * time.Second}
	w := s.stack.StartWorker(context.WithoutCancel(ctx), cfg)
	s.worker = w
	s.group.Go(func() {
		<-w.Ended()
		s.trouble <- errWorkerEnded // nobody listens any more when it was stopped
	})
}

// perform runs the show until every act has ended and no message is left.
// Meanwhile it draws.
func (s *show) perform(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, errLimit)
	defer cancel()
	directed := make(chan error, 1)
	var director sync.WaitGroup
	director.Go(func() { directed <- s.direct(ctx) })
	err := s.draw(directed)
	cancel()
	director.Wait()
	s.settle()
	if err != nil && s.screen != nil {
		s.screen.release()
	}
	return err
}

// follow turns what is stored into events, until the show is stopped.
func (s *show) follow(ctx context.Context) {
	ctx, s.unfollow = context.WithCancel(ctx)
	for _, w := range []watched{
		{stream.Refunds, "refunds.>", readRefund}, {stream.Dead, "refunds.dead.*", readLetter},
	} {
		s.group.Go(func() {
			if err := w.watch(ctx, s.stack.JS, s.events); err != nil {
				s.trouble <- err
			}
		})
	}
}

// draw owns the board until the end, or trouble.
func (s *show) draw(end <-chan error) error {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case e := <-s.events:
			e(s.board)
		case <-tick.C:
			s.redraw()
		case err := <-s.trouble:
			return err
		case err := <-end:
			return err
		}
	}
}

// settle applies what is still under way and draws the table for the last time.
func (s *show) settle() {
	for {
		select {
		case e := <-s.events:
			e(s.board)
			continue
		default:
		}
		s.redraw()
		return
	}
}

func (s *show) redraw() {
	if s.screen != nil {
		s.screen.draw(func(width, height int) []string { return s.board.frame(width, height, time.Now(), true) })
	}
}

// told is called for every change of the board.
func (s *show) told(r row) {
	if s.screen == nil {
		now := time.Now()
		_, _ = fmt.Fprintln(s.stdout, plainLine(r, now.Sub(s.began), now))
	}
	if done, ok := s.done[r.name]; ok && r.ended != "" {
		select {
		case <-done:
		default:
			close(done)
		}
	}
}

// tell passes an event on.
func (s *show) tell(ctx context.Context, e event) error {
	select {
	case s.events <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// direct publishes the acts, and waits for the last of them.
func (s *show) direct(ctx context.Context) error {
	if err := s.stage(ctx); err != nil {
		return err
	}
	for _, a := range s.acts {
		if a.doomed {
			if err := s.sacrifice(ctx, a); err != nil {
				return err
			}
		}
	}
	s.startWorker(ctx)
	for _, slow := range []bool{true, false} {
		for _, a := range s.acts {
			if a.slow == slow && !a.doomed {
				if err := s.enter(ctx, a); err != nil {
					return err
				}
			}
		}
	}
	for _, a := range s.acts {
		if err := s.await(ctx, a.name()); err != nil {
			return err
		}
	}
	return awaitDrained(ctx, s.stack.JS)
}

// enter publishes an act in its turn.
func (s *show) enter(ctx context.Context, a act) error {
	for _, first := range a.after {
		if err := s.await(ctx, first); err != nil {
			return err
		}
	}
	if err := s.publish(ctx, a); err != nil {
		return err
	}
	if retry.Sleep(ctx, s.pace) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// await waits until the act of that name has ended.
func (s *show) await(ctx context.Context, name string) error {
	select {
	case <-s.done[name]:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", name, context.Cause(ctx))
	}
}
