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

// killsWorker is the worker that is killed: a process of its own, for only a process
// can be killed with kill -9. It travels in a flag.
type killedWorker struct {
	NATS   string        `json:"nats"`
	DOKU   string        `json:"doku"`
	Policy refund.Policy `json:"policy"`
}

// errNotKilled is returned when the worker that was to be killed ended by
// itself, before DOKU had its request.
var errNotKilled = errors.New("the worker that was to be killed ended by itself")

// runKilledWorker is that process. It ends with its standard input, so that it does
// not outlive a demo that was killed itself.
func runKilledWorker(ctx context.Context, text string, stdin io.Reader, stderr io.Writer) int {
	var d killedWorker
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		_, _ = fmt.Fprintf(stderr, "demo: read --killed-worker: %s\n", err)
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
		_, _ = fmt.Fprintf(stderr, "demo: worker to be killed: %s\n", err)
		return exitError
	}
	return exitOK
}

// killWorker publishes the act, lets a worker process take it up, and kills the
// process once DOKU has moved the money and before the worker hears of it.
func (d *demo) killWorker(ctx context.Context, a scenario) error {
	if err := d.publish(ctx, a); err != nil {
		return err
	}
	child, stdin, err := d.spawn(ctx)
	if err != nil {
		return fmt.Errorf("start the worker to be killed: %w", err)
	}
	defer func() { _ = stdin.Close() }()
	alive, exited := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = child.Wait() // it was killed, or [errNotKilled] says more
		exited(errNotKilled)
	}()
	_, err = d.stack.DOKU.WaitHeld(alive, a.refundCalls())
	_ = child.Process.Kill()
	<-ended
	if err != nil {
		return fmt.Errorf("wait for the worker to be killed: %w", err)
	}
	return nil
}

func (d *demo) spawn(ctx context.Context) (*exec.Cmd, io.Closer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(killedWorker{NATS: d.stack.NATS.URL(), DOKU: d.stack.DOKUURL(), Policy: d.policy()})
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, "--killed-worker="+string(text))
	cmd.Env = append(os.Environ(), d.childEnv...)
	cmd.Stderr = d.logFile
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, stdin, cmd.Start()
}
