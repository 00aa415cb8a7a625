//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/chaos"
	"refundworker.example/refundworker/internal/refund"
)

// scale prints how the worker does beside so many refunds that have ended, and
// with so many jobs waiting for it: both should make no difference.
func (b bench) scale(ctx context.Context, stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "refunds stored\tjobs waiting\tstart to first result\tjobs/s\tµs/job\tpeak memory\t")
	for _, old := range b.Stored {
		r, err := b.scaleRow(ctx, old)
		if err != nil {
			return fmt.Errorf("%d refunds stored: %w", old, err)
		}
		_, _ = fmt.Fprintf(b.progress, "%d refunds stored: %.0f jobs/s\n", old, r.perSecond)
		_, _ = fmt.Fprintf(table, "%d\t%d\t%s\t%.0f\t%s\t%d MiB\t\n",
			old, b.Jobs, r.first.Round(time.Millisecond), r.perSecond, micros(r.program), r.memory>>20)
	}
	return table.Flush()
}

type scaleRow struct {
	first     time.Duration // from the start of the process to the first result
	memory    int64         // bytes, at most
	perSecond float64
	program   time.Duration // processor time of a job
}

func (b bench) scaleRow(ctx context.Context, old int) (r scaleRow, err error) {
	what := setup{concurrency: b.Concurrency[0], replicas: 1}
	s, published, remove, err := b.loaded(ctx, what)
	if err != nil {
		return r, err
	}
	defer remove()
	before, err := fill(ctx, s, old)
	if err != nil {
		return r, err
	}
	began := time.Now()
	p, err := s.LaunchProgram(worker, settings(what.concurrency))
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := stored(ctx, s, before+uint64(2*len(published)), p); err != nil {
		return r, err
	}
	r.memory, _ = p.PeakMemory()
	r.program, _ = p.CPU()
	r.program /= time.Duration(len(published))
	first, last, err := firstAndLast(ctx, s, before+1)
	if err != nil {
		return r, err
	}
	r.first = first.Sub(began) // NATS has the same clock
	r.perSecond = float64(len(published)-1) / last.Sub(first).Seconds()
	return r, checkBook(ctx, s, published)
}

// firstAndLast are the times of the first result from a sequence on and of the
// last one.
func firstAndLast(ctx context.Context, s *chaos.Stack, from uint64) (first, last time.Time, err error) {
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	if err != nil {
		return first, last, err
	}
	one, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(results))
	if err != nil {
		return first, last, fmt.Errorf("first result: %w", err)
	}
	end, err := stream.GetLastMsgForSubject(ctx, results)
	if err != nil {
		return first, last, fmt.Errorf("last result: %w", err)
	}
	return one.Time, end.Time, nil
}

// fill stores refunds that have ended, with their two records each, and returns
// how many messages that makes.
func fill(ctx context.Context, s *chaos.Stack, count int) (messages uint64, err error) {
	js, err := jetstream.New(s.JS.Conn(), jetstream.WithPublishAsyncMaxPending(8000))
	if err != nil {
		return 0, err
	}
	settings := s.Settings(nil)
	for n := range count {
		for _, m := range oldRefund(settings, n) {
			if _, err := js.PublishMsgAsync(m, jetstream.WithStallWait(time.Minute)); err != nil {
				return 0, fmt.Errorf("store an old refund: %w", err)
			}
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return uint64(2 * count), nil //nolint:gosec // a count of ours
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// oldRefund are the two messages of the n-th refund that has ended.
func oldRefund(settings map[string]string, n int) []*nats.Msg {
	at := refund.At(time.Now())
	r := refund.Record{
		V: refund.RecordVersion, ClientID: settings["DOKU_CLIENT_ID"], Environment: settings["DOKU_ENV"],
		Job: refund.Job{
			RefundID: fmt.Sprintf("old-%07d", n), Channel: channel.CreditCard, InvoiceNumber: fmt.Sprintf("OLD-%07d", n),
			OriginalRequestID: fmt.Sprintf("b266c265-3d61-4708-9861-%012d", n), Amount: 90_000, Currency: jobs.Currency,
		},
		Fingerprint: "old", EnqueuedAt: at, At: at, By: "old",
		Core: refund.Core{State: refund.Sending, Sends: 1, Deadline: at.Add(time.Hour)},
	}
	r.Identify()
	sending := &nats.Msg{Subject: jobs.LedgerSubject(r.Job.Channel, r.State, r.Job.RefundID), Data: r.AppendJSON(nil)}
	r.State, r.Evidence = refund.Succeeded, refund.ByResponse
	result := ledger.Result(&r)
	header := result.Headers(jobs.EventSource(r.Environment, r.ClientID), "")
	header.Set(jobs.HeaderRecord, string(r.AppendJSON(nil)))
	return []*nats.Msg{sending, {Subject: result.Subject(), Data: result.Encode(), Header: header}}
}
