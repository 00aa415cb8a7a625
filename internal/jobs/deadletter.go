package jobs

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"refundworker/internal/channel"
)

// DeadReason says why a message became a dead letter; a metric label.
type DeadReason string

// The two reasons (contract.md §2).
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
	Body     []byte
}

// Message returns the letter as it is published, in at most limit bytes of
// headers and body. A body that does not fit is cut, and its length kept. No
// header of the message is copied: Nats-Msg-Id, schedules and roll-ups would
// act again. [ErrNoRoom] is returned if the headers alone are too large.
func (d DeadLetter) Message(limit int) (*nats.Msg, error) {
	msg := nats.NewMsg(DeadSubject(d.Channel))
	msg.Header.Set(HeaderDeadReason, string(d.Reason))
	msg.Header.Set(HeaderDeadSubject, d.Subject)
	msg.Header.Set(HeaderDeadSequence, strconv.FormatUint(d.Sequence, 10))
	msg.Header.Set(nats.MsgIdHdr, d.Stream+"."+strconv.FormatUint(d.Sequence, 10))
	msg.Data = d.Body
	if headerSize(msg.Header)+len(d.Body) <= limit {
		return msg, nil
	}
	msg.Header.Set(HeaderDeadTruncated, strconv.Itoa(len(d.Body)))
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

// DeadLetters publishes dead letters.
type DeadLetters struct {
	js    MessagePublisher
	limit func() int
}

// NewDeadLetters returns a publisher over js whose messages have at most
// limit() bytes, as [DeadLetterLimit] gives them.
func NewDeadLetters(js MessagePublisher, limit func() int) DeadLetters {
	return DeadLetters{js, limit}
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

// Publish stores the letter. That it is a duplicate is no error: then it is
// there already, for the message was delivered twice.
func (d DeadLetters) Publish(ctx context.Context, letter DeadLetter) error {
	msg, err := letter.Message(d.limit())
	if err != nil {
		return err
	}
	ack, err := d.js.PublishMsg(ctx, msg)
	if err != nil {
		return fmt.Errorf("publish dead letter of %s %d: %w", letter.Stream, letter.Sequence, err)
	}
	if ack.Stream != StreamDead {
		return fmt.Errorf("publish dead letter of %s %d: %w: %s", letter.Stream, letter.Sequence, ErrWrongStream, ack.Stream)
	}
	return nil
}
