package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// DeadReason says why a message became a dead letter; a metric label.
type DeadReason string

// The two reasons.
const (
	DeadUnreadable       DeadReason = "unreadable"
	DeadRefundIDConflict DeadReason = "refund_id_conflict"
)

// DeadLetter is a message that no result can be written for. Its bytes may hold
// customer values and are secret as a whole.
type DeadLetter struct {
	Reason   DeadReason
	Channel  channel.Channel
	Stream   string // where the message was stored
	Sequence uint64 // and as which
	Subject  string // and under which subject
	StoredAt time.Time
	RefundID string // where it can be read
	Body     []byte
}

// Message returns the letter as it is published, in at most limit bytes of
// headers and body. A body that does not fit is cut, and its length kept. No
// header of the message is copied: Nats-Msg-Id, schedules and roll-ups would
// act again. [ErrNoRoom] is returned if the headers alone are too large.
func (d DeadLetter) Message(limit int) (*nats.Msg, error) {
	msg := nats.NewMsg(jobs.DeadSubject(d.Channel))
	msg.Header.Set(jobs.HeaderDeadReason, string(d.Reason))
	msg.Header.Set(jobs.HeaderDeadSubject, d.Subject)
	msg.Header.Set(jobs.HeaderDeadSequence, strconv.FormatUint(d.Sequence, 10))
	msg.Header.Set(nats.MsgIdHdr, d.Stream+"."+strconv.FormatUint(d.Sequence, 10))
	msg.Data = d.Body
	if headerSize(msg.Header)+len(d.Body) <= limit {
		return msg, nil
	}
	msg.Header.Set(jobs.HeaderDeadTruncated, strconv.Itoa(len(d.Body)))
	room := limit - headerSize(msg.Header)
	if room < 0 {
		return nil, fmt.Errorf("dead letter of %s %d: %w", d.Stream, d.Sequence, ErrNoRoom)
	}
	msg.Data = d.Body[:min(room, len(d.Body))]
	return msg, nil
}

// headerSize is the number of bytes that h takes on the wire, which server and
// stream count together with the body.
func headerSize(h nats.Header) int {
	size := len("NATS/1.0\r\n\r\n")
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return size
}

// DeadLetters publishes dead letters, and for producers a notice of each.
type DeadLetters struct {
	js    MessagePublisher
	limit func() int

	withoutNotices bool
	permission     *NoticePermission // nil: notices are allowed
}

// NewDeadLetters returns a publisher over js whose messages have at most
// limit() bytes, as [DeadLetterLimit] gives them.
func NewDeadLetters(js MessagePublisher, limit func() int) DeadLetters {
	return DeadLetters{js: js, limit: limit}
}

// WithoutNotices returns a publisher for a REFUND_DEAD that an older version has
// set up and that takes no notices ([Report].NoticesTaken). It does not try: the
// worker's user may not be allowed to, which would look like a time-out.
func (d DeadLetters) WithoutNotices() DeadLetters {
	d.withoutNotices = true
	return d
}

// Permitted returns a publisher that asks p before it tries a notice.
func (d DeadLetters) Permitted(p *NoticePermission) DeadLetters {
	d.permission = p
	return d
}

// DeadLetterLimit returns the largest dead letter in bytes, headers included:
// what the server that conn is on accepts, or streamLimit
// ([Report].DeadLetterSize) where that is less and not 0. It is asked each time:
// after a reconnect the server may be another.
func DeadLetterLimit(conn *nats.Conn, streamLimit int) func() int {
	return func() int {
		limit := int(conn.MaxPayload())
		if streamLimit > 0 {
			limit = min(limit, streamLimit)
		}
		return limit
	}
}

// Publish stores the letter, then its notice. A caller that gets no error may
// acknowledge the message. That either is a duplicate is not an error: then it is
// there already, for the message was delivered twice. Errors: [ErrDeadRefused]
// where trying again would end the same; [ErrNotNoticed] where the letter is
// stored, and [DeadLetters.WithoutNotices] was asked for or notices are denied.
func (d DeadLetters) Publish(ctx context.Context, letter DeadLetter) error {
	msg, err := letter.Message(d.limit())
	if err == nil {
		err = d.store(ctx, msg)
	}
	if err != nil {
		return fmt.Errorf("publish dead letter of %s %d: %w", letter.Stream, letter.Sequence, refused(err))
	}
	if d.withoutNotices {
		return errNoticesUnknown
	}
	if err := d.notify(ctx, letter); errors.Is(err, ErrNotNoticed) {
		return err
	} else if err != nil {
		return fmt.Errorf("publish notice of dead letter %s %d: %w", letter.Stream, letter.Sequence, refused(err))
	}
	return nil
}

func (d DeadLetters) notify(ctx context.Context, letter DeadLetter) error {
	publish := func(ctx context.Context) error { return d.store(ctx, letter.Notice()) }
	if d.permission == nil {
		return publish(ctx)
	}
	return d.permission.try(ctx, letter.Channel, publish)
}

func (d DeadLetters) store(ctx context.Context, msg *nats.Msg) error {
	ack, err := d.js.PublishMsg(ctx, msg)
	if err == nil && ack.Stream != Dead {
		err = fmt.Errorf("%w: %s", ErrWrongStream, ack.Stream)
	}
	return err
}

// refused adds [ErrDeadRefused] to what only an administrator can change. A full
// account or server is none of it: then nothing else could be stored either.
func refused(err error) error {
	switch code := apiCode(err); {
	case code == codeStoreFailed, code == codeTooLarge, code == codeSealed,
		errors.Is(err, ErrNoRoom), errors.Is(err, ErrWrongStream),
		errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrNoStreamResponse):
		return fmt.Errorf("%w: %w", ErrDeadRefused, err)
	}
	return err
}
