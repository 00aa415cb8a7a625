package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// Publication is one job to publish. Body is published as it is; [Decode] it first.
type Publication struct {
	RefundID    string
	Channel     channel.Channel
	Body        []byte
	TraceParent string // empty: no header
}

// Receipt says what became of a posting.
type Receipt struct {
	Sequence uint64 // in REFUND_JOBS

	// Duplicate: the server had stored the very same job within its window for
	// duplicates (two minutes). It is queued already.
	Duplicate bool
}

// MessagePublisher publishes and waits for the acknowledgement;
// [jetstream.JetStream] has it.
type MessagePublisher interface {
	PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error)
}

// Publisher publishes jobs. It is safe for concurrent use; a caller that has many
// jobs calls it from as many goroutines as jobs may be in flight.
type Publisher struct{ js MessagePublisher }

// NewPublisher returns a publisher over js.
func NewPublisher(js MessagePublisher) Publisher { return Publisher{js} }

// Publish publishes one job and waits until it is stored. After a timeout
// nobody knows whether it is: publishing the same bytes again is harmless,
// because the ledger deduplicates, however late.
func (p Publisher) Publish(ctx context.Context, posting Publication) (Receipt, error) {
	msg := nats.NewMsg(jobs.JobSubject(posting.Channel))
	msg.Data = posting.Body
	msg.Header.Set(nats.MsgIdHdr, MessageID(posting.RefundID, posting.Body))
	if posting.TraceParent != "" {
		msg.Header.Set(jobs.HeaderTraceParent, posting.TraceParent)
	}
	ack, err := p.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0)) // that nobody listens, the caller shall know
	if err != nil {
		return Receipt{}, fmt.Errorf("publish job %s: %w", posting.RefundID, err)
	}
	if ack.Stream != Jobs {
		return Receipt{}, fmt.Errorf("publish job %s: %w: %s", posting.RefundID, ErrWrongStream, ack.Stream)
	}
	return Receipt{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// MessageID is the Nats-Msg-Id of a job: the refund id and the first 16
// hexadecimal digits of the body's SHA-256. The bare refund id would let the
// server swallow a job of other content unread.
func MessageID(refundID string, body []byte) string {
	sum := sha256.Sum256(body)
	return refundID + "." + hex.EncodeToString(sum[:8])
}
