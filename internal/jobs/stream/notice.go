package stream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// noticeVersion is the version of [Notice]'s shape.
const noticeVersion = 1

// Notice tells a producer that one of its messages became a dead letter. It
// holds no byte of the message: the publisher knows the sequence from the
// acknowledgement of its publish.
type Notice struct {
	V        int             `json:"v"`
	Channel  channel.Channel `json:"channel"`
	Reason   DeadReason      `json:"reason"`
	Stream   string          `json:"stream"`    // where the message was stored
	Sequence uint64          `json:"sequence"`  // and as which
	RefundID *string         `json:"refund_id"` // nil where it cannot be read
	StoredAt time.Time       `json:"stored_at"` // when Stream stored the message
}

// Notice returns the notice of the letter as it is published.
func (d DeadLetter) Notice() *nats.Msg {
	n := Notice{
		V: noticeVersion, Channel: d.Channel, Reason: d.Reason, Stream: d.Stream, Sequence: d.Sequence, StoredAt: d.StoredAt.UTC(),
	}
	if d.RefundID != "" {
		n.RefundID = &d.RefundID
	}
	msg := nats.NewMsg(jobs.NoticeSubject(d.Channel))
	msg.Header.Set(nats.MsgIdHdr, "notice."+d.Stream+"."+strconv.FormatUint(d.Sequence, 10))
	msg.Data, _ = json.Marshal(n) // texts, numbers and a time of this era: cannot fail
	return msg
}

// DecodeNotice reads a notice, or returns [ErrBadNotice].
func DecodeNotice(body []byte) (Notice, error) {
	var n Notice
	if err := json.Unmarshal(body, &n); err != nil || n.V != noticeVersion || n.Stream == "" || n.Sequence == 0 {
		return Notice{}, fmt.Errorf("decode notice: %w", ErrBadNotice)
	}
	return n, nil
}
