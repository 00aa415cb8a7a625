// Package service assembles a worker process: connection, startup checks,
// ledger, DOKU client, worker, and the health that all of them report to. The
// program cmd/worker and the demo run the very same one.
//
// Invariant: no job is taken before the streams, the consumers and the ledger's
// owner have been found fit; what is unfit ends the process, and what is merely
// away is waited for.
package service

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/fleet"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/secret"
	"refundworker.example/refundworker/internal/worker"
)

// ErrUnfit is returned by [Run] when streams, consumers or the ledger are not
// what they must be. Its text names everything that was found. No job was taken.
var ErrUnfit = errors.New("cannot start on these streams")

// drainMargin is what a stop may take beyond one call to DOKU.
const drainMargin = 15 * time.Second

// Config is a checked configuration. Every field but AlwaysGroup, DefiniteCodes, DialDOKU,
// HTTPAddr, Interrupt, JobsMaxBytes, LedgerMustExist, LogLost, NATSOptions, Now,
// Private, Proxy, RateLimit and Reload is required.
type Config struct {
	AlwaysGroup bool // tests only, see [ledger.Config]

	BaseURL     string // of DOKU
	Channels    []channel.Channel
	ClientID    string
	Concurrency int
	Connect     config.NATS

	DefiniteCodes []string // further codes that refuse a card refund, see [doku.Config]

	DialDOKU    func(ctx context.Context, network, address string) (net.Conn, error) // tests only: opens the connections to DOKU; nil: over the network
	Environment string                                                               // production, sandbox or simulator
	HTTPAddr    string                                                               // of /metrics, /healthz and /readyz; empty: none
	Interrupt   func(refundID string, done refund.Effect) error                      // tests only, see [worker.Config]

	JobsMaxBytes    int64 // size of a REFUND_JOBS that Setup creates; 0: the default
	LedgerMustExist bool  // Setup refuses to begin a new ledger

	Log         *slog.Logger
	LogLost     func() uint64    // how many lines of the log nobody will read; nil: none are lost
	NATSOptions []nats.Option    // tests only: a server within the process
	Now         func() time.Time // tests only: the wall clock; nil: time.Now
	Policy      refund.Policy
	Proxy       *url.URL // to DOKU; nil: none
	Keys
	RateLimit float64              // calls a second and channel; 0: none
	Reload    func() (Keys, error) // reads Secret and Private again; nil: they never change
	Replicas  int
	Retry     retry.Policy // its source of jitter is set here
	Revision  string
	Setup     bool // create what is missing
	Version   string
}

// Keys is what the merchant signs with.
type Keys struct {
	Secret  secret.Text     // may hold several lines, newest first
	Private *rsa.PrivateKey // nil: cards only
}

// process is one run.
type process struct {
	Config
	health  *observe.Health
	metrics *observe.Metrics
	nc      *nats.Conn
	js      jetstream.JetStream
	denied  denial
	notices *stream.NoticePermission
}

// Run works until ctx ends, and drains. Errors: [ErrUnfit], [worker.ErrDrain],
// or what kept the health server from listening.
func Run(ctx context.Context, cfg Config) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p := &process{
		Config:  cfg,
		health:  observe.NewHealth(len(cfg.Channels)),
		metrics: observe.NewMetrics(registry, cfg.Version, cfg.Revision),
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	p.metrics.WorkerInfo.WithLabelValues(cfg.ClientID, cfg.Environment, cfg.Version).Set(1)
	if cfg.LogLost != nil {
		p.metrics.LogLost(cfg.LogLost)
	}
	p.Retry.Rand = mathrand.Float64
	p.metrics.Expect(observe.Calls{
		Operations: []string{doku.OpRefund, doku.OpInquiry, doku.OpToken}, Outcomes: doku.Outcomes(),
		TokenFailures: doku.TokenFailures(), Mismatches: doku.MismatchFields(),
	})
	p.denied.health = p.health
	p.notices = stream.NewNoticePermission(p.Now)
	defer p.denied.stop()

	var group sync.WaitGroup
	defer group.Wait()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	if cfg.HTTPAddr != "" {
		l, err := observe.Listen(ctx, cfg.HTTPAddr)
		if err != nil {
			return err
		}
		group.Go(func() { p.serve(serving, l, registry) })
	}
	return p.run(ctx)
}

func (p *process) serve(ctx context.Context, l net.Listener, registry *prometheus.Registry) {
	if err := observe.Serve(ctx, l, observe.Handler(p.health, registry), p.Log, observe.ScrapeLimits); err != nil {
		p.Log.Error("health and metrics are no longer served", "error", err)
	}
}

func (p *process) run(ctx context.Context) error {
	p.health.Block("nats", "not connected to NATS")
	var err error
	p.nc, p.js, err = p.Connect.Dial("doku-refund-worker", true, config.NATSWatch{
		Log:    p.Log,
		Up:     func() { p.health.Clear("nats") },
		Down:   func(err error) { p.health.Block("nats", fmt.Sprintf("not connected to NATS: %s", err)) },
		Denied: p.deniedByNATS,
		Spare:  fleet.Prefix,
	}, p.NATSOptions...)
	if err != nil {
		return err
	}
	defer p.nc.Close()
	client, err := doku.New(p.dokuConfig()) //nolint:contextcheck // its calls bring their own
	if err != nil {
		return err
	}
	defer client.Close()
	w, err := p.prepare(ctx, client)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped before there was anything to drain
		}
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	reloading, stop := context.WithCancel(context.WithoutCancel(ctx)) // answers are still read while draining
	defer stop()
	group.Go(func() { p.reload(reloading, client) })
	stopAnswering, err := p.answerOperators(w)
	if err != nil {
		return err
	}
	defer stopAnswering()
	p.health.Clear(observe.Starting)
	p.Log.Info("worker started", "channels", p.Channels, "environment", p.Environment, "version", p.Version)
	err = w.Run(ctx)
	if flushErr := p.nc.FlushTimeout(2 * time.Second); flushErr != nil {
		p.Log.Debug("last acknowledgements not flushed", "error", flushErr)
	}
	p.Log.Info("worker stopped")
	return err
}

// answerOperators tells anyone who asks the fleet what only this process knows.
func (p *process) answerOperators(w *worker.Worker) (stop func(), err error) {
	return fleet.Serve(p.nc, func() fleet.Worker {
		status := w.Status()
		status.Version = p.Version
		return status
	})
}

// prepare finds streams and ledger fit and builds the worker.
func (p *process) prepare(ctx context.Context, client *doku.Client) (*worker.Worker, error) {
	report, book, err := p.admit(ctx)
	if err != nil {
		return nil, err
	}
	return worker.New(worker.Config{
		Channels:    p.Channels,
		ClientID:    p.ClientID,
		Concurrency: p.Concurrency,
		Dead:        p.deadLetters(report),
		DrainTime:   p.Policy.Timeout + drainMargin,
		Environment: p.Environment,
		Gateway:     client,
		Health:      p.health,
		Instance:    instance(),
		Interrupt:   p.Interrupt,
		JS:          p.js,
		Ledger:      book,
		Log:         p.Log,
		Metrics:     p.metrics,
		Nonce:       nonce,
		Now:         p.Now,
		Policy:      p.Policy,
		Rand:        mathrand.Float64,
		RateLimit:   p.RateLimit,
		Retry:       p.Retry,
	})
}

func (p *process) dokuConfig() doku.Config {
	return doku.Config{
		BaseURL: p.BaseURL, ClientID: p.ClientID, DialContext: p.DialDOKU, Secret: p.Secret, PrivateKey: p.Private,
		Proxy: p.Proxy, Timeout: p.Policy.Timeout, Slots: p.Concurrency * len(p.Channels), Log: p.Log, Now: p.Now,
		DefiniteCodes: p.DefiniteCodes,
		Observe: doku.Observer{
			Request: func(operation, outcome string, took time.Duration) {
				p.metrics.Requests.WithLabelValues(operation, outcome).Observe(took.Seconds())
			},
			TokenFailure: func(kind string) { p.metrics.TokenFailures.WithLabelValues(kind).Inc() },
			Mismatch:     func(field string) { p.metrics.Answers.WithLabelValues(field).Inc() },
			UnlistedCode: func(operation string) { p.metrics.UnlistedCodes.WithLabelValues(operation).Inc() },
		},
	}
}

// nonce is random and never 0, which means none.
func nonce() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

func instance() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
