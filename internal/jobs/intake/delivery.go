package intake

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
)

// Origin says which of a channel's two consumers a message came through.
type Origin uint8

// The two feeds.
const (
	FromJobs Origin = iota // worker_<channel>: a job as it was published
	FromDue                // due_<channel>: a wait that fired, or a wake-up from the ledger
)

// String returns "fresh" or "due".
func (f Origin) String() string {
	if f == FromDue {
		return "due"
	}
	return "fresh"
}

// Delivery is one message in flight. The intake never settles one that it has
// handed over, panics aside: a handler that returns without an Ack or a Nak
// leaves it to its AckWait.
type Delivery struct {
	Channel channel.Channel
	Origin  Origin

	Subject string
	Data    []byte      // not to be changed
	Header  nats.Header // not to be changed; may be nil

	Stream    string
	Sequence  uint64    // in Stream
	Stored    time.Time // when Stream stored it
	Delivered uint64    // how often it has been delivered, this time included

	// Acker answers the server. The intake sets it; tests bring their own.
	Acker Acker
}

// Acker answers the server about one message; a message of the jetstream
// package is one.
type Acker interface {
	Ack() error
	InProgress() error
	NakWithDelay(delay time.Duration) error
}

// Ack says that all that follows from the message is stored. It does not wait
// for the server: a message whose acknowledgement is lost comes again, and the
// ledger then says that nothing is left to do. It returns [ErrSettled] after an
// Ack or a Nak, and [ErrNoAcker] without an Acker.
func (d *Delivery) Ack() error {
	return d.reply("ack", Acker.Ack)
}

// Nak requeues the message, to be delivered again after delay; at once where
// that is zero or less. The errors are those of [Delivery.Ack].
func (d *Delivery) Nak(delay time.Duration) error {
	return d.reply("nak", func(a Acker) error { return a.NakWithDelay(max(delay, 0)) })
}

// InProgress starts the message's AckWait again. The intake does so by itself,
// up to its ceiling. The errors are those of [Delivery.Ack].
func (d *Delivery) InProgress() error {
	return d.reply("heartbeat", Acker.InProgress)
}

func (d *Delivery) reply(what string, say func(Acker) error) error {
	if d.Acker == nil {
		return fmt.Errorf("%s %s %d: %w", what, d.Stream, d.Sequence, ErrNoAcker)
	}
	if err := say(d.Acker); err != nil {
		return fmt.Errorf("%s %s %d: %w", what, d.Stream, d.Sequence, err)
	}
	return nil
}

// replyAcker is the Acker of a message pulled by the intake.
type replyAcker struct {
	nc      *nats.Conn
	subject string

	mu      sync.Mutex
	settled bool
}

// Ack implements [Acker].
func (r *replyAcker) Ack() error { return r.send("+ACK", true) }

// InProgress implements [Acker].
func (r *replyAcker) InProgress() error { return r.send("+WPI", false) }

// NakWithDelay implements [Acker].
func (r *replyAcker) NakWithDelay(delay time.Duration) error {
	if delay <= 0 {
		return r.send("-NAK", true)
	}
	body, err := json.Marshal(struct {
		Delay time.Duration `json:"delay"`
	}{delay})
	if err != nil {
		return err
	}
	return r.send("-NAK "+string(body), true)
}

// send keeps the order of what is said: a heartbeat that overtook a delayed nak
// would have the message wait its whole AckWait instead of the delay.
func (r *replyAcker) send(what string, settles bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		return ErrSettled
	}
	if err := r.nc.Publish(r.subject, []byte(what)); err != nil {
		return err
	}
	r.settled = settles
	return nil
}
