package ledger

import (
	"context"
	"errors"
	"fmt"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// OwnerOfAll returns whose ledger it is by its first and its last record, so that
// the owner can be written into the stream's metadata. The zero value: there is
// no record. [ErrForeign]: the two differ, so two merchants have shared it.
func (l *Ledger) OwnerOfAll(ctx context.Context) (stream.Owner, error) {
	first, last, err := l.Bounds(ctx)
	if err != nil || last == 0 || first > last {
		return stream.Owner{}, err
	}
	owners := make([]stream.Owner, 0, 2)
	for _, seq := range []uint64{first, last} {
		m, err := l.get(ctx, stream.Refunds, msgRequest{Seq: seq})
		if err != nil {
			return stream.Owner{}, fmt.Errorf("read record %d: %w", seq, err)
		}
		if m.Seq == 0 {
			return stream.Owner{}, errors.New("read the ledger's ends: a record is gone")
		}
		r, err := decode(m)
		if err != nil {
			return stream.Owner{}, fmt.Errorf("%w: sequence %d: %w", ErrRecord, seq, err)
		}
		owners = append(owners, stream.Owner{ClientID: r.ClientID, Environment: r.Environment})
	}
	if owners[0] != owners[1] {
		return stream.Owner{}, fmt.Errorf("%w: its first record is of %s, its last of %s: two merchants have shared it", ErrForeign, owners[0], owners[1])
	}
	return owners[0], nil
}
