package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// doomed is the worker that is killed: a process of its own, for only a process
// can be killed with kill -9. It travels in a flag.
type doomed struct {
	NATS   string        `json:"nats"`
	DOKU   string        `json:"doku"`
	Policy refund.Policy `json:"policy"`
}

// errSurvived is returned when the worker that was to be killed ended by
// itself, before DOKU had its request.
var errSurvived = errors.New("the worker that was to be killed ended by itself")

// runDoomed is that process. It ends with its standard input, so that it does
// not outlive a demo that was killed itself.
func runDoomed(ctx context.Context, text string, stdin io.Reader, stderr io.Writer) int {
	var d doomed
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		_, _ = fmt.Fprintf(stderr, "demo: read --doomed: %s\n", err)
		return exitUsage
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // owned by the process, which ends with run
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()
	cfg := devstack.CardWorkerConfig(d.NATS, d.DOKU, observe.NewLogger(stderr, slog.LevelInfo, false))
	cfg.Policy = d.Policy
	if err := service.Run(ctx, cfg); err != nil {
		_, _ = fmt.Fprintf(stderr, "demo: doomed worker: %s\n", err)
		return exitError
	}
	return exitOK
}

// sacrifice publishes the act, lets a worker process take it up, and kills the
// process once DOKU has moved the money and before the worker hears of it.
func (s *show) sacrifice(ctx context.Context, a act) error {
	if err := s.publish(ctx, a); err != nil {
		return err
	}
	child, stdin, err := s.spawn(ctx)
	if err != nil {
		return fmt.Errorf("start the worker to be killed: %w", err)
	}
	defer func() { _ = stdin.Close() }()
	alive, exited := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = child.Wait() // it was killed, or [errSurvived] says more
		exited(errSurvived)
	}()
	_, err = s.stack.DOKU.WaitHeld(alive, a.calls())
	_ = child.Process.Kill()
	<-ended
	if err != nil {
		return fmt.Errorf("wait for the worker to be killed: %w", err)
	}
	return nil
}

func (s *show) spawn(ctx context.Context) (*exec.Cmd, io.Closer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(doomed{NATS: s.stack.NATS.URL(), DOKU: s.stack.DOKUURL(), Policy: s.policy()})
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, "--doomed="+string(text))
	cmd.Env = append(os.Environ(), s.childEnv...)
	cmd.Stderr = s.logFile
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, stdin, cmd.Start()
}
