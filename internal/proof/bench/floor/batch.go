//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
)

// appended is one append that waits for a batch.
type appended struct {
	msg  *nats.Msg
	done chan stored // of capacity one
}

// stored is what became of it.
type stored struct {
	seq uint64
	err error
}

// mostMembers is how many appends a batch holds at most.
const mostMembers = 128

// groupCommit stores the appends that come while a batch is under way together
// in the next one, until ctx ends. It expects no refund twice in a batch: the
// bench publishes each once.
func (f *floor) groupCommit(ctx context.Context) {
	for {
		var batch []appended
		select {
		case first := <-f.appends:
			batch = append(batch, first)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(batch) < mostMembers; {
			select {
			case next := <-f.appends:
				batch = append(batch, next)
			default:
				more = false
			}
		}
		last, err := f.storeBatch(ctx, batch)
		for i, a := range batch {
			a.done <- stored{last - uint64(len(batch)-1-i), err} //nolint:gosec // an index
		}
	}
}

// storeBatch returns the sequence of the last message.
func (f *floor) storeBatch(ctx context.Context, batch []appended) (uint64, error) {
	name, last := uuid.NewString(), len(batch)-1
	for i, a := range batch {
		if last > 0 {
			a.msg.Header.Set("Nats-Batch-Id", name)
			a.msg.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		}
		if i < last {
			if err := f.nc.PublishMsg(a.msg); err != nil {
				return 0, fmt.Errorf("append: %w", err)
			}
		}
	}
	if last > 0 {
		batch[last].msg.Header.Set("Nats-Batch-Commit", "1")
	}
	reply, err := f.nc.RequestMsgWithContext(ctx, batch[last].msg)
	if err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	var ack struct {
		Seq   uint64          `json:"seq"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil || ack.Error != nil {
		return 0, fmt.Errorf("%w: %s", errAppend, reply.Data)
	}
	return ack.Seq, nil
}
