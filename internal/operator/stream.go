package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// Recorded is one message of the stream REFUNDS.
type Recorded struct {
	Sequence uint64
	Stored   time.Time
	Subject  string
	Record   refund.Record
	Result   []byte // the event, where the record is a result
}

// Span says which records are wanted, in the order in which they were stored.
type Span struct {
	Subject string    // pattern; empty: all
	After   uint64    // sequence; only what came later
	From    time.Time // by the server's clock; zero: from the first. Unused with After
	To      time.Time // only what was stored before; zero: no end
	Follow  bool      // continue with what is stored later, until ctx ends

	headersOnly bool // messages without their bodies
}

// errEnd is the regular end of a reading.
var errEnd = errors.New("end")

const (
	fetchSize  = 512
	fetchWait  = 5 * time.Second
	idleReader = 30 * time.Second // after which the server forgets a reader that is gone
	attempts   = 3                // without a message, before a reading is given up
)

// Read calls each with every record of the span. It returns nil at the end, the
// error of each, or why it cannot continue. What was read so far is valid, and
// another call with After continues from there.
func (o Operator) Read(ctx context.Context, s Span, each func(Recorded) error) error {
	return o.read(ctx, s, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		record, err := o.recorded(m, meta)
		if err != nil {
			return err
		}
		return each(record)
	})
}

// eachMessage is called with one message after the other.
type eachMessage func(jetstream.Msg, *jetstream.MsgMetadata) error

func (o Operator) read(ctx context.Context, s Span, each eachMessage) error {
	if s.Subject == "" {
		s.Subject = "refunds.>"
	}
	idle := 0
	for ctx.Err() == nil {
		before := s.After
		err := o.readOn(ctx, &s, each)
		switch {
		case errors.Is(err, errEnd):
			return nil
		case ctx.Err() != nil, errors.As(err, new(*eachError)):
			return unwrapEach(err)
		case s.After != before, s.Follow && err == nil:
			idle = 0
		default:
			if idle++; idle == attempts && !s.Follow {
				return fmt.Errorf("read the ledger after sequence %d: %w", s.After, err)
			}
		}
		_ = retry.Sleep(ctx, time.Duration(idle)*200*time.Millisecond)
	}
	return ctx.Err()
}

// eachError marks an error of the caller's function, as opposed to one of reading.
type eachError struct{ error }

func (e *eachError) Unwrap() error { return e.error }

func unwrapEach(err error) error {
	if e := (*eachError)(nil); errors.As(err, &e) {
		return e.error
	}
	return err
}

// readOn reads with one consumer until a message is lost in transit. The consumer
// has no acknowledgements: a gap in its own count means that one was.
func (o Operator) readOn(ctx context.Context, s *Span, each eachMessage) error {
	reader, err := o.cfg.JS.CreateConsumer(ctx, stream.Refunds, s.consumer())
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	if reader.CachedInfo().NumPending == 0 && !s.Follow {
		return errEnd
	}
	for count := uint64(0); ; {
		seen := count
		pulling, cancel := context.WithTimeout(ctx, fetchWait)
		count, err = o.batch(pulling, reader, s, count, each)
		cancel()
		if err != nil {
			return err
		}
		if count == seen && !s.Follow {
			return errors.New("no answer from the stream")
		}
		if count == seen { // nothing new: whether the reader is still there, only asking tells
			if _, err := reader.Info(ctx); err != nil {
				return fmt.Errorf("look at the reader: %w", err)
			}
		}
	}
}

func (s *Span) consumer() jetstream.ConsumerConfig {
	cfg := jetstream.ConsumerConfig{
		Name: "refundctl_" + randomName(), FilterSubject: s.Subject, AckPolicy: jetstream.AckNonePolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy, InactiveThreshold: idleReader, MemoryStorage: true,
		HeadersOnly: s.headersOnly,
	}
	switch {
	case s.After > 0:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, s.After+1
	case !s.From.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &s.From
	}
	return cfg
}

// batch reads what one pull brings; count is the reader's own, so far.
func (o Operator) batch(ctx context.Context, reader jetstream.Consumer, s *Span, count uint64, each eachMessage) (uint64, error) {
	pull, err := reader.Fetch(fetchSize, jetstream.FetchContext(ctx))
	if err != nil {
		return count, fmt.Errorf("read: %w", err)
	}
	for msg := range pull.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return count, fmt.Errorf("read: %w", err)
		}
		if count++; meta.Sequence.Consumer != count {
			return count, errors.New("a message was lost on the way")
		}
		if !s.To.IsZero() && !meta.Timestamp.Before(s.To) {
			return count, errEnd
		}
		if err := each(msg, meta); err != nil {
			return count, &eachError{err}
		}
		s.After = meta.Sequence.Stream
		if meta.NumPending == 0 && !s.Follow {
			return count, errEnd
		}
	}
	return count, nil
}

func (o Operator) recorded(msg jetstream.Msg, meta *jetstream.MsgMetadata) (Recorded, error) {
	r := Recorded{Sequence: meta.Sequence.Stream, Stored: meta.Timestamp.UTC(), Subject: msg.Subject()}
	var err error
	if r.Record, err = o.cfg.Ledger.Decode(msg.Subject(), msg.Headers(), msg.Data()); err != nil {
		return r, fmt.Errorf("sequence %d: %w", r.Sequence, err)
	}
	if r.Record.State.Result() {
		r.Result = msg.Data()
	}
	return r, nil
}
