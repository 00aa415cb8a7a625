package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/retry"
)

// window is how many jobs may be published and not yet acknowledged.
const window = 256

// asyncPublisher publishes without waiting; [jetstream.JetStream] has it.
type asyncPublisher interface {
	PublishMsgAsync(msg *nats.Msg, opts ...jetstream.PublishOpt) (jetstream.PubAckFuture, error)
}

// publisher publishes one job and waits; [jobs.Publisher] is one.
type publisher interface {
	Publish(ctx context.Context, posting stream.Publication) (stream.Receipt, error)
}

// sender publishes jobs in the order of the input: of two jobs with one
// refund_id the first is the one that counts. A job whose acknowledgement does
// not come is published again, which is harmless, until the time for it ends; then
// the sender gives up, for good.
type sender struct {
	js        asyncPublisher
	again     publisher
	connected func(context.Context) error // waits for the connection
	denied    denials
	timeout   time.Duration
	pauses    retry.Policy
	say       *console
	stored    func(job) // told of every job that is published or already queued

	warned  bool
	flights chan flight
	settled chan struct{} // closed when all flights are
	away    chan struct{} // closed when the sender has given up
}

// flight is a job on its way: it has a future, or the error that it got instead
// of one.
type flight struct {
	job    job
	future jetstream.PubAckFuture
	err    error
}

// start begins to take acknowledgements; the caller calls finish.
func (s *sender) start(ctx context.Context) {
	s.flights, s.settled, s.away = make(chan flight, window), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.settled)
		for f := range s.flights {
			s.settle(ctx, f)
		}
	}()
}

// finish waits until every job that was sent is acknowledged, or known not to
// be.
func (s *sender) finish() {
	close(s.flights)
	<-s.settled
}

// send publishes a job, and waits while the window is full.
func (s *sender) send(j job) {
	subject := jobs.JobSubject(j.channel)
	f := flight{job: j, err: s.denied.err(subject)}
	if f.err == nil {
		msg := nats.NewMsg(subject)
		msg.Data = j.body
		msg.Header.Set(nats.MsgIdHdr, stream.MessageID(j.refundID, j.body))
		f.future, f.err = s.js.PublishMsgAsync(msg)
	}
	s.flights <- f
}

// gone reports whether the sender has given up.
func (s *sender) gone() bool {
	select {
	case <-s.away:
		return true
	default:
		return false
	}
}

func (s *sender) settle(ctx context.Context, f flight) {
	receipt, err := s.outcome(f)
	if lost(err) && !s.gone() && ctx.Err() == nil {
		s.warn(f.job, err)
		receipt, err = s.persist(ctx, f.job)
	}
	if err != nil {
		s.say.fail(f.job, explain(err, f.job))
		return
	}
	s.say.publish(receipt.Duplicate)
	f.job.sequence = receipt.Sequence
	s.stored(f.job)
}

// warn says, the first time, why nothing seems to happen.
func (s *sender) warn(j job, err error) {
	if !s.warned {
		s.warned = true
		s.say.line("%s: %s; trying again for %s", j, explain(err, j), s.timeout)
	}
}

// outcome waits for the future. It always ends: futures time out.
func (s *sender) outcome(f flight) (receipt stream.Receipt, err error) {
	if f.err != nil {
		return stream.Receipt{}, f.err
	}
	subject := jobs.JobSubject(f.job.channel)
	select {
	case ack := <-f.future.Ok():
		if ack.Stream != stream.Jobs {
			return stream.Receipt{}, fmt.Errorf("%w: %s", stream.ErrWrongStream, ack.Stream)
		}
		return stream.Receipt{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
	case err := <-f.future.Err():
		return stream.Receipt{}, err
	case <-s.denied.of(subject):
		return stream.Receipt{}, s.denied.err(subject)
	}
}

// persist publishes a job again until it is stored, refused, or the time for it
// ends.
func (s *sender) persist(ctx context.Context, j job) (receipt stream.Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	subject := jobs.JobSubject(j.channel)
	for n := 1; ; n++ {
		receipt, err = s.once(ctx, j)
		if denied := s.denied.err(subject); err != nil && denied != nil {
			return stream.Receipt{}, denied
		}
		if !lost(err) {
			return receipt, err
		}
		select {
		case <-ctx.Done():
			close(s.away)
			return stream.Receipt{}, err
		case <-s.denied.of(subject):
			return stream.Receipt{}, s.denied.err(subject)
		case <-time.After(s.pauses.Jittered(n)):
		}
	}
}

func (s *sender) once(ctx context.Context, j job) (receipt stream.Receipt, err error) {
	if s.connected(ctx) != nil {
		return stream.Receipt{}, nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	return s.again.Publish(ctx, stream.Publication{RefundID: j.refundID, Channel: j.channel, Body: j.body})
}

// lost reports whether nobody knows what became of a publish, or no stream listens at
// the moment, so that it is worth repeating. What was certainly refused stays refused.
func lost(err error) bool {
	final := errors.Is(err, stream.ErrWrongStream) || errors.Is(err, errDenied)
	return err != nil && !final && (stream.NobodyListens(err) || !stream.NotStored(err))
}

// explain says what an error means for the job.
func explain(err error, j job) error {
	switch {
	case stream.StorageFull(err):
		return fmt.Errorf("the queue takes no more jobs until some are worked off: %w", err)
	case stream.NobodyListens(err):
		return fmt.Errorf("no stream takes %s: are the streams set up, and the subject imported?", jobs.JobSubject(j.channel))
	case errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return errUnconnected
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout), errors.Is(err, nats.ErrTimeout),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errUnacknowledged
	}
	return err
}
