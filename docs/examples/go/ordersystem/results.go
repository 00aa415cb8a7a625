package ordersystem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Result says how a refund ended (docs/contract.md, "Result"; the members that
// most order systems need).
type Result struct {
	V           int               `json:"v"`
	RefundID    string            `json:"refund_id"`
	Status      string            `json:"status"`
	Amount      int64             `json:"amount"`
	RefundType  string            `json:"refund_type"`
	Error       *ResultError      `json:"error"`
	Environment string            `json:"environment"`
	Metadata    map[string]string `json:"metadata"`
}

// ResultError says why a refund did not succeed.
type ResultError struct {
	Source string `json:"source"`
	Code   string `json:"code"`
}

// ReadResults hands every result to handle, in the order in which they were
// stored, until ctx ends. A result comes at least once: handle remembers
// refund_id and status. One that handle returns an error for comes again.
func ReadResults(ctx context.Context, js jetstream.JetStream, consumer string, handle func(Result) error) error {
	c, err := js.Consumer(ctx, "REFUNDS", consumer)
	if err != nil {
		return fmt.Errorf("find result consumer %s: %w", consumer, err)
	}
	messages, err := c.Messages()
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // NATS was away for a moment: the client pulls again
		case err != nil:
			return fmt.Errorf("read results: %w", err)
		}
		if err := settle(msg, handle); err != nil {
			return err
		}
	}
}

func settle(msg jetstream.Msg, handle func(Result) error) error {
	var result Result
	if err := json.Unmarshal(msg.Data(), &result); err != nil {
		return fmt.Errorf("decode result on %s: %w", msg.Subject(), err)
	}
	if result.V != 1 { // do not guess what a newer one means
		return fmt.Errorf("result on %s has version %d", msg.Subject(), result.V)
	}
	if err := handle(result); err != nil {
		return msg.NakWithDelay(time.Second)
	}
	return msg.Ack()
}
