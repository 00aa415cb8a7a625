package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// Patterns of subjects that are counted or walked.
const (
	retrySubjects = "refunds.retry.>"
	dueSubjects   = "refunds.due.*"
)

// streamInfo is what is read of $JS.API.STREAM.INFO.
type streamInfo struct {
	Error     *jetstream.APIError `json:"error"`
	TimeStamp time.Time           `json:"ts"`    // the server's clock
	Total     int                 `json:"total"` // subjects that match; a page holds 100,000
	Config    struct {
		MaxBytes int64 `json:"max_bytes"`
		MaxMsgs  int64 `json:"max_msgs"`
	} `json:"config"`
	State struct {
		Messages uint64            `json:"messages"`
		Bytes    uint64            `json:"bytes"`
		FirstSeq uint64            `json:"first_seq"`
		LastSeq  uint64            `json:"last_seq"`
		Subjects map[string]uint64 `json:"subjects"`
	} `json:"state"`
}

// info asks for a stream's state, with the counts of the subjects that match,
// where a filter is given, from the offset-th on.
func (l *Ledger) info(ctx context.Context, stream, subjects string, offset int) (streamInfo, error) {
	var request []byte
	if subjects != "" {
		request = fmt.Appendf(nil, `{"subjects_filter":%q,"offset":%d}`, subjects, offset)
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	reply, err := l.nc.RequestWithContext(ctx, l.api("STREAM.INFO."+stream), request)
	if err != nil {
		return streamInfo{}, fmt.Errorf("ask for stream %s: %w", stream, err)
	}
	var answer streamInfo
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return streamInfo{}, fmt.Errorf("ask for stream %s: %w", stream, err)
	}
	if answer.Error != nil {
		return streamInfo{}, fmt.Errorf("ask for stream %s: %w", stream, answer.Error)
	}
	return answer, nil
}

// Waiting returns how many waits the whole fleet has stored.
func (l *Ledger) Waiting(ctx context.Context) (uint64, error) {
	// Counted by what is not a wait: the due subjects are eight, the retry
	// subjects may be a million.
	info, err := l.info(ctx, stream.Waits, dueSubjects, 0)
	if err != nil {
		return 0, err
	}
	waits := info.State.Messages
	for _, n := range info.State.Subjects {
		waits -= min(n, waits)
	}
	return waits, nil
}

// ClockOffset returns how far the server's clock is ahead of ours, taken for that
// at the middle of the round trip; half of the round trip is its uncertainty.
func (l *Ledger) ClockOffset(ctx context.Context) (ahead, roundTrip time.Duration, err error) {
	before := l.cfg.Now()
	info, err := l.info(ctx, stream.Refunds, "", 0)
	if err != nil {
		return 0, 0, err
	}
	roundTrip = max(l.cfg.Now().Sub(before), 0)
	return info.TimeStamp.Sub(before) - roundTrip/2, roundTrip, nil
}

// Verify refuses a ledger of another client id or environment by its last
// record. An empty one is anybody's.
func (l *Ledger) Verify(ctx context.Context) error {
	info, err := l.info(ctx, stream.Refunds, "", 0)
	if err != nil || info.State.Messages == 0 {
		return err
	}
	m, err := l.get(ctx, stream.Refunds, msgRequest{Seq: info.State.LastSeq})
	if err != nil {
		return fmt.Errorf("read the ledger's last record: %w", err)
	}
	_, err = l.entry(m)
	return err
}
