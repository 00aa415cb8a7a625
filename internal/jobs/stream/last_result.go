package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
)

// DirectGet asks for the last message of the ledger on a subject: it stands between
// the API's prefix and that subject.
const DirectGet = ".DIRECT.GET." + Refunds + "."

// lookWithin bounds one look for a result.
const lookWithin = 5 * time.Second

// Requester asks and waits for the answer; [nats.Conn] has it.
type Requester interface {
	RequestWithContext(ctx context.Context, subject string, data []byte) (*nats.Msg, error)
}

// ResultReader reads results as a producer may: by a raw direct get of the last
// message under a wildcard. It may be some moments late, never wrong.
type ResultReader struct {
	NC     Requester
	Prefix string // of JetStream's API
}

// Last returns a refund's last result as it is stored, body and header, or
// [ErrNoResult]. The refund id must be a valid one: it becomes a part of a
// subject.
func (r ResultReader) Last(ctx context.Context, refundID string) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	msg, err := r.NC.RequestWithContext(ctx, r.Prefix+DirectGet+jobs.ResultSubjects(refundID), nil)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	switch status := msg.Header.Get("Status"); {
	case status == "404":
		return nil, ErrNoResult
	case status != "":
		return nil, fmt.Errorf("%w: status %s", ErrUnanswered, status)
	}
	_, _, id, err := jobs.ParseResultSubject(msg.Header.Get("Nats-Subject"))
	if err != nil || id != refundID {
		return nil, ErrUnanswered
	}
	return msg, nil
}
