package devstack

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/secret"
	"refundworker.example/refundworker/internal/service"
)

// The merchant of a stack, who exists nowhere else.
const (
	ClientID = "BRN-0001-DEVSTACK"
	secretOf = "SK-devstack-merchant" //nolint:gosec // of a simulated merchant
)

// Config says what stack to start. Dir must be given; the zero value of every
// other field is a default.
type Config struct {
	Dir        string // of NATS's files and the simulator's book
	NATSPort   int
	DOKUAddr   string // of the simulator; default 127.0.0.1 and any free port
	Quirks     []dokusim.Quirk
	Seed       uint64
	Nodes      int // of NATS; default 1, else 3
	SyncAlways bool
	Delay      time.Duration // of the simulator's work
	AckWait    time.Duration // of all consumers; default the contract's 30s
	Now        func() time.Time
}

// Stack is NATS with the contract's streams, and DOKU. Workers are started on
// it.
type Stack struct {
	NATS *NATS
	DOKU *dokusim.Server
	NC   *nats.Conn // for observers
	JS   jetstream.JetStream

	dokuURL string
	key     *rsa.PrivateKey
	end     context.CancelFunc
	running sync.WaitGroup
}

// Start starts a stack. Stop it.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{}
	ctx, s.end = context.WithCancel(ctx)
	err := errors.Join(s.startNATS(ctx, cfg), s.startDOKU(ctx, cfg))
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) startNATS(ctx context.Context, cfg Config) (err error) {
	dir := filepath.Join(cfg.Dir, "nats")
	if cfg.Nodes > 1 {
		s.NATS, err = StartCluster(dir)
	} else {
		s.NATS, err = StartNATS(NATSConfig{Dir: dir, Port: cfg.NATSPort, SyncAlways: cfg.SyncAlways})
	}
	if err != nil {
		return err
	}
	if s.NC, s.JS, err = s.NATS.Connect(); err != nil {
		return err
	}
	if err := s.NATS.Setup(ctx, s.JS); err != nil || cfg.AckWait == 0 {
		return err
	}
	return s.setAckWait(ctx, cfg.AckWait)
}

// setAckWait is what an operator may do to a consumer.
func (s *Stack) setAckWait(ctx context.Context, d time.Duration) error {
	for _, c := range stream.Consumers(channel.All()) {
		c.Config.AckWait = d
		if _, err := s.JS.UpdateConsumer(ctx, c.Stream, c.Config); err != nil {
			return fmt.Errorf("change ack wait of %s: %w", c.Config.Durable, err)
		}
	}
	return nil
}

func (s *Stack) startDOKU(ctx context.Context, cfg Config) (err error) {
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return fmt.Errorf("make the merchant's key: %w", err)
	}
	s.DOKU, err = dokusim.New(dokusim.Config{
		ClientID: ClientID, SecretKey: secretOf, MerchantKey: &s.key.PublicKey,
		BookFile: filepath.Join(cfg.Dir, "book.ndjson"), Quirks: cfg.Quirks, Seed: cfg.Seed, Delay: cfg.Delay, Now: cfg.Now,
	})
	if err != nil {
		return err
	}
	addr := cfg.DOKUAddr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	s.dokuURL = "http://" + l.Addr().String()
	s.running.Go(func() { _ = s.DOKU.Serve(ctx, l) })
	return nil
}

// Stop ends everything and waits until it has ended.
func (s *Stack) Stop() {
	s.end()
	s.running.Wait()
	if s.DOKU != nil {
		_ = s.DOKU.Close()
	}
	if s.NC != nil {
		s.NC.Close()
	}
	if s.NATS != nil {
		s.NATS.Stop()
	}
}

// DOKUURL is where the simulator answers; its page is at the root.
func (s *Stack) DOKUURL() string { return s.dokuURL }

// PrivateKey is the merchant's.
func (s *Stack) PrivateKey() *rsa.PrivateKey { return s.key }

// Secret is the key that the merchant shares with DOKU.
func (s *Stack) Secret() secret.Text { return secret.New(secretOf) }

// WorkerConfig is a worker on this stack that loses no time.
func (s *Stack) WorkerConfig(log *slog.Logger) service.Config {
	cfg := CardWorkerConfig(s.NATS.URL(), s.dokuURL, log)
	cfg.Channels, cfg.Private, cfg.Replicas = channel.All(), s.key, len(s.NATS.Nodes())
	return cfg
}

// CardWorkerConfig is a worker in another process than its stack, which keeps
// the merchant's RSA key for itself: such a worker can do cards alone.
func CardWorkerConfig(natsURL, dokuURL string, log *slog.Logger) service.Config {
	return service.Config{
		BaseURL:     dokuURL,
		Channels:    []channel.Channel{channel.CreditCard},
		ClientID:    ClientID,
		Concurrency: 16,
		Connect:     config.NATS{NATSURL: natsURL, NATSInboxPrefix: "_INBOX", NATSAPIPrefix: "$JS.API"},
		Environment: "simulator",
		Log:         log,
		Policy: refund.Policy{
			Timeout: 2 * time.Second, Quiet: 500 * time.Millisecond, RetryDeadline: time.Minute, Repeat: refund.RepeatSameDay,
		},
		Replicas: 1,
		Retry:    retry.Policy{Initial: 100 * time.Millisecond, Max: 2 * time.Second},
		Revision: "devstack",
		Keys:     service.Keys{Secret: secret.New(secretOf)},
		Version:  "devstack",
	}
}

// Worker is one that runs in this process.
type Worker struct {
	stop  context.CancelFunc
	done  chan error
	ended chan struct{}
}

// StartWorker starts a worker with cfg.
func (s *Stack) StartWorker(ctx context.Context, cfg service.Config) *Worker {
	ctx, stop := context.WithCancel(ctx)
	w := &Worker{stop: stop, done: make(chan error, 1), ended: make(chan struct{})}
	s.running.Go(func() {
		defer close(w.ended)
		w.done <- service.Run(ctx, cfg)
	})
	return w
}

// Ended is closed when the worker has ended, stopped or by itself.
func (w *Worker) Ended() <-chan struct{} { return w.ended }

// Stop drains the worker and returns how it ended. Call it once.
func (w *Worker) Stop() error {
	w.stop()
	return <-w.done
}
