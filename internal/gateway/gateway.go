package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/client"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/observe"
)

// Config is what a [Gateway] works with.
type Config struct {
	JS       jetstream.JetStream
	Log      *slog.Logger
	MaxWaits int // requests that may wait for a result at once; one more is answered at once
	Metrics  *Metrics
	Tokens   *Tokens

	// PublishWithin bounds the publishing of one job. Default 10s.
	PublishWithin time.Duration
}

// Limits of the server before a [Gateway]: a job is small, and whoever waits for a result
// gets more time.
var Limits = observe.Limits{Connections: 1024, Read: 10 * time.Second, Write: 30 * time.Second, ShutDown: 20 * time.Second}

// Gateway answers the requests of docs/openapi.yaml. It is safe for concurrent use, and
// owns no goroutine.
type Gateway struct {
	Config
	jobs   *client.Client
	ledger stream.DirectReader
	waits  chan struct{}
}

// New returns a gateway over a connection, which stays the caller's.
func New(cfg Config) (*Gateway, error) {
	if cfg.PublishWithin <= 0 {
		cfg.PublishWithin = 10 * time.Second
	}
	nc, prefix := cfg.JS.Conn(), strings.TrimSuffix(cfg.JS.Options().APIPrefix, ".")
	if prefix == "" {
		prefix = strings.TrimSuffix(jetstream.DefaultAPIPrefix, ".")
	}
	publisher, err := client.New(nc, client.Options{APIPrefix: prefix, Log: cfg.Log, PublishWithin: cfg.PublishWithin})
	if err != nil {
		return nil, err
	}
	return &Gateway{
		Config: cfg, jobs: publisher, ledger: stream.DirectReader{NC: nc, Prefix: prefix},
		waits: make(chan struct{}, cfg.MaxWaits),
	}, nil
}

// Handler serves the API, and whatever else under the paths of others.
func (g *Gateway) Handler(others http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		method, path string
		handle       handler
	}{
		{http.MethodPost, "/v1/refunds", g.publish},
		{http.MethodGet, "/v1/results", g.results},
		{http.MethodGet, "/v1/notices", g.notices},
	} {
		mux.Handle(route.method+" "+route.path, g.guarded(route.path, route.handle))
		mux.HandleFunc(route.path, func(w http.ResponseWriter, _ *http.Request) {
			refuseMethod(w, route.method)
		})
	}
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, _ *http.Request) { notFound.write(w) })
	mux.Handle("/", others)
	one := g.guarded("/v1/refunds/{id}", g.refund)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not by the mux: some proxies unescape the slashes of an id, and the mux would
		// redirect from a//b to a/b, which is another refund.
		escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v1/refunds/")
		if !ok {
			mux.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuseMethod(w, http.MethodGet)
			return
		}
		id, err := url.PathUnescape(escaped)
		if err != nil {
			id = "" // no refund has it
		}
		r.SetPathValue("id", id)
		one.ServeHTTP(w, r)
	})
}

func refuseMethod(w http.ResponseWriter, allowed string) {
	if allowed == http.MethodGet {
		allowed += ", " + http.MethodHead
	}
	w.Header().Set("Allow", allowed)
	notAllowed.write(w)
}

// handler answers one request, or returns why it cannot: a *problem, or what went wrong.
type handler func(w http.ResponseWriter, r *http.Request) error

// guarded lets only callers with a token through, each at its rate, and counts what was
// answered.
func (g *Gateway) guarded(route string, handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answered := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		w = answered
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		caller, refused := g.Tokens.admit(r.Header.Get("Authorization"))
		var err error
		if refused != nil {
			err = refused
		} else {
			err = handle(w, r)
		}
		if err != nil {
			g.fail(w, r, err)
		}
		took := time.Since(began)
		g.Metrics.answered(route, answered.status, took)
		g.Log.Log(r.Context(), levelOf(r.Method, answered.status), "answered", "caller", caller, "method", r.Method, "route", route,
			"status", answered.status, "duration", took)
	})
}

// levelOf keeps a shop that reads every second out of the logs.
func levelOf(method string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case method == http.MethodPost:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// fail writes an error as a problem. What is none of the caller's business stays in the
// log.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	var known *problem
	switch {
	case errors.As(err, &known):
		known.write(w)
		return
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		stopping.write(w) // either side has gone
		return
	}
	g.Log.Warn("request failed", "method", r.Method, "path", fmt.Sprintf("%.200s", r.URL.Path), "error", err)
	unavailable.write(w)
}

// statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] set deadlines.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
