package client

import (
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// Notice says that a message became a dead letter: it is no job, or it repeats a
// refund id with other content. It is final for that message, and says nothing about
// the refund (docs/contract.md, "Dead letters").
type Notice struct {
	Channel  Channel
	Reason   string // unreadable or refund_id_conflict
	Stream   string // where the message was stored: REFUND_JOBS
	Sequence uint64 // and as which: the publisher's [Receipt] has it
	RefundID string // empty where it cannot be read
	StoredAt time.Time
}

func decodeNotice(body []byte) (Notice, error) {
	n, err := stream.DecodeNotice(body)
	if err != nil {
		return Notice{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	notice := Notice{
		Channel: Channel(n.Channel), Reason: string(n.Reason), Stream: n.Stream, Sequence: n.Sequence, StoredAt: n.StoredAt,
	}
	if n.RefundID != nil {
		notice.RefundID = *n.RefundID
	}
	return notice, nil
}
