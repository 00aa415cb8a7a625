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

	"refundworker/internal/observe"
	"refundworker/internal/service"
	"refundworker/internal/settings"
	"refundworker/internal/worker"
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
	var f flags
	p := settings.Program{Name: program, Description: description, Version: version + " (" + revision + ")"}
	if status, ok := p.Parse(&f, args, stdout, stderr); !ok {
		return status
	}
	cfg, problems := f.config()
	if len(problems) > 0 {
		settings.Report(stderr, program, problems)
		return 2
	}
	cfg.Log = observe.NewLogger(stderr, f.level(&problems), isTerminal(stderr))
	slog.SetDefault(cfg.Log)
	tuneGC()
	arm(&cfg)

	ctx, stop := stopOnSignal(ctx)
	defer stop()
	switch err := service.Run(ctx, cfg); {
	case err == nil:
		return 0
	case errors.Is(err, worker.ErrDrain):
		cfg.Log.Error("worker ended early", "error", err)
	case errors.Is(err, service.ErrUnfit):
		for line := range strings.SplitSeq(err.Error(), "; ") {
			_, _ = fmt.Fprintf(stderr, "%s: %s\n", program, line)
		}
	default:
		_, _ = fmt.Fprintf(stderr, "%s: %s\n", program, err)
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

// stopOnSignal ends ctx at the first SIGTERM or SIGINT. From then on a second
// one ends the process at once, as it does by default.
func stopOnSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
