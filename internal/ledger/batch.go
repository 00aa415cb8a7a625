package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The headers of an atomic batch.
const (
	headerBatch         = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// JetStream's codes for a batch that it does not take.
const (
	codeBatchesDisabled  jetstream.ErrorCode = 10174 // by the stream's allow_atomic
	codeBatchIncomplete  jetstream.ErrorCode = 10176
	codeBatchTooLarge    jetstream.ErrorCode = 10199
	codeTooManyInFlight  jetstream.ErrorCode = 10210
	codeBatchUnsupported jetstream.ErrorCode = 10177 // a header of one of its messages
)

// batchError is a batch that the server refused, or that never got as far. Its
// members can be appended each by itself.
type batchError struct{ cause error }

func (e *batchError) Error() string { return "batch refused: " + e.cause.Error() }
func (e *batchError) Unwrap() error { return e.cause }

// storedNothing reports whether the refusal came before any member was stored.
// The server stores the members one after the other, and reports a failure of
// the last: before that, others may have been stored.
func (e *batchError) storedNothing() bool { return slices.Contains(beforeStoring, apiCode(e.cause)) }

// beforeStoring are the codes of refusals that come before. 0: the batch was not
// sent to its end.
var beforeStoring = []jetstream.ErrorCode{
	0, codeWrongLastSequence, codeInFlight,
	codeBatchesDisabled, codeBatchIncomplete, codeBatchTooLarge, codeTooManyInFlight, codeBatchUnsupported,
}

// publishBatch stores the messages of all members, in one piece, and returns the
// sequence of the first. Errors are those of [Ledger.publish], and [*batchError].
func (l *Ledger) publishBatch(ctx context.Context, name string, members []*member) (first uint64, err error) {
	last := len(members) - 1
	if last == 0 {
		return l.publish(ctx, members[0].msg)
	}
	// The server answers to the message that ends the batch. Where one is missing
	// before it, it refuses the batch.
	for i, m := range members[:last] {
		if err := l.nc.PublishMsg(inBatch(m.msg, name, i+1)); err != nil {
			return 0, &batchError{err}
		}
	}
	end := inBatch(members[last].msg, name, last+1)
	end.Header.Set(headerBatchCommit, "1")
	return l.commit(ctx, end, name, len(members))
}

// inBatch is a copy of msg as the n-th of a batch; the member keeps its own, for
// it may be made again alone.
func inBatch(msg *nats.Msg, name string, n int) *nats.Msg {
	header := maps.Clone(msg.Header)
	header.Set(headerBatch, name)
	header.Set(headerBatchSequence, strconv.Itoa(n))
	return &nats.Msg{Subject: msg.Subject, Data: msg.Data, Header: header}
}

// commit ends a batch of so many messages and returns the sequence of the first.
func (l *Ledger) commit(ctx context.Context, end *nats.Msg, name string, count int) (uint64, error) {
	ack, err := l.request(ctx, end)
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api), tooLarge(err):
		return 0, &batchError{err}
	case notStored(err):
		return 0, fmt.Errorf("%w: %w", ErrNotStored, err)
	case err != nil:
		return 0, err
	case ack.Batch != name || ack.Count != count || ack.Seq < uint64(count): //nolint:gosec // a length
		return 0, errBatchAnswer
	}
	return ack.Seq - uint64(count-1), nil //nolint:gosec // a length
}

// errBatchAnswer leaves open what is stored.
var errBatchAnswer = errors.New("the answer to a batch is that of another, or of a server that knows no batches")
