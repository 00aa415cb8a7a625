package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// HeaderDeadAction marks a message on REFUND_DEAD that is not a letter but says
// what an operator did about one; its body is an [Action].
const HeaderDeadAction = "Refund-Dead-Action"

// The two things that are done about a letter.
const (
	replayed  = "replayed"
	discarded = "discarded"
)

// Action is what an operator did about a dead letter, as it is kept beside the
// letters for as long as they are.
type Action struct {
	Action   string    `json:"action"` // replayed or discarded
	Letter   uint64    `json:"letter"` // its sequence in REFUND_DEAD
	RefundID string    `json:"refund_id,omitempty"`
	Operator string    `json:"operator"`
	Because  string    `json:"because"`
	At       time.Time `json:"at"`
}

// DeadLetter is one dead letter. Body is secret as a whole: it may hold a
// customer's values.
type DeadLetter struct {
	Sequence  uint64          `json:"sequence"`
	Stored    time.Time       `json:"stored"`
	Channel   channel.Channel `json:"channel"`
	Reason    string          `json:"reason"`
	Subject   string          `json:"subject"`             // where the message came from
	Source    uint64          `json:"source_sequence"`     // and which one it was
	Size      int             `json:"size"`                // of the message, bytes
	Truncated bool            `json:"truncated,omitempty"` // only its beginning was kept
	RefundID  string          `json:"refund_id,omitempty"` // where it can be read
	Problem   string          `json:"problem,omitempty"`   // why it is not a job, without any of its values
	Handled   *Action         `json:"handled,omitempty"`
	Body      []byte          `json:"-"`
}

// deadLetters is REFUND_DEAD as it was read.
type deadLetters struct {
	stream  jetstream.Stream
	last    uint64 // sequence of the last message, whatever it is
	letters []DeadLetter
	actions []Action
}

// readDead reads all letters and what was done about them.
func (o Operator) readDead(ctx context.Context) (deadLetters, error) {
	stream, err := o.cfg.JS.Stream(ctx, stream.Dead)
	if err != nil {
		return deadLetters{}, fmt.Errorf("read dead letters: %w", err)
	}
	d := deadLetters{stream: stream, last: stream.CachedInfo().State.LastSeq}
	for next := uint64(1); next <= d.last; next++ {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject("refunds.dead.*"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return deadLetters{}, fmt.Errorf("read dead letters: %w", err)
		}
		next = msg.Sequence
		if next <= d.last {
			d.add(msg)
		}
	}
	for i, l := range d.letters {
		if j := slices.IndexFunc(d.actions, func(a Action) bool { return a.Letter == l.Sequence }); j >= 0 {
			d.letters[i].Handled = &d.actions[j]
		}
	}
	return d, nil
}

func (d *deadLetters) add(msg *jetstream.RawStreamMsg) {
	if msg.Header.Get(HeaderDeadAction) != "" {
		var a Action
		if json.Unmarshal(msg.Data, &a) == nil {
			d.actions = append(d.actions, a)
		}
		return
	}
	d.letters = append(d.letters, newDeadLetter(msg))
}

func newDeadLetter(msg *jetstream.RawStreamMsg) DeadLetter {
	l := DeadLetter{
		Sequence: msg.Sequence, Stored: msg.Time, Reason: msg.Header.Get(jobs.HeaderDeadReason),
		Subject: msg.Header.Get(jobs.HeaderDeadSubject), Size: len(msg.Data), Body: msg.Data,
	}
	l.Channel, _ = jobs.ParseDeadSubject(msg.Subject) // the stream takes no other subject
	l.Source, _ = strconv.ParseUint(msg.Header.Get(jobs.HeaderDeadSequence), 10, 64)
	if size, err := strconv.Atoi(msg.Header.Get(jobs.HeaderDeadTruncated)); err == nil {
		l.Size, l.Truncated = size, true
	}
	decoded := jobs.Decode(l.Channel, l.Body)
	l.RefundID = decoded.Job.RefundID
	l.Problem = problemOf(decoded)
	if l.Problem == "" && l.Reason == string(stream.DeadRefundIDConflict) {
		l.Problem = "the refund_id belongs to a refund of other content"
	}
	return l
}

// problemOf says what keeps a message from being a job; empty where nothing
// does.
func problemOf(d jobs.Decoded) string {
	switch d.Outcome {
	case jobs.Unreadable:
		return d.Err.Error()
	case jobs.Invalid:
		return d.Problems.String()
	case jobs.Valid:
	}
	return ""
}

// find returns a letter by its sequence, or [ErrNoLetter].
func (d *deadLetters) find(sequence uint64) (DeadLetter, error) {
	for _, l := range d.letters {
		if l.Sequence == sequence {
			return l, nil
		}
	}
	return DeadLetter{}, fmt.Errorf("%d %w", sequence, ErrNoLetter)
}

// record stores what was done about a letter, after the last message that was
// read: of two operators who act at once one has to look again.
func (o Operator) record(ctx context.Context, d deadLetters, l DeadLetter, action, refundID, because string) error {
	a := Action{
		Action: action, Letter: l.Sequence, RefundID: refundID, Operator: o.cfg.Name, Because: because, At: o.cfg.Now().UTC(),
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("record what was done about letter %d: %w", l.Sequence, err)
	}
	msg := nats.NewMsg(jobs.DeadSubject(l.Channel))
	msg.Header.Set(HeaderDeadAction, action)
	msg.Data = body
	_, err = o.cfg.JS.PublishMsg(ctx, msg, jetstream.WithExpectLastSequence(d.last), jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("record what was done about letter %d: %w", l.Sequence, err)
	}
	return nil
}

// DeadFilter says which letters are wanted.
type DeadFilter struct {
	Channel channel.Channel // empty: all
	Reason  string          // empty: all
	All     bool            // those that were replayed as well
}

// DeadLetters returns the letters that fit, oldest first, and everything that
// was ever done about any.
func (o Operator) DeadLetters(ctx context.Context, f DeadFilter) ([]DeadLetter, []Action, error) {
	d, err := o.readDead(ctx)
	if err != nil {
		return nil, nil, err
	}
	fits := slices.DeleteFunc(d.letters, func(l DeadLetter) bool {
		return f.Channel != "" && l.Channel != f.Channel || f.Reason != "" && l.Reason != f.Reason || l.Handled != nil && !f.All
	})
	return fits, d.actions, nil
}

// DeadLetter returns one letter, or [ErrNoLetter].
func (o Operator) DeadLetter(ctx context.Context, sequence uint64) (DeadLetter, error) {
	d, err := o.readDead(ctx)
	if err != nil {
		return DeadLetter{}, err
	}
	return d.find(sequence)
}

// Discard records who gives a letter up and why, and erases it. Errors:
// [ErrNoLetter], [ErrBecause].
func (o Operator) Discard(ctx context.Context, sequence uint64, because string) (DeadLetter, error) {
	if err := o.signed(because, true); err != nil {
		return DeadLetter{}, fmt.Errorf("discard letter %d: %w", sequence, err)
	}
	for {
		d, err := o.readDead(ctx)
		if err != nil {
			return DeadLetter{}, err
		}
		l, err := d.find(sequence)
		if err != nil {
			return DeadLetter{}, fmt.Errorf("discard: %w", err)
		}
		if l.Handled == nil || l.Handled.Action != discarded {
			err = o.record(ctx, d, l, discarded, l.RefundID, because)
			if moved(err) {
				continue
			}
			if err != nil {
				return DeadLetter{}, err
			}
		}
		if err := d.stream.SecureDeleteMsg(ctx, sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return DeadLetter{}, fmt.Errorf("erase letter %d: %w", sequence, err)
		}
		return l, nil
	}
}

// moved reports whether a guarded publish was refused because another message
// came first.
func moved(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// Shown is a job as a screen may show it.
type Shown struct {
	RefundID          string            `json:"refund_id"`
	Channel           channel.Channel   `json:"channel"`
	InvoiceNumber     string            `json:"invoice_number,omitempty"`
	OriginalRequestID string            `json:"original_request_id,omitempty"`
	Amount            int64             `json:"amount,omitempty"`
	Reason            string            `json:"reason,omitempty"`
	NotBefore         time.Time         `json:"not_before,omitzero"`
	Deadline          time.Time         `json:"deadline,omitzero"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	Customer          string            `json:"customer,omitempty"` // which values are there, not what they are
}

// ShowJob is what may be shown of a message: the fields that keep their rules,
// without the customer's values.
func ShowJob(ch channel.Channel, body []byte) Shown {
	j := jobs.Decode(ch, body).Job
	s := Shown{
		RefundID: j.RefundID, Channel: j.Channel, InvoiceNumber: j.InvoiceNumber, OriginalRequestID: j.OriginalRequestID,
		Amount: j.Amount, Reason: j.Reason, NotBefore: j.NotBefore, Deadline: j.Deadline, Metadata: j.Metadata,
	}
	var names []string
	for _, v := range []struct {
		name  string
		given bool
	}{
		{"access_token", !j.Customer.AccessToken.IsZero()},
		{"device_id", !j.Customer.DeviceID.IsZero()},
		{"ip_address", !j.Customer.IPAddress.IsZero()},
	} {
		if v.given {
			names = append(names, v.name+" [redacted]")
		}
	}
	s.Customer = strings.Join(names, ", ")
	return s
}
