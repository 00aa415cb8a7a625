// Package fleet lets workers say what only they know, breakers above all, to
// anyone who asks over core NATS. Nothing of it is stored, and nothing depends on
// it: a worker that may not be asked works as any other.
//
// Invariant: a worker replies on [ReplyPrefix] alone. A reply subject is not
// checked against the asker's permissions, and a worker may publish results.
package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
)

// Subjects. They belong to no stream.
const (
	Prefix      = "refunds.fleet."
	Subject     = Prefix + "status"
	ReplyPrefix = Prefix + "reply."
)

// ErrDenied is returned by [Ask] where NATS does not let this user ask, so that
// nothing is known about the workers.
var ErrDenied = errors.New("not allowed to ask the workers")

// Version of [Worker] as it is written.
const Version = 1

// Worker is what one worker says of itself.
type Worker struct {
	V           int       `json:"v"`
	Instance    string    `json:"instance"` // as in the records of the ledger
	ClientID    string    `json:"client_id"`
	Environment string    `json:"environment"`
	Version     string    `json:"version"`
	At          time.Time `json:"at"`
	Ready       bool      `json:"ready"`
	Reasons     []string  `json:"reasons"` // the lines of /readyz
	Channels    []Channel `json:"channels"`
}

// Channel is one channel of a worker.
type Channel struct {
	Channel   channel.Channel `json:"channel"`
	Breaker   string          `json:"breaker"`             // closed, open or half-open
	Reason    string          `json:"reason,omitempty"`    // what opened it
	OpenUntil time.Time       `json:"open_until,omitzero"` // when the next probe may go
	Paused    bool            `json:"paused"`              // by an operator
	Held      bool            `json:"held"`                // an answer of DOKU's cannot be stored
}

// Closed is Breaker of a channel that is not stopped.
const Closed = "closed"

// Serve answers every question with what status returns, until stop is called.
// The error is the connection's; a denied subscription shows in its error
// handler alone.
func Serve(nc *nats.Conn, status func() Worker) (stop func(), err error) {
	sub, err := nc.Subscribe(Subject, func(msg *nats.Msg) {
		if !strings.HasPrefix(msg.Reply, ReplyPrefix) {
			return
		}
		w := status()
		w.V = Version
		if text, err := json.Marshal(w); err == nil {
			_ = msg.Respond(text) // unsent, the asker counts one worker less
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", Subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// How long answers are waited for: the first, and each one after it.
const (
	firstWait = 2 * time.Second
	nextWait  = 500 * time.Millisecond
)

// Ask returns what the workers that answer say, by instance. No answer is not an error.
// The error is [ErrDenied], ctx's or the connection's.
func Ask(ctx context.Context, nc *nats.Conn) ([]Worker, error) {
	reply := ReplyPrefix + nats.NewInbox()[len(nats.InboxPrefix):]
	sub, err := nc.SubscribeSync(reply)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", reply, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest(Subject, reply, nil); err != nil {
		return nil, fmt.Errorf("ask the workers: %w", err)
	}
	flushing, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	if err := nc.FlushWithContext(flushing); err != nil { // a denial comes before its pong
		return nil, fmt.Errorf("ask the workers: %w", err)
	}
	if last := nc.LastError(); errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), `"`+Prefix) {
		return nil, fmt.Errorf("%w: %w", ErrDenied, last)
	}
	return collect(ctx, sub)
}

// collect reads answers until no more come.
func collect(ctx context.Context, sub *nats.Subscription) ([]Worker, error) {
	var all []Worker
	for wait := firstWait; ; wait = nextWait {
		limited, cancel := context.WithTimeout(ctx, wait)
		msg, err := sub.NextMsgWithContext(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
			slices.SortFunc(all, func(a, b Worker) int { return cmp.Compare(a.Instance, b.Instance) })
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read the workers' answers: %w", err)
		}
		var w Worker
		if json.Unmarshal(msg.Data, &w) == nil && w.V == Version {
			all = append(all, w)
		}
	}
}
