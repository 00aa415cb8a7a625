// Command setup creates, once and as the NATS user who may, the streams and
// consumers that workers expect, and a durable consumer for each reader of
// results and of notices of dead letters. A worker's own user may create nothing,
// so SETUP=true does not help it where accounts are separate.
//
// Invariant: what exists is left as it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// settings has the worker's names for the same settings.
type settings struct {
	DOKUClientID    string        `name:"doku-client-id" env:"DOKU_CLIENT_ID" help:"merchant that a new ledger belongs to"`
	DOKUEnv         string        `name:"doku-env" env:"DOKU_ENV" enum:"production,sandbox,simulator," default:"" help:"environment that a new ledger belongs to: production, sandbox or simulator"`
	JobsMaxBytes    string        `name:"jobs-max-bytes" env:"JOBS_MAX_BYTES" default:"1GiB" help:"size of REFUND_JOBS, so that jobs leave room for records"`
	LedgerMustExist bool          `name:"ledger-must-exist" env:"LEDGER_MUST_EXIST" help:"refuse to begin a new ledger"`
	NATSCA          string        `name:"nats-ca" env:"NATS_CA" type:"existingfile" help:"certificate authority of the NATS servers"`
	NATSCreds       string        `name:"nats-creds" env:"NATS_CREDS" type:"existingfile" help:"NATS credentials file"`
	NATSInboxPrefix string        `name:"nats-inbox-prefix" env:"NATS_INBOX_PREFIX" default:"_INBOX" help:"inbox prefix of the user"`
	NATSURL         string        `name:"nats-url" env:"NATS_URL" default:"nats://127.0.0.1:4222" help:"NATS servers, comma-separated"`
	NATSURLFile     []byte        `name:"nats-url-file" env:"NATS_URL_FILE" type:"filecontent" help:"file with the NATS servers, where the URL holds a password"`
	NoticeConsumers []string      `env:"NOTICE_CONSUMERS" help:"durable consumers of notices of dead letters to create, comma-separated"`
	Replicas        int           `env:"REPLICAS" default:"1" help:"replicas of each stream"`
	ResultConsumers []string      `env:"RESULT_CONSUMERS" help:"durable consumers of results to create, comma-separated"`
	Timeout         time.Duration `default:"1m" help:"how long to wait for NATS and all of its answers"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cfg settings
	parser, err := kong.New(&cfg, kong.Name("setup"), kong.Writers(stdout, stderr),
		kong.Description("Create the streams and consumers of the refund worker where they are missing."))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 2
	}
	size, problem := cfg.check()
	if problem != "" {
		_, _ = fmt.Fprintln(stderr, problem)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	done, err := setup(ctx, cfg, size)
	for _, name := range done.Created {
		_, _ = fmt.Fprintln(stdout, "created", name)
	}
	for _, text := range done.Warnings {
		_, _ = fmt.Fprintln(stderr, "warning:", text)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	_, _ = fmt.Fprintf(stdout, "%d created, the rest was there\n", len(done.Created))
	return 0
}

// check reads the size, and finds what does not go together.
func (c settings) check() (size int64, problem string) {
	var p config.Problems
	size = p.Bytes("JOBS_MAX_BYTES", c.JobsMaxBytes, stream.LeastJobsBytes)
	if (c.DOKUClientID == "") != (c.DOKUEnv == "") {
		p.Add("DOKU_CLIENT_ID", "and DOKU_ENV go together")
	}
	return size, strings.Join(p, "\n")
}

func setup(ctx context.Context, cfg settings, size int64) (stream.SetupReport, error) {
	nc, err := connect(cfg)
	if err != nil {
		return stream.SetupReport{}, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return stream.SetupReport{}, fmt.Errorf("jetstream: %w", err)
	}
	done, err := stream.SetupConfig{
		JobsMaxBytes: size, LedgerMustExist: cfg.LedgerMustExist, NoticeConsumers: cfg.NoticeConsumers,
		Owner: stream.Owner{ClientID: cfg.DOKUClientID, Environment: cfg.DOKUEnv}, Replicas: cfg.Replicas, ResultConsumers: cfg.ResultConsumers,
	}.Run(ctx, js)
	if err != nil {
		return done, explain(nc, err)
	}
	return done, nil
}

// explain adds what NATS refused: to the caller a denied request looks like a
// timeout.
func explain(nc *nats.Conn, err error) error {
	if last := nc.LastError(); errors.Is(last, nats.ErrPermissionViolation) {
		return fmt.Errorf("%w: %w", err, last)
	}
	return err
}

func connect(cfg settings) (*nats.Conn, error) {
	url := cfg.NATSURL
	if len(cfg.NATSURLFile) > 0 {
		url = strings.TrimSpace(string(cfg.NATSURLFile))
	}
	opts := []nats.Option{nats.Name("setup"), nats.CustomInboxPrefix(cfg.NATSInboxPrefix)}
	if cfg.NATSCreds != "" {
		opts = append(opts, nats.UserCredentials(cfg.NATSCreds))
	}
	if cfg.NATSCA != "" {
		opts = append(opts, nats.RootCAs(cfg.NATSCA))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		// No URL in the message: it may hold a password.
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}
