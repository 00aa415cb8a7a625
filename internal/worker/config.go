package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// Gateway is DOKU as the worker sees it.
type Gateway interface {
	// Prepare gets what a call to the channel needs besides the job.
	Prepare(ctx context.Context, ch channel.Channel) error
	// Refund makes one refund call.
	Refund(ctx context.Context, o doku.Order) doku.RefundOutcome
	// Inquire makes one status inquiry.
	Inquire(ctx context.Context, o doku.Order) doku.InquiryOutcome
}

// Config is what a [Worker] works with. Every field but Interrupt is required.
type Config struct {
	Channels    []channel.Channel
	ClientID    string
	Concurrency int // calls at once, per channel
	Dead        stream.DeadLetters
	DrainTime   time.Duration // how long a stop may take
	Environment string
	Gateway     Gateway
	Health      *observe.Health
	Instance    string                                          // names this process in records
	Interrupt   func(refundID string, done refund.Effect) error // tests: asked after every effect; an error ends the handling there, as the death of the process would
	JS          jetstream.JetStream
	Ledger      *ledger.Ledger
	Log         *slog.Logger
	Metrics     *observe.Metrics
	Nonce       func() uint64 // random; 0 is not used
	Now         func() time.Time
	Policy      refund.Policy
	Rand        func() float64 // in [0,1), for jitter
	RateLimit   float64        // calls a second and channel; 0: none
	Retry       retry.Policy
}
