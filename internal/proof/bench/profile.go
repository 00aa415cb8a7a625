//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/proof/chaos"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/secret"
	"refundworker.example/refundworker/internal/service"
)

// profile runs the very service of cmd/worker in this process, with NATS and the
// simulator in theirs, and writes where its processor time goes.
func (b bench) profile(ctx context.Context, stdout io.Writer) (err error) {
	s, published, remove, err := b.loaded(ctx, b.setups()[0])
	if err != nil {
		return err
	}
	defer remove()
	cfg, err := b.service(s)
	if err != nil {
		return err
	}
	out, err := os.Create(b.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	debug.SetGCPercent(400) // as the program does

	before, _ := chaos.CPUOf(os.Getpid())
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	err = work(ctx, s, cfg, len(published))
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	after, _ := chaos.CPUOf(os.Getpid())
	_, err = fmt.Fprintf(stdout, "%s µs/job in this process; go tool pprof -top %s\n", micros((after-before)/time.Duration(len(published))), b.Profile)
	return errors.Join(err, check(ctx, s, worker, published))
}

// work runs the service until all refunds have ended.
func work(ctx context.Context, s *chaos.Stack, cfg service.Config, count int) error {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx, cfg) }()
	err := ended(ctx, s, count, nil)
	stop()
	return errors.Join(err, <-done)
}

func (b bench) service(s *chaos.Stack) (service.Config, error) {
	given := s.Settings(nil)
	pem, errKey := os.ReadFile(given["DOKU_PRIVATE_KEY_FILE"])
	shared, errSecret := os.ReadFile(given["DOKU_SECRET_KEY_FILE"])
	key, errPEM := doku.LoadPrivateKey(pem)
	log, errLog := os.Create(filepath.Join(b.dir, "profiled.log"))
	if err := errors.Join(errKey, errSecret, errPEM, errLog); err != nil {
		return service.Config{}, err
	}
	return service.Config{
		BaseURL: given["DOKU_BASE_URL"], ClientID: given["DOKU_CLIENT_ID"], Environment: given["DOKU_ENV"],
		Keys:        service.Keys{Secret: secret.New(strings.TrimSpace(string(shared))), Private: key},
		Channels:    []channel.Channel{channel.CreditCard, channel.DirectDebitMandiri},
		Concurrency: b.Concurrency[0],
		Connect:     config.NATS{NATSURL: s.NATS.URL, NATSInboxPrefix: "_INBOX", NATSAPIPrefix: "$JS.API"},
		Log:         observe.NewLogger(log, slog.LevelInfo, false),
		Policy: refund.Policy{
			Timeout: time.Minute, Quiet: time.Minute, RetryDeadline: 24 * time.Hour, Repeat: refund.RepeatSameDay,
		},
		Replicas: 1, Retry: retry.Policy{Initial: 2 * time.Second, Max: 15 * time.Minute},
		Revision: "bench", Version: "bench",
	}, nil
}
