// Command setup creates, once and as the NATS user who may, the streams and
// consumers that workers expect, and a durable consumer for each reader of
// results. A worker's own user may create nothing, so SETUP=true does not help
// it where accounts are separate.
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

	"refundworker/internal/jobs"
)

// config has the worker's names for the same settings.
type config struct {
	NATSCA          string        `name:"nats-ca" env:"NATS_CA" type:"existingfile" help:"certificate authority of the NATS servers"`
	NATSCreds       string        `name:"nats-creds" env:"NATS_CREDS" type:"existingfile" help:"NATS credentials file"`
	NATSInboxPrefix string        `name:"nats-inbox-prefix" env:"NATS_INBOX_PREFIX" default:"_INBOX" help:"inbox prefix of the user"`
	NATSURL         string        `name:"nats-url" env:"NATS_URL" default:"nats://127.0.0.1:4222" help:"NATS servers, comma-separated"`
	NATSURLFile     []byte        `name:"nats-url-file" env:"NATS_URL_FILE" type:"filecontent" help:"file with the NATS servers, where the URL holds a password"`
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
	var cfg config
	parser, err := kong.New(&cfg, kong.Name("setup"), kong.Writers(stdout, stderr),
		kong.Description("Create the streams and consumers of the refund worker where they are missing."))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	created, err := setup(ctx, cfg)
	for _, name := range created {
		_, _ = fmt.Fprintln(stdout, "created", name)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	_, _ = fmt.Fprintf(stdout, "%d created, the rest was there\n", len(created))
	return 0
}

func setup(ctx context.Context, cfg config) (created []string, err error) {
	nc, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	created, err = jobs.Setup(ctx, js, cfg.Replicas)
	if err != nil {
		return created, explain(nc, err)
	}
	for _, name := range cfg.ResultConsumers {
		made, err := resultConsumer(ctx, js, name)
		if err != nil {
			return created, explain(nc, fmt.Errorf("set up consumer %s/%s: %w", jobs.StreamRefunds, name, err))
		}
		if made {
			created = append(created, jobs.StreamRefunds+"/"+name)
		}
	}
	return created, nil
}

// explain adds what NATS refused: to the caller a denied request looks like a
// timeout.
func explain(nc *nats.Conn, err error) error {
	if last := nc.LastError(); errors.Is(last, nats.ErrPermissionViolation) {
		return fmt.Errorf("%w: %w", err, last)
	}
	return err
}

func connect(cfg config) (*nats.Conn, error) {
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

// resultConsumer reads every result from the first on, with explicit acks.
func resultConsumer(ctx context.Context, js jetstream.JetStream, name string) (made bool, err error) {
	if _, err = js.Consumer(ctx, jobs.StreamRefunds, name); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return false, err
	}
	_, err = js.CreateConsumer(ctx, jobs.StreamRefunds, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: "refunds.results.>", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: jobs.AckWait, MaxDeliver: -1,
	})
	if errors.Is(err, jetstream.ErrConsumerExists) {
		return false, nil
	}
	return err == nil, err
}
