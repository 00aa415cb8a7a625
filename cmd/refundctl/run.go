package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/interrupt"
	"refundworker.example/refundworker/internal/printable"
)

const program = "refundctl"

// Exit statuses; scripts rely on them.
const (
	exitDone  = 0
	exitWrong = 1 // refused, failed, or something wrong was found
	exitUsage = 2
)

// errFound ends a command whose report says what is wrong: there is nothing to
// add on stderr.
var errFound = errors.New("something wrong was found")

// usageError is a bad setting that shows only when the command is known.
type usageError struct{ problems config.Problems }

func (e *usageError) Error() string { return strings.Join(e.problems, "; ") }

// run is the program. The report goes to stdout, what went wrong to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 { // whoever does not know it yet
		run(ctx, []string{"--help"}, stdin, stdout, stderr)
		return exitUsage
	}
	var c Config
	p := config.Program{Name: program, Description: description, Version: version + " (" + revision + ")"}
	parsed, status, ok := p.ParseCommand(&c, args, stdout, stderr,
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoAppDescFormat: true, NoExpandSubcommands: true}))
	if !ok {
		return status
	}
	var problems config.Problems
	if c.check(&problems); len(problems) > 0 {
		config.Report(stderr, program, problems)
		return exitUsage
	}
	ctx, stop := interrupt.Context(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s := newSession(ctx, &c, stdin, stdout, stderr)
	defer s.close()
	return s.status(parsed.Run(s))
}

// status turns the end of a command into an exit status, and says what went
// wrong.
func (s *session) status(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		config.Report(s.stderr, program, usage.problems)
		return exitUsage
	case errors.Is(err, errFound):
		return exitWrong
	case context.Cause(s.ctx) != nil && !errors.Is(context.Cause(s.ctx), context.Canceled):
		err = context.Cause(s.ctx) // a denial looks like a timeout; this is the truth
	}
	_, _ = fmt.Fprintf(s.stderr, "%s: %s\n", program, printable.Error(err))
	return exitWrong
}

// errSeen ends a reading that has found what it was for.
var errSeen = errors.New("seen")

// interrupted makes an interrupt by the person, and the end of what was waited
// for, a good end.
func (s *session) interrupted(err error) error {
	if errors.Is(err, errSeen) || errors.Is(err, context.Canceled) && errors.Is(context.Cause(s.ctx), context.Canceled) {
		return nil
	}
	return err
}
