//go:build unix

package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// Config says what stack to start.
type Config struct {
	AckWait    time.Duration // of all consumers; 0: the contract's 30s
	Dead       uint64        // dead letters that have to be there at the end
	Dir        string        // of all files
	LogFile    *os.File      // of the workers; nil: memory, where [Process.WaitFor] finds it
	MaxStore   int64         // of each node of NATS; 0: what the disk has
	Nodes      int           // of NATS, each a process; default 1, else 3, with as many replicas
	Programs   Programs
	Simulator  []string // further flags of the simulator
	SyncAlways bool     // of NATS
	Unset      bool     // no streams yet
	Worker     string   // the program that is the worker; default "worker"
}

// Stack is NATS and the simulator in processes of their own, with the streams
// of the contract. Workers are started on it.
type Stack struct {
	NATS  *NATS   // the first node
	Nodes []*NATS // all of them
	DOKU  *DOKU
	NC    *nats.Conn // for observers
	JS    jetstream.JetStream

	cfg     Config
	workers []*Process
}

// Start starts a stack. Stop it.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{cfg: cfg}
	err := s.start(ctx)
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if err := s.startNATS(ctx); err != nil {
		return err
	}
	if s.DOKU, err = startDOKU(ctx, s.cfg.Programs, s.cfg.Dir, s.cfg.Simulator); err != nil {
		return err
	}
	s.NC, err = nats.Connect(s.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectBufSize(-1), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if s.JS, err = jetstream.New(s.NC); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	if s.cfg.Unset {
		return nil
	}
	return s.setup(ctx)
}

// setup creates the streams, and changes what an operator may change.
func (s *Stack) setup(ctx context.Context) error {
	// Three nodes have to find their leader first.
	err := until(ctx, func() error {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := (stream.SetupConfig{Replicas: len(s.Nodes)}).Run(once, s.JS)
		return err
	})
	if err != nil {
		return fmt.Errorf("set up streams: %w", err)
	}
	if s.cfg.AckWait == 0 {
		return nil
	}
	for _, c := range stream.Consumers(channel.All()) {
		c.Config.AckWait = s.cfg.AckWait
		if _, err := s.JS.UpdateConsumer(ctx, c.Stream, c.Config); err != nil {
			return fmt.Errorf("change ack wait of %s: %w", c.Config.Durable, err)
		}
	}
	return nil
}

// Stop kills everything that still runs.
func (s *Stack) Stop() {
	if s.NC != nil {
		s.NC.Close()
	}
	for _, w := range s.workers {
		w.Kill()
	}
	if s.DOKU != nil {
		s.DOKU.Kill()
	}
	for _, n := range s.Nodes {
		n.Kill()
	}
}

// Settings are those of a worker on this stack that loses no time, with some of
// them replaced; an empty value takes a setting away.
func (s *Stack) Settings(replaced map[string]string) map[string]string {
	settings := map[string]string{
		"NATS_URL": s.URL(), "HTTP_ADDR": "127.0.0.1:0", "CONCURRENCY": "16",
		"DOKU_TIMEOUT": "1s", "INQUIRY_DELAY": "300ms", "RETRY_INITIAL": "50ms", "RETRY_MAX": "1s", "RETRY_DEADLINE": "10m",
	}
	maps.Copy(settings, s.DOKU.Settings)
	maps.Copy(settings, replaced)
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	return settings
}

// Launch starts a worker with [Stack.Settings] and does not wait for it.
func (s *Stack) Launch(replaced map[string]string) (*Process, error) {
	return s.LaunchProgram(cmp.Or(s.cfg.Worker, "worker"), replaced)
}

// LaunchProgram is [Stack.Launch] of another of the programs.
func (s *Stack) LaunchProgram(name string, replaced map[string]string) (*Process, error) {
	w, err := s.cfg.Programs.startLogging(s.cfg.LogFile, name, s.cfg.Dir, nil, s.Settings(replaced))
	if err == nil {
		s.workers = append(s.workers, w)
	}
	return w, err
}

// StartWorker starts a worker and waits until it takes jobs.
func (s *Stack) StartWorker(ctx context.Context, replaced map[string]string) (*Process, error) {
	w, err := s.Launch(replaced)
	if err != nil {
		return nil, err
	}
	return w, w.WaitFor(ctx, "worker started")
}

// Publish publishes jobs until each is acknowledged: a NATS that is down in
// between delays it, no more. Publishing the same bytes again is harmless.
func (s *Stack) Publish(ctx context.Context, list ...jobs.Job) error {
	publisher := stream.NewPublisher(s.JS)
	for _, j := range list {
		err := until(ctx, func() error {
			once, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := publisher.Publish(once, stream.Publication{RefundID: j.RefundID, Channel: j.Channel, Body: j.Encode()})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// until tries do again and again until it succeeds or ctx ends; then the error
// names the last try's.
func until(ctx context.Context, do func() error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
