package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/gateway"
	"refundworker.example/refundworker/internal/interrupt"
	"refundworker.example/refundworker/internal/observe"
)

const program = "gateway"

// Exit statuses.
const (
	exitDone  = 0
	exitWrong = 1 // it could not start, or ended by itself
	exitUsage = 2
)

// run is the program.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var f flags
	p := config.Program{Name: program, Description: description, Version: version + " (" + revision + ")"}
	parsed, status, ok := p.ParseCommand(&f, args, stdout, stderr)
	if !ok {
		return status
	}
	if parsed.Command() == "token <name>" {
		return f.Token.run(stdout, stderr)
	}
	s, problems := f.settings()
	if len(problems) > 0 {
		config.Report(stderr, program, problems)
		return exitUsage
	}
	log := observe.NewLogger(stderr, s.level, config.IsTerminal(stderr))
	signal.Ignore(syscall.SIGPIPE) // a log collector that is gone must not end requests
	ctx, stop := interrupt.Context(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, s, log); err != nil {
		config.Report(stderr, program, []string{err.Error()})
		return exitWrong
	}
	return exitDone
}

type tokenCommand struct {
	Name string `arg:"" help:"Who calls with it: 1 to 64 letters, digits, _, . or -."`
}

func (c tokenCommand) run(stdout, stderr io.Writer) int {
	token, line, err := gateway.NewToken(c.Name)
	if err != nil {
		config.Report(stderr, program, []string{"NAME: " + err.Error()})
		return exitUsage
	}
	if _, err := fmt.Fprintln(stdout, line); err != nil {
		return exitWrong
	}
	_, _ = fmt.Fprintln(stderr, token)
	return exitDone
}

// serve ends when ctx does.
func serve(ctx context.Context, s settings, log *slog.Logger) error {
	tokens, err := gateway.LoadTokens(s.tokens, s.rate, log)
	if err != nil {
		return fmt.Errorf("GATEWAY_TOKENS_FILE: %w", err)
	}
	l, err := observe.Listen(ctx, s.addr)
	if err != nil {
		return err
	}
	health := observe.NewHealth(1)
	nc, js, err := s.nats.Dial("doku-refund-gateway", true, config.NATSWatch{
		Log:    log,
		Up:     func() { health.Clear("nats") },
		Down:   func(err error) { health.Block("nats", fmt.Sprintf("not connected to NATS: %s", err)) },
		Denied: func(what string) { health.Remark("denied", "denied by NATS: "+what) },
	})
	if err != nil {
		_ = l.Close()
		return err
	}
	defer nc.Close()
	handler, err := handlerOf(s, js, tokens, health, log)
	if err != nil {
		_ = l.Close()
		return err
	}
	health.Clear(observe.Starting)
	log.Info("gateway started", "addr", l.Addr().String(), "tls", s.tls != nil, "version", version)
	limits := gateway.Limits
	limits.TLS = s.tls
	err = observe.Serve(ctx, l, handler, log, limits)
	log.Info("gateway stopped")
	return err
}

func handlerOf(s settings, js jetstream.JetStream, tokens *gateway.Tokens, health *observe.Health, log *slog.Logger) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	g, err := gateway.New(gateway.Config{
		JS: js, Log: log, MaxWaits: s.maxWaits, Metrics: gateway.NewMetrics(registry, version, revision), Tokens: tokens,
	})
	if err != nil {
		return nil, err
	}
	return g.Handler(observe.Handler(health, registry)), nil
}
