package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
)

// Gate holds an intake back. Wait blocks while no message should be taken up and
// returns how many may be in flight at once; its only error is that of ctx. It is
// asked before every pull, so it must be cheap while it is open.
type Gate interface {
	Wait(ctx context.Context) (limit int, err error)
}

// Config configures an [Intake]. Channel, Ceiling, Concurrency, Handle
// and JS must be set; the zero value of any other field is its default.
type Config struct {
	// AnswerWait is how long a pull may stay without an answer before the
	// consumer is looked up again; default 2s.
	AnswerWait time.Duration

	// Ceiling is how long the heartbeats of one delivery go on, so that a wedged
	// handler lets its message go to another process. It is counted twice: from
	// the receipt, while the message waits for a slot, and from the start.
	Ceiling time.Duration

	Channel channel.Channel

	// Concurrency is how many handlers run at once.
	Concurrency int

	// JobsGate is asked instead of Gate about messages of [FromJobs]; nil: Gate.
	JobsGate Gate

	// Gate; nil: always open.
	Gate Gate

	// Handle does all the work of one delivery, Ack included. It gets workCtx of
	// [Intake.Run].
	Handle func(ctx context.Context, d *Delivery)

	// RequeueAfter is how long a message may wait for a gate that is shut,
	// before it is requeued; default 1s. It then comes again after
	// RequeueDelay, default 2s, and up to as much again: perhaps to a process
	// whose gate is open.
	RequeueAfter, RequeueDelay time.Duration

	JS jetstream.JetStream

	// Log should name the channel by itself; default slog.Default().
	Log *slog.Logger

	Now func() time.Time // default time.Now

	// OnPanic is told of a handler that panicked, once it has been logged.
	OnPanic func(channel.Channel)

	// PanicDelay is how long the message of a handler that panicked is kept
	// away: default 15m, for it will most likely panic again.
	PanicDelay time.Duration

	// PollHeartbeat is how often the server says that a long poll stands;
	// default 5s. Two missing in a row count as no answer.
	PollHeartbeat time.Duration

	// PollWait is how long a long poll stands; default 30s, at least twice
	// PollHeartbeat.
	PollWait time.Duration

	// StallAfter is how long no message may come while some are pending before
	// the intake is rebuilt; default 60s.
	StallAfter time.Duration
}

// Intake pulls one channel's messages from its two consumers and hands them to
// one handler, in Concurrency goroutines at most. Due messages go first.
//
// A message is pulled in one of two ways: in batches no larger than the slots
// set aside for them and those that are about to become free, or by a long poll
// for a single message, which stands only if a slot was free when it was sent. A
// message that then finds no slot waits for the next one, with priority. Whatever
// is in flight is heartbeaten.
type Intake struct {
	cfg      Config
	slots    slots
	inFlight inFlight
	sources  []*puller

	used     atomic.Bool
	running  atomic.Int64   // deliveries that have a slot
	ready    chan *Delivery // those whose handler has not begun; room for all slots
	finished atomic.Int64   // deliveries whose handler has ended
	started  atomic.Int64   // goroutines that run handlers; stays at Concurrency or a little above
	handlers sync.WaitGroup // of these goroutines, Concurrency at most
}

// New returns an intake, or [ErrConfig].
func New(cfg Config) (*Intake, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	i := &Intake{cfg: cfg, ready: make(chan *Delivery, cfg.Concurrency)}
	i.slots.size = cfg.Concurrency
	i.inFlight.init(cfg.Ceiling, cfg.Now)
	i.sources = []*puller{newPuller(i, FromDue), newPuller(i, FromJobs)}
	return i, nil
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.AnswerWait, 2 * time.Second},
		{&c.RequeueAfter, time.Second},
		{&c.RequeueDelay, 2 * time.Second},
		{&c.PanicDelay, 15 * time.Minute},
		{&c.PollHeartbeat, 5 * time.Second},
		{&c.PollWait, 30 * time.Second},
		{&c.StallAfter, time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Gate == nil {
		c.Gate = openGate{}
	}
	if c.JobsGate == nil {
		c.JobsGate = c.Gate
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnPanic == nil {
		c.OnPanic = func(channel.Channel) {}
	}
	return c
}

func (c Config) check() error {
	for _, rule := range []struct {
		broken bool
		what   string
	}{
		{!c.Channel.Valid(), "unknown channel"},
		{c.Ceiling <= 0, "ceiling is not positive"},
		{c.Concurrency < 1, "concurrency is below 1"},
		{c.Handle == nil, "no handler"},
		{c.JS == nil, "no JetStream"},
		{c.PollWait < 2*c.PollHeartbeat, "poll wait is below two heartbeats"},
	} {
		if rule.broken {
			return fmt.Errorf("%w: %s", ErrConfig, rule.what)
		}
	}
	return nil
}

// openGate is the gate of an intake that has none.
type openGate struct{}

// Wait implements [Gate].
func (openGate) Wait(context.Context) (int, error) { return math.MaxInt, nil }

// Run pulls until ctx is done; it then requeues what has not started and
// returns nil once the last handler has ended. Handlers run under workCtx, which
// the caller ends where they take too long. NATS being away, or a consumer being
// gone, never ends Run: see [Intake.Status]. A second Run is [ErrUsed].
func (i *Intake) Run(ctx, workCtx context.Context) error {
	if i.used.Swap(true) {
		return ErrUsed
	}
	beating, stopBeating := context.WithCancel(context.WithoutCancel(workCtx))
	var beats, sources sync.WaitGroup
	beats.Go(func() { i.inFlight.run(beating) })
	for _, s := range i.sources {
		sources.Go(func() { s.run(ctx, workCtx) })
	}
	sources.Wait()
	close(i.ready)
	i.handlers.Wait()
	stopBeating()
	beats.Wait()
	return nil
}

// Status returns nil while both consumers are pulled from, else why one is not,
// for /readyz. A closed gate and full slots are not reasons.
func (i *Intake) Status() error {
	var problems []error
	for _, s := range i.sources {
		if err := s.status(); err != nil {
			problems = append(problems, fmt.Errorf("consumer %s: %w", s.consumer, err))
		}
	}
	return errors.Join(problems...)
}

// Interrupted returns the consumers that are not pulled from, each with the
// reason.
func (i *Intake) Interrupted() map[string]error {
	interrupted := map[string]error{}
	for _, s := range i.sources {
		if err := s.status(); err != nil {
			interrupted[s.consumer] = err
		}
	}
	return interrupted
}

// InFlight returns how many handlers are running.
func (i *Intake) InFlight() int { return int(i.running.Load()) }

// start runs the handler in a slot that was taken for it. Its goroutine takes
// further messages until the intake ends: in a goroutine of its own each message
// would grow a new stack.
func (i *Intake) start(workCtx context.Context, d *Delivery) {
	i.inFlight.add(d)
	i.running.Add(1)
	i.ready <- d
	if most := int64(i.cfg.Concurrency); i.started.Load() < most && i.started.Add(1) <= most {
		i.handlers.Go(func() {
			for d := range i.ready {
				i.handle(workCtx, d)
			}
		})
	}
}

func (i *Intake) handle(workCtx context.Context, d *Delivery) {
	defer i.finish(d)
	i.cfg.Handle(workCtx, d)
}

// finish must be deferred itself: recover works nowhere deeper.
func (i *Intake) finish(d *Delivery) {
	if cause := recover(); cause != nil {
		i.panicked(d, cause)
	}
	i.inFlight.remove(d)
	i.running.Add(-1)
	i.finished.Add(1)
	i.slots.release(1)
}

// panicked keeps the message away for a while. A bug decides nothing about
// money: the record says what the refund's next delivery may do. The cause is
// logged by its type alone, for its text may quote the message.
func (i *Intake) panicked(d *Delivery, cause any) {
	i.cfg.Log.Error("handler panicked", "stream", d.Stream, "sequence", d.Sequence,
		"cause", panicText(cause), "stack", string(debug.Stack()))
	if err := d.Nak(i.cfg.PanicDelay); err != nil && !errors.Is(err, ErrSettled) {
		i.cfg.Log.Warn("message not requeued", "stream", d.Stream, "sequence", d.Sequence, "error", err)
	}
	i.cfg.OnPanic(i.cfg.Channel)
}

// panicText quotes what the runtime panics with (an index, a nil pointer), which
// holds no value of ours, and names the type of anything else.
func panicText(cause any) string {
	if err, ok := cause.(interface {
		error
		RuntimeError()
	}); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}

// gate is the one that a rank has to pass.
func (i *Intake) gate(r priority) Gate {
	if r == waitFresh || r == pullFresh {
		return i.cfg.JobsGate
	}
	return i.cfg.Gate
}

// admit waits until the gate is open and a slot is free, and takes up to want
// slots. The gate is asked again whenever a slot has become free: the handler
// that freed it may have closed the gate.
func (i *Intake) admit(ctx context.Context, want int, r priority) (int, error) {
	defer i.slots.forgo(r)
	for {
		limit, err := i.passGate(ctx, r)
		if err != nil {
			return 0, err
		}
		n, changed := i.slots.take(want, limit, r)
		if n > 0 {
			if r == waitDue || r == waitFresh { // a message that is here starts at once
				return n, nil
			}
			return n + i.waitForMoreSlots(ctx, want-n, limit, n, r), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// passGate waits for the gate. A rank that the gate holds back is no longer
// counted as waiting for a slot, so that other ranks can have it.
func (i *Intake) passGate(ctx context.Context, r priority) (limit int, err error) {
	left := make(chan struct{})
	away := time.AfterFunc(moreSlotsTime, func() {
		defer close(left)
		i.slots.forgo(r)
	})
	limit, err = i.gate(r).Wait(ctx)
	if !away.Stop() {
		<-left // else it could end the waiting that begins next
	}
	return limit, err
}

// moreSlotsTime is long enough for the quick handlers of a full house to free their
// slots, and nothing beside a call to DOKU.
const moreSlotsTime = time.Millisecond

// waitForMoreSlots waits a moment for a quarter of the slots where fewer are
// free: else, under load, every slot that is freed would cost a pull of its
// own.
func (i *Intake) waitForMoreSlots(ctx context.Context, want, limit, have int, r priority) (more int) {
	enough := min(i.slots.size, limit) / 4
	if want == 0 || have >= enough {
		return 0
	}
	t := time.NewTimer(moreSlotsTime)
	defer t.Stop()
	for have+more < enough {
		n, changed := i.slots.take(want-more, limit, r)
		more += n
		if n > 0 {
			continue
		}
		select {
		case <-changed:
		case <-t.C:
			return more
		case <-ctx.Done():
			return more
		}
	}
	return more
}
