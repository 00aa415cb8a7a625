package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// puller pulls from one consumer. All of it but the problem belongs to the
// goroutine of run.
type puller struct {
	in                         *Intake
	origin                     Origin
	stream, consumer           string
	waitPriority, pullPriority priority
	nc                         *nats.Conn
	next                       string // where pulls go

	start  func(*Delivery) // runs the handler in a slot that was taken for it
	events chan nats.Status
	retry  *backoff.ExponentialBackOff

	box     *pullInbox
	waiting []*Delivery // pulled, without a slot
	ahead   int         // how many more than there are slots the next batch asks for
	more    bool        // the last message said that others are pending
	failed  bool        // the last session ended with a pull, and none has been answered since
	paused  bool        // since the last answer
	quiet   time.Time   // when a message, or the status that none is pending, last came
	suspect bool        // messages are pending; if the next batch brings none, something is wrong

	mu      sync.Mutex
	problem error
}

// newPuller reads from worker_<channel> or due_<channel>.
func newPuller(in *Intake, feed Origin) *puller {
	from, consumer, held, pull := stream.Jobs, stream.WorkerConsumer(in.cfg.Channel), waitFresh, pullFresh
	if feed == FromDue {
		from, consumer, held, pull = stream.Waits, stream.DueConsumer(in.cfg.Channel), waitDue, pullDue
	}
	return &puller{
		in: in, origin: feed, stream: from, consumer: consumer, waitPriority: held, pullPriority: pull,
		nc: in.cfg.JS.Conn(), next: pullSubject(in.cfg.JS, from, consumer),
		problem: ErrNotPulling,
		retry: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(100*time.Millisecond),
			backoff.WithMaxInterval(5*time.Second),
			backoff.WithRandomizationFactor(0),
			backoff.WithMaxElapsedTime(0),
		),
	}
}

// run pulls, session by session, until ctx is done, and requeues what it has
// not started.
func (s *puller) run(ctx, workCtx context.Context) {
	s.start = func(d *Delivery) { s.in.start(workCtx, d) }
	s.events = s.nc.StatusChanged()
	defer s.nc.RemoveStatusListener(s.events)
	for ctx.Err() == nil {
		err := s.session(ctx)
		if ctx.Err() == nil && !errors.Is(err, errReconnected) {
			s.report(err)
			s.pause(ctx)
		}
	}
	for _, d := range s.waiting {
		_ = d.Nak(0) // unsent, it comes again after its AckWait
		s.in.inFlight.remove(d)
	}
	_ = s.setProblem(ErrNotPulling)
}

// session looks the consumer up and pulls until something is wrong.
func (s *puller) session(ctx context.Context) (err error) {
	if _, err := s.lookUp(ctx); err != nil {
		return err
	}
	if s.box, err = openInbox(s.nc, 4*s.in.cfg.Concurrency+64); err != nil {
		return err
	}
	defer s.closeInbox()
	if !s.failed {
		s.report(nil)
	}
	s.suspect, s.quiet = false, s.in.cfg.Now()
	s.more = s.failed // a batch is answered at once, a poll of an empty stream after a heartbeat
	for err == nil {
		err = s.step(ctx)
	}
	return err
}

func (s *puller) closeInbox() {
	for _, msg := range s.box.close() {
		s.receive(msg)
	}
}

const lookUpWait = 5 * time.Second

// lookUp asks for the consumer and takes over what an operator has set.
func (s *puller) lookUp(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	s.forgetEvents()
	if !s.nc.IsConnected() {
		return nil, ErrDisconnected
	}
	asking, cancel := context.WithTimeout(ctx, lookUpWait)
	var changed atomic.Bool
	var watch sync.WaitGroup
	watch.Go(func() { // an answer that a lost connection took along would be waited for
		select {
		case <-s.events:
			changed.Store(true)
			cancel()
		case <-asking.Done():
		}
	})
	consumer, err := s.in.cfg.JS.Consumer(asking, s.stream, s.consumer)
	cancel()
	watch.Wait()
	switch {
	case changed.Load():
		return nil, s.connectionChanged()
	case err != nil:
		return nil, fmt.Errorf("look up consumer: %w", err)
	}
	info := consumer.CachedInfo()
	s.in.inFlight.setAckWait(s.origin, info.Config.AckWait)
	return info, nil
}

// step makes one pull, or starts one message that waits for a slot.
func (s *puller) step(ctx context.Context) error {
	var err error
	switch {
	case len(s.waiting) > 0:
		err = s.startWaiting(ctx)
	case s.more:
		err = s.batch(ctx)
	default:
		err = s.poll(ctx)
	}
	if errors.Is(err, errReconnected) {
		return nil // the pull is lost, nothing else
	}
	return err
}

// startWaiting starts messages that found no slot, as many as there are slots by
// now, or lets the first one go when it has waited up to the ceiling: without
// heartbeats it comes again by itself, perhaps to a process that has time for it.
func (s *puller) startWaiting(ctx context.Context) error {
	if open, err := s.gateOpen(ctx); err != nil || !open {
		return err
	}
	first := s.waiting[0]
	limited, cancel := context.WithTimeout(ctx, s.in.inFlight.remaining(first))
	defer cancel()
	n, err := s.in.admit(limited, len(s.waiting), s.waitPriority)
	switch {
	case ctx.Err() != nil:
		if err == nil {
			s.in.slots.release(n)
		}
		return ctx.Err()
	case err != nil && limited.Err() == nil:
		return fmt.Errorf("wait for gate: %w", err)
	}
	// What the message said about others was true when it came.
	s.more = s.more || s.in.cfg.Ceiling-s.in.inFlight.remaining(first) > moreSlotsTime
	if err != nil {
		s.waiting = s.waiting[1:]
		s.in.inFlight.remove(first)
		return nil
	}
	started := s.waiting[:n]
	s.waiting = s.waiting[n:]
	for _, d := range started {
		s.start(d)
	}
	return nil
}

// gateOpen waits for the gate. If it stays shut, all messages that wait here are
// requeued: the gate may be shut in this process alone, and no other process
// is given a message while this one sends heartbeats for it. Nothing more is
// pulled meanwhile, for the gate is asked before every pull.
func (s *puller) gateOpen(ctx context.Context) (open bool, err error) {
	limited, cancel := context.WithTimeout(ctx, min(s.in.cfg.RequeueAfter, s.in.inFlight.remaining(s.waiting[0])))
	defer cancel()
	_, err = s.in.gate(s.waitPriority).Wait(limited)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case limited.Err() == nil:
		return false, fmt.Errorf("wait for gate: %w", err)
	}
	s.in.cfg.Log.Debug("messages requeued: the gate is shut", s.attrs("count", len(s.waiting))...)
	for _, d := range s.waiting {
		// One beyond its ceiling is perhaps another's by now, and a late nak would
		// have it delivered once more.
		if delay := s.in.cfg.RequeueDelay; s.in.inFlight.remaining(d) > 0 {
			_ = d.Nak(delay + rand.N(delay)) //nolint:gosec // no secret; unsent, it comes again after its AckWait
		}
		s.in.inFlight.remove(d)
	}
	s.waiting = nil
	s.more = true
	return false, nil
}

// batchWait bounds how long slots are set aside for messages that others took
// first, or that the server may not deliver: a paused consumer, or
// MaxAckPending reached.
const batchWait = 5 * time.Millisecond

// batch pulls what is there into slots set aside for it, and for those that
// become free until the answer comes: as many as did during the batch before,
// but no more than a quarter of all. Without these a slot would stay empty for a
// whole round trip to the server, which fsync and replicas make a long one.
func (s *puller) batch(ctx context.Context) error {
	n, err := s.in.admit(ctx, s.in.cfg.Concurrency, s.pullPriority)
	if err != nil {
		return err
	}
	defer func() { s.in.slots.release(n) }()
	s.more = false
	before := s.in.finished.Load()
	err = s.request(ctx, pullRequest{Batch: n + s.ahead, Expires: batchWait, NoWait: true}, &n)
	s.ahead = int(min(s.in.finished.Load()-before, int64(s.in.cfg.Concurrency/4)))
	if err == nil && s.suspect {
		return ErrStalled
	}
	return err
}

// poll waits for one message. The slot is only looked for, not set aside: the
// other source may use it while nothing comes.
func (s *puller) poll(ctx context.Context) error {
	n, err := s.in.admit(ctx, 1, s.pullPriority)
	if err != nil {
		return err
	}
	s.in.slots.release(n)
	cfg, none := &s.in.cfg, 0
	began := cfg.Now()
	if err := s.request(ctx, pullRequest{Batch: 1, Expires: cfg.PollWait, Heartbeat: cfg.PollHeartbeat}, &none); err != nil {
		return err
	}
	switch now := cfg.Now(); {
	case len(s.waiting) > 0:
		return nil
	case now.Sub(began) < cfg.PollWait/2:
		return fmt.Errorf("%w: ended early", ErrPullRefused) // asking on would be a busy loop
	case now.Sub(s.quiet) >= cfg.StallAfter:
		return s.checkConsumer(ctx)
	}
	return nil
}

// checkConsumer finds out whether nothing came because nothing is there. A message may
// have been stored in this very moment, so a last pull decides.
func (s *puller) checkConsumer(ctx context.Context) error {
	s.quiet = s.in.cfg.Now()
	info, err := s.lookUp(ctx)
	if err != nil {
		return err
	}
	full := info.Config.MaxAckPending > 0 && info.NumAckPending >= info.Config.MaxAckPending
	s.suspect = info.NumPending > 0 && !info.Paused && !full
	s.more = s.suspect
	return nil
}

// request sends one pull and reads until it is answered in full. A message takes one
// of the slots set aside, or waits.
func (s *puller) request(ctx context.Context, req pullRequest, slots *int) error {
	s.forgetEvents()
	if !s.nc.IsConnected() {
		return ErrDisconnected
	}
	address, err := s.box.request(s.next, req)
	if err != nil {
		return err
	}
	timeout := req.Expires + s.in.cfg.AnswerWait
	if req.Heartbeat > 0 {
		timeout = 2 * req.Heartbeat
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	for left, ended := req.Batch, false; left > 0 && !ended; {
		select {
		case msg := <-s.box.msgs:
			if s.box.isStatus(msg) {
				if ended, err = s.receiveStatus(msg, address); err != nil {
					return err
				}
			} else {
				s.handOver(msg, slots)
				left--
			}
			s.answered()
			t.Reset(timeout)
		case <-s.events:
			return s.connectionChanged()
		case <-t.C:
			return ErrNoAnswer
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// receiveStatus ignores the status of an earlier pull, except as a sign of life.
func (s *puller) receiveStatus(msg *nats.Msg, address string) (ended bool, err error) {
	if msg.Subject != address {
		return false, nil
	}
	return readStatus(msg)
}

// handOver starts a message in a slot set aside, or keeps it for the next free one.
func (s *puller) handOver(msg *nats.Msg, slots *int) {
	d := s.receive(msg)
	if d == nil || *slots == 0 {
		return
	}
	*slots--
	s.waiting = s.waiting[:len(s.waiting)-1]
	s.start(d)
}

// receive keeps a message in flight until it has a slot.
func (s *puller) receive(msg *nats.Msg) *Delivery {
	meta, err := msg.Metadata()
	if err != nil { // only a server that is none of NATS's sends such a thing
		s.in.cfg.Log.Error("message without metadata", s.attrs("error", err)...)
		return nil
	}
	d := &Delivery{
		Channel: s.in.cfg.Channel, Origin: s.origin, Subject: msg.Subject, Data: msg.Data, Header: msg.Header,
		Stream: meta.Stream, Sequence: meta.Sequence.Stream, Stored: meta.Timestamp, Delivered: meta.NumDelivered,
		Acker: &replyAcker{nc: s.nc, subject: msg.Reply},
	}
	s.more, s.suspect, s.quiet = meta.NumPending > 0, false, s.in.cfg.Now()
	s.in.inFlight.add(d)
	s.waiting = append(s.waiting, d)
	return d
}

// answered notes that the server takes our pulls.
func (s *puller) answered() {
	if s.paused {
		s.paused = false
		s.retry.Reset()
	}
	if s.failed {
		s.report(nil)
	}
}

// connectionChanged says what a change means for a pull: without a connection it
// is lost, and after a new one the server may have forgotten it.
func (s *puller) connectionChanged() error {
	if !s.nc.IsConnected() {
		return ErrDisconnected
	}
	return errReconnected
}

func (s *puller) forgetEvents() {
	for {
		select {
		case <-s.events:
		default:
			return
		}
	}
}

// pause waits before the next session, a little longer each time; a new
// connection is worth trying at once.
func (s *puller) pause(ctx context.Context) {
	s.paused = true
	t := time.NewTimer(s.retry.NextBackOff())
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-ctx.Done():
			return
		case status := <-s.events:
			if status == nats.CONNECTED {
				return
			}
		}
	}
}

// report notes why the source does not pull, or that it does. It is a detail in
// the log: what a lost connection does to all sources of a process is one event,
// which the owner of the intakes tells.
func (s *puller) report(err error) {
	s.failed = errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrPullRefused)
	before := s.setProblem(err)
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		s.in.cfg.Log.Debug("consumer not pulled from", s.attrs("error", err)...)
	case err == nil && before != nil:
		s.in.cfg.Log.Debug("consumer pulled from", s.attrs()...)
	}
}

func (s *puller) attrs(more ...any) []any {
	return append([]any{"consumer", s.consumer}, more...)
}

func (s *puller) setProblem(err error) (before error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.problem = s.problem, err
	return before
}

func (s *puller) status() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}
