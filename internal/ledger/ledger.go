package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// Config says whose ledger it is and how to reach it.
type Config struct {
	AlwaysGroup    bool // tests only: appends that wait are sent in batches, whatever that costs
	JS             jetstream.JetStream
	APIPrefix      string // "$JS.API" where JetStream is in our own account
	ClientID       string
	Environment    string
	FirstRetry     time.Duration // the shortest time between two attempts; default 10ms
	LastRetry      time.Duration // the longest; default 2s
	Log            *slog.Logger
	Now            func() time.Time
	OverdueAfter   time.Duration // how late a wait is that is taken for dropped; default 15s
	RequestTimeout time.Duration // one round trip; default 5s
}

// Ledger reads and writes records and waits. It is safe for concurrent use.
type Ledger struct {
	cfg        Config
	nc         *nats.Conn
	requests   *requests
	group      *group
	recoveries chan struct{} // of capacity one
}

// New returns a ledger. It does no I/O; [Ledger.Verify] does.
func New(cfg Config) *Ledger {
	if cfg.RequestTimeout <= 0 {
		cfg.RequestTimeout = 5 * time.Second
	}
	if cfg.OverdueAfter <= 0 {
		cfg.OverdueAfter = overdueAfter
	}
	if cfg.FirstRetry <= 0 {
		cfg.FirstRetry = 10 * time.Millisecond
	}
	if cfg.LastRetry <= 0 {
		cfg.LastRetry = 2 * time.Second
	}
	cfg.APIPrefix = strings.TrimSuffix(cfg.APIPrefix, ".")
	if cfg.APIPrefix == "" {
		cfg.APIPrefix = strings.TrimSuffix(jetstream.DefaultAPIPrefix, ".")
	}
	l := &Ledger{cfg: cfg, nc: cfg.JS.Conn(), requests: &requests{}, recoveries: make(chan struct{}, 1)}
	l.group = newGroup(l)
	return l
}

// The headers of a guarded append.
const (
	headerExpectSeq     = "Nats-Expected-Last-Subject-Sequence"
	headerExpectSubject = "Nats-Expected-Last-Subject-Sequence-Subject"
)

// filter is the one text that guards a refund, over all subjects that its
// records can have. In a cluster the server compares this text, not what it
// matches, with that of appends in flight: two writers with different texts
// both won, 150 times of 150. Nothing else may set the header.
func filter(refundID string) string { return jobs.RecordSubjects(refundID) }

// JetStream's codes for an append that must be settled by reading.
const (
	codeWrongLastSequence jetstream.ErrorCode = 10071
	codeInFlight          jetstream.ErrorCode = 10164
)

// Append stores r after the record at r.Prev (0: as the refund's first) and
// returns its sequence. Errors: [*MovedError] (another record stands there),
// [ErrNotStored] (nothing changed), [ErrTooLarge] (nothing changed, nor will it),
// [ErrUncertain] (ctx ended first).
func (l *Ledger) Append(ctx context.Context, r *refund.Record) (uint64, error) {
	return l.append(ctx, time.Time{}, r, nil)
}

// AppendUntilStored is [Ledger.Append] that also makes again what certainly
// changed nothing, until ctx ends or the time has come (zero: none): for records
// that must not be lost while this process lives. failed is called after each
// attempt that the server refused or did not answer.
func (l *Ledger) AppendUntilStored(ctx context.Context, until time.Time, r *refund.Record, failed func(error)) (uint64, error) {
	return l.append(ctx, until, r, failed)
}

// append makes the first attempt, which mostly succeeds, under one timer.
func (l *Ledger) append(ctx context.Context, until time.Time, r *refund.Record, failed func(error)) (uint64, error) {
	msg, err := l.guarded(r)
	if err != nil {
		return 0, err
	}
	seq, err := l.group.publish(ctx, until, msg, r.Job.RefundID)
	if err == nil {
		return seq, nil
	}
	if !until.IsZero() {
		var cancel func()
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	return l.appendAgain(ctx, msg, r, err, failed)
}

// appendAgain settles what became of an attempt that failed, and makes further
// ones until one of them is settled.
func (l *Ledger) appendAgain(ctx context.Context, msg *nats.Msg, r *refund.Record, err error, failed func(error)) (seq uint64, _ error) {
	pauses, troubled, unanswered := l.newPauses(), false, false
	for {
		var done bool
		seq, done, err = l.settled(ctx, msg, r, seq, err)
		if err == nil && troubled {
			l.recovered()
		}
		unanswered = unanswered || errors.Is(err, ErrUncertain) && !contended(err)
		refused := errors.Is(err, ErrNotStored)
		if refused && unanswered { // which says nothing about the attempt without an answer
			err = fmt.Errorf("%w: %v", ErrUncertain, err) //nolint:errorlint // it is not ErrNotStored any more
		}
		if done || refused && failed == nil {
			return seq, err
		}
		answered := l.requests.append.wait() // failed may bring the answer about
		if failed != nil && !contended(err) {
			troubled = true
			failed(err)
		}
		if !l.pause(ctx, pauses.NextBackOff(), answered) {
			return 0, fmt.Errorf("append record of %s: %w: %w", r.Job.RefundID, err, ctx.Err())
		}
		seq, err = l.group.publish(ctx, time.Time{}, msg, r.Job.RefundID)
	}
}

// guarded returns the message of a record, with what it expects to follow.
func (l *Ledger) guarded(r *refund.Record) (*nats.Msg, error) {
	if err := l.checkRoom(r); err != nil {
		return nil, err
	}
	msg := encode(r)
	msg.Header.Set(headerExpectSeq, strconv.FormatUint(r.Prev, 10))
	msg.Header.Set(headerExpectSubject, filter(r.Job.RefundID))
	return msg, nil
}

// settled takes what an attempt gave, and reads where that leaves open what is
// stored. Unless done, err wraps [ErrNotStored] or [ErrUncertain].
func (l *Ledger) settled(ctx context.Context, msg *nats.Msg, r *refund.Record, stored uint64, cause error) (seq uint64, done bool, err error) {
	switch {
	case cause == nil, errors.Is(cause, ErrTooLarge):
		return stored, true, cause
	case errors.Is(cause, ErrNotStored):
		return 0, false, cause
	}
	seq, done, err = l.settle(ctx, msg, r)
	if done {
		return seq, true, err
	}
	return 0, false, fmt.Errorf("%w: %w", ErrUncertain, cause)
}

// contended reports whether another append to the same refund is in flight.
func contended(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeInFlight || api.ErrorCode == codeWrongLastSequence)
}

// publish makes one attempt. Any error but [ErrNotStored] leaves open whether
// the record was stored.
func (l *Ledger) publish(ctx context.Context, msg *nats.Msg) (uint64, error) {
	ack, err := l.request(ctx, msg)
	switch {
	case err == nil:
		return ack.Seq, nil
	case notStored(err):
		return 0, fmt.Errorf("%w: %w", ErrNotStored, err)
	case tooLarge(err):
		return 0, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	l.cfg.Log.Debug("append refused", "error", err)
	return 0, err
}

// acknowledgement is the server's answer to an append.
type acknowledgement struct {
	Batch  string              `json:"batch"` // the name of the batch that the message ended
	Count  int                 `json:"count"` // of its messages
	Error  *jetstream.APIError `json:"error"`
	Seq    uint64              `json:"seq"`
	Stream string              `json:"stream"`
}

var errAck = errors.New("the answer to an append is no acknowledgement")

// request publishes msg and returns the acknowledgement.
func (l *Ledger) request(ctx context.Context, msg *nats.Msg) (ack acknowledgement, err error) {
	reply, err := l.nc.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return ack, err
	}
	switch err := json.Unmarshal(reply.Data, &ack); {
	case err != nil:
		return ack, fmt.Errorf("%w: %w", errAck, err)
	case ack.Error != nil:
		return ack, ack.Error
	case ack.Stream == "" || ack.Seq == 0:
		return ack, errAck
	}
	l.requests.append.received()
	return ack, nil
}

// notStored reports whether the server, or its absence, vouches that a publish
// was not kept. The connection buffers nothing while it is down, so a refusal
// by the client is as good as one by the server.
func notStored(err error) bool {
	return stream.StorageFull(err) || stream.NobodyListens(err) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed)
}

// settle finds out what became of an append that got no yes. done is false
// when the append should be made again.
func (l *Ledger) settle(ctx context.Context, msg *nats.Msg, r *refund.Record) (seq uint64, done bool, err error) {
	last, err := l.Last(ctx, r.Job.RefundID)
	switch {
	case errors.Is(err, ErrForeign), errors.Is(err, ErrRecord):
		return 0, true, err
	case err != nil: // no answer: whether it was stored is still open
		return 0, false, nil //nolint:nilerr // the caller asks again
	case last.Seq == r.Prev:
		return 0, false, nil
	case sameBytes(last.raw, msg):
		return last.Seq, true, nil
	}
	return 0, true, &MovedError{Last: last}
}

// sameBytes reports whether the stored message is the very one that was sent.
// Records name their writer and its count, so no two are alike.
func sameBytes(stored rawMessage, msg *nats.Msg) bool {
	return stored.Subject == msg.Subject && bytes.Equal(stored.Data, msg.Data) &&
		stored.header.Get(jobs.HeaderRecord) == msg.Header.Get(jobs.HeaderRecord)
}
