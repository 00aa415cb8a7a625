//go:build unix

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Programs is a directory of built programs.
type Programs struct{ dir string }

// Build builds worker, refundctl, simulator and NATS node into dir, and more
// packages where they are named.
func Build(ctx context.Context, dir string, more ...string) (Programs, error) {
	args := append([]string{
		"build", "-buildvcs=false", "-o", dir + string(filepath.Separator),
		"refundworker.example/refundworker/cmd/worker", "refundworker.example/refundworker/cmd/refundctl",
		"refundworker.example/refundworker/cmd/dokusim", "refundworker.example/refundworker/internal/proof/devstack/natsd",
	}, more...)
	build := exec.CommandContext(ctx, "go", args...) //nolint:gosec // packages and a directory of ours
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("build programs: %w: %s", err, out)
	}
	return Programs{dir}, nil
}

// Process is a running program. It is safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	out    output // stdout
	err    output // stderr
	ended  chan struct{}
	status int // valid once ended is closed; -1 after a signal
}

// start runs a program in dir, with these settings and nothing else of our
// environment but what a program needs to run at all.
func (p Programs) start(name, dir string, args []string, settings map[string]string) (*Process, error) {
	return p.startLogging(nil, name, dir, args, settings)
}

// startLogging is start with stderr going to a file, if there is one, and not to
// memory.
func (p Programs) startLogging(log *os.File, name, dir string, args []string, settings map[string]string) (*Process, error) {
	cmd := exec.Command(filepath.Join(p.dir, name), args...) //nolint:gosec,noctx // built here; ended by signals, which is what is tried
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	run := &Process{cmd: cmd, ended: make(chan struct{})}
	run.out.changed, run.err.changed = make(chan struct{}), make(chan struct{})
	cmd.Stdout, cmd.Stderr = &run.out, &run.err
	if log != nil {
		cmd.Stderr = log
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go run.wait()
	return run, nil
}

// wait ends with the process.
func (p *Process) wait() {
	defer close(p.ended)
	_ = p.cmd.Wait() // the status tells
	p.status = p.cmd.ProcessState.ExitCode()
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal; to a process that has ended it does nothing.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s: %w", s, err)
	}
	return nil
}

// Kill is `kill -9`, and waits until the process is gone.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Wait waits for the end and returns the exit status, -1 after a deadly signal.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.ended:
		return p.status, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Stderr is all that was written to stderr so far.
func (p *Process) Stderr() string { return p.err.String() }

// Stdout is all that was written to stdout so far.
func (p *Process) Stdout() string { return p.out.String() }

// WaitFor waits until stderr holds text. The error is [ErrEnded] or ctx's, with
// what stderr holds instead.
func (p *Process) WaitFor(ctx context.Context, text string) error {
	return p.err.waitFor(ctx, text, p.ended)
}

// output collects what a process writes.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced by every write
}

// Write implements [io.Writer].
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(b)
}

// String returns what was written.
func (o *output) String() string {
	text, _ := o.state()
	return text
}

func (o *output) state() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.changed
}

func (o *output) waitFor(ctx context.Context, want string, ended <-chan struct{}) error {
	for {
		text, changed := o.state()
		if strings.Contains(text, want) {
			return nil
		}
		var err error
		select {
		case <-changed:
		case <-ended:
			if strings.Contains(o.String(), want) {
				return nil
			}
			err = ErrEnded
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("wait for %q: %w; written: %s", want, err, tail(o.String()))
		}
	}
}

// tail keeps an error readable.
func tail(text string) string {
	const longest = 2000
	if len(text) > longest {
		return "…" + text[len(text)-longest:]
	}
	return text
}
