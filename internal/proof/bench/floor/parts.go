//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

var errPart = errors.New("FLOOR_WITH: none of doku, ledger, log")

// use takes the named parts of the worker's in place of the floor's own, which has
// none where it is the log. end ends them.
func (f *floor) use(parts string, concurrency int) (end func(), err error) {
	var ends []func()
	end = func() {
		for _, e := range ends {
			e()
		}
	}
	for part := range strings.SplitSeq(parts, ",") {
		switch part {
		case "":
		case "doku":
			f.doku, err = doku.New(doku.Config{
				BaseURL: f.baseURL, ClientID: f.clientID, Secret: secret.New(string(f.key)),
				Slots: concurrency, Timeout: time.Minute,
			})
			if err != nil {
				return end, err
			}
			ends = append(ends, f.doku.Close)
		case "ledger":
			f.ledger = ledger.New(ledger.Config{
				JS: f.js, ClientID: f.clientID, Environment: "simulator", Log: slog.Default(), Now: time.Now,
			})
		case "log":
			lines := observe.NewLineWriter(os.Stderr, false)
			f.log = observe.NewLogger(lines, slog.LevelInfo, false)
			ends = append(ends, func() { lines.Close(observe.LinesFlush) })
		default:
			return end, errPart
		}
	}
	return end, nil
}

// logged is the line that the worker writes for each refund.
func (f *floor) logged(ctx context.Context, refundID string) {
	if f.log != nil {
		f.log.LogAttrs(ctx, slog.LevelInfo, "refund settled", slog.String("refund_id", refundID),
			slog.String("state", "succeeded"), slog.Int("attempt", 1), slog.String("code", ""), slog.String("why", "definite"),
			slog.String("evidence", "response"), slog.Duration("duration", time.Millisecond))
	}
}

// ask makes one refund call.
func (f *floor) ask(ctx context.Context, o doku.Order) ([]byte, error) {
	if f.doku == nil {
		return f.call(ctx, o)
	}
	o.SendBy = time.Now().Add(refund.SendWindow)
	if outcome := f.doku.Refund(ctx, o); outcome.Class != doku.Succeeded {
		return nil, fmt.Errorf("%w: %s", errAnswer, outcome.Problem)
	}
	return []byte("null"), nil
}

// withRecords does a job with the worker's own ledger: its records and results,
// whole.
func (f *floor) withRecords(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	r := jobs.Read(channel.CreditCard, m.Headers(), m.Data(), false).FirstRecord(refund.At(meta.Timestamp))
	id, now := r.Job.RefundID, time.Now()
	r.ClientID, r.Environment = f.clientID, "simulator"
	r.State, r.Sends, r.At, r.By = refund.Sending, 1, refund.At(now), "floor-1"
	r.SendBy, r.Identity.RequestID = refund.At(now.Add(refund.SendWindow)), refund.RequestID(f.clientID, id)
	if r.Prev, err = f.ledger.Append(ctx, &r); err != nil {
		return err
	}
	if _, err := f.ask(ctx, doku.NewOrder(&r, doku.Customer{})); err != nil {
		return err
	}
	r.State, r.At, r.By, r.Evidence = refund.Succeeded, refund.At(time.Now()), "floor-2", refund.ByResponse
	r.Response = &refund.Response{HTTPStatus: 200, Message: "Refund has been processed", RefundType: "REFUND", ApprovalCode: strings.Repeat("1", 6)}
	if _, err := f.ledger.Append(ctx, &r); err != nil {
		return err
	}
	return m.Ack()
}
