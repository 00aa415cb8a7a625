package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/interrupt"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/service"
	"refundworker.example/refundworker/internal/worker"
)

const program = "worker"

// versionFlag prints the version and ends the program.
type versionFlag bool

// BeforeReset implements kong's hook, before any setting is looked at.
func (versionFlag) BeforeReset(app *kong.Kong, vars kong.Vars) error {
	_, err := fmt.Fprintln(app.Stdout, vars["version"])
	app.Exit(0)
	return err
}

// run is the program: exit status 0 after a clean stop, 1 for what cannot go
// on, 2 for bad settings.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	text := config.IsTerminal(stderr)
	lines := observe.NewLineWriter(stderr, text) //nolint:contextcheck // lines are written whatever context has ended
	defer lines.Close(observe.LinesFlush)
	return runLogging(ctx, args, stdout, lines, text)
}

func runLogging(ctx context.Context, args []string, stdout io.Writer, lines *observe.LineWriter, text bool) int {
	var f flags
	p := config.Program{Name: program, Description: description, Version: version + " (" + revision + ")"}
	if status, ok := p.Parse(&f, args, stdout, lines); !ok {
		return status
	}
	cfg, problems := f.config()
	if len(problems) > 0 {
		config.Report(lines, program, problems)
		return 2
	}
	cfg.Log = observe.NewLogger(lines, f.level(&problems), text)
	cfg.LogLost = lines.Lost
	slog.SetDefault(cfg.Log)
	// A collector that is gone must not take a worker along that has an answer
	// in flight: without this, Go ends a program that writes to a closed stderr.
	signal.Ignore(syscall.SIGPIPE)
	tuneGC()
	arm(&cfg)

	ctx, stop := interrupt.Context(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch err := service.Run(ctx, cfg); {
	case err == nil:
		return 0
	case errors.Is(err, worker.ErrDrain):
		cfg.Log.Error("worker ended early", "error", err)
	case errors.Is(err, service.ErrUnfit):
		config.Report(lines, program, strings.Split(err.Error(), "; "))
	default:
		config.Report(lines, program, []string{err.Error()})
	}
	return 1
}

// tuneGC trades 12 MiB for a seventh of the CPU, unless the environment knows
// better.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
