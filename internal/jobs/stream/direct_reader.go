package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
)

// DirectGet asks for the last message of the ledger on a subject: it stands between
// the API's prefix and that subject.
const DirectGet = ".DIRECT.GET." + Refunds + "."

// lookWithin bounds one look for a message.
const lookWithin = 5 * time.Second

// Requester asks and waits for the answer; [nats.Conn] has it.
type Requester interface {
	RequestWithContext(ctx context.Context, subject string, data []byte) (*nats.Msg, error)
}

// DirectReader reads the ledger as other accounts may: by a raw direct get of the last
// message under a wildcard. It may be some moments late, never wrong.
type DirectReader struct {
	NC     Requester
	Prefix string // of JetStream's API
}

// Result returns a refund's last result as it is stored, body and header, or
// [ErrNoResult]. The refund id must be a valid one: it becomes a part of a
// subject.
func (r DirectReader) Result(ctx context.Context, refundID string) (*nats.Msg, error) {
	msg, err := r.last(ctx, jobs.ResultSubjects(refundID))
	if errors.Is(err, errNoMessage) {
		return nil, ErrNoResult
	}
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if _, _, id, err := jobs.ParseResultSubject(msg.Subject); err != nil || id != refundID {
		return nil, fmt.Errorf("read result: %w", ErrUnanswered)
	}
	return msg, nil
}

// Record returns a refund's last record as it is stored, a result or a step before it,
// or [ErrNoRecord]. The refund id must be a valid one.
func (r DirectReader) Record(ctx context.Context, refundID string) (*nats.Msg, error) {
	msg, err := r.last(ctx, jobs.RecordSubjects(refundID))
	if errors.Is(err, errNoMessage) {
		return nil, ErrNoRecord
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	if !strings.HasSuffix(msg.Subject, "."+refundID) {
		return nil, fmt.Errorf("read record: %w", ErrUnanswered)
	}
	return msg, nil
}

var errNoMessage = errors.New("no message")

// last returns the last message on the subjects, under the subject of the stream.
func (r DirectReader) last(ctx context.Context, subjects string) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	msg, err := r.NC.RequestWithContext(ctx, r.Prefix+DirectGet+subjects, nil)
	if err != nil {
		return nil, err
	}
	switch status := msg.Header.Get("Status"); {
	case status == "404":
		return nil, errNoMessage
	case status != "":
		return nil, fmt.Errorf("%w: status %s", ErrUnanswered, status)
	}
	msg.Subject = msg.Header.Get("Nats-Subject")
	return msg, nil
}
