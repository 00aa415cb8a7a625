package client

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// Options are what most order systems leave alone.
type Options struct {
	// APIPrefix is JetStream's API as this account sees it. Default "$JS.API"; in
	// an account of its own a reader has "REFUNDS.API".
	APIPrefix string

	// Log is told of handlers that fail and of outages. Default slog.Default().
	Log *slog.Logger

	// PublishWithin bounds [Client.Publish] where its context does not end sooner.
	// Default 15s: a server that loses its leader is back in six.
	PublishWithin time.Duration
}

// Client is safe for concurrent use. It owns no connection and no goroutine: what
// it does ends with the calls.
type Client struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	jobs    stream.Publisher
	results stream.DirectReader
	options Options
}

// New returns a client over a connection, which stays the caller's. In production,
// where producers and readers have NATS accounts of their own, the connection needs
// nats.CustomInboxPrefix.
func New(nc *nats.Conn, options Options) (*Client, error) {
	if options.APIPrefix == "" {
		options.APIPrefix = strings.TrimSuffix(jetstream.DefaultAPIPrefix, ".")
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.PublishWithin <= 0 {
		options.PublishWithin = 15 * time.Second
	}
	js, err := jetstream.NewWithAPIPrefix(nc, options.APIPrefix)
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return &Client{
		nc: nc, js: js, jobs: stream.NewPublisher(js), options: options,
		results: stream.DirectReader{NC: nc, Prefix: options.APIPrefix},
	}, nil
}

// denied returns [ErrDenied] where NATS has told the connection, since its last error
// was before, that this user may not use a subject with that part. Whoever waits for an
// answer only sees that none comes.
func (c *Client) denied(before error, part string) error {
	err := c.nc.LastError()
	if err != before && errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), part) { //nolint:errorlint // the very same one is an old one
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return nil
}

// pause is how long to wait after so many failures: it doubles up to longest, less
// up to half of it at random, so that many who wait do not ask in step.
func pause(failures int, longest time.Duration) time.Duration {
	d := min(50*time.Millisecond<<min(failures, 16), longest)
	return d - rand.N(d/2) //nolint:gosec // no secret
}
