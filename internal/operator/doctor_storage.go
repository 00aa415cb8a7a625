package operator

import (
	"context"
	"errors"
	"fmt"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
)

// room looks whether a record can be stored, and how full the streams are that
// have a size of their own.
func (o Operator) room(ctx context.Context) []Finding {
	found := []Finding{o.payload(), o.records(ctx)}
	for _, s := range []struct{ stream, full, do string }{
		{stream.Jobs, "producers are refused when it is full", "are workers up, and is a channel paused or its breaker open? Jobs that are worked off make room"},
		{stream.Dead, "dead letters wait in REFUND_WAITS when it is full", "`refundctl dead list`: replay or discard letters, or have an administrator raise the stream's size"},
	} {
		if f, ok := o.fill(ctx, s.stream, s.full, s.do); ok {
			found = append(found, f)
		}
	}
	return found
}

func (o Operator) payload() Finding {
	const name = "max_payload"
	if err := o.cfg.Ledger.CheckPayload(); err != nil {
		return Finding{LevelProblem, name, err.Error(), "raise max_payload of every server; no worker starts until then"}
	}
	return Finding{LevelOK, name, fmt.Sprintf("the largest record, %d bytes, fits", ledger.LargestRecord), ""}
}

func (o Operator) records(ctx context.Context) Finding {
	const name = "records"
	err := o.cfg.Ledger.CheckStorage(ctx)
	switch {
	case errors.Is(err, ledger.ErrStorageFull):
		return Finding{LevelProblem, name, err.Error(), "see docs/runbook.md, RefundStorageFull; workers go on by themselves when there is room"}
	case err != nil:
		return Finding{LevelProblem, name, err.Error(), "has the stream REFUNDS a leader?"}
	}
	return Finding{LevelOK, name, "there is room for another one", ""}
}

// fill judges a stream that has a size; there is nothing to say of one that has
// none.
func (o Operator) fill(ctx context.Context, stream, full, do string) (Finding, bool) {
	const name = "size"
	found, err := o.cfg.JS.Stream(ctx, stream)
	if err != nil {
		return Finding{}, false // the check of the streams says so
	}
	info := found.CachedInfo()
	size := info.Config.MaxBytes
	if size <= 0 {
		return Finding{}, false
	}
	percent := info.State.Bytes * 100 / uint64(size)
	text := fmt.Sprintf("%s: %d %% of %d bytes; %s", stream, percent, size, full)
	switch {
	case percent >= 95:
		return Finding{LevelProblem, name, text, do}, true
	case percent >= 80:
		return Finding{LevelWarning, name, text, do}, true
	}
	return Finding{LevelOK, name, text, ""}, true
}
