package observe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// mostScrapes is how many scrapes are answered at once; more are told to come
// again. Each gathers every metric.
const mostScrapes = 4

// Handler serves /metrics, /healthz and /readyz.
func Handler(h *Health, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: mostScrapes}))
	mux.HandleFunc("GET /healthz", h.live)
	mux.HandleFunc("GET /readyz", h.ready)
	return mux
}

// Listen opens the address to serve on, so that one that is taken is told before
// anything else starts.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve HTTP: %w", err)
	}
	return l, nil
}

// Limits bound what clients may cost: so many connections, each request for so long.
type Limits struct {
	Connections int           // beyond them the oldest goes
	Read, Write time.Duration // of one request and of its answer
	ShutDown    time.Duration // for requests under way at the end
	TLS         *tls.Config   // nil: plain
}

// ScrapeLimits are for /metrics, /healthz and /readyz alone. A scraper, a prober and a
// person need a few connections, each of which is a file descriptor, and the calls to
// DOKU and NATS need theirs. A scrape takes milliseconds, and the process waits for it.
var ScrapeLimits = Limits{Connections: 32, Read: 5 * time.Second, Write: 15 * time.Second, ShutDown: 2 * time.Second}

// Serve serves handler on l until ctx ends, as do the contexts of requests; those under
// way are then answered, within a moment. It returns why serving ended, nil for ctx.
// Whatever clients do, they cost a bounded number of connections, each for a bounded
// time.
func Serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger, limits Limits) error {
	server := &http.Server{
		Handler:           marked(handler),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withConn,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       limits.Read,
		WriteTimeout:      limits.Write,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		TLSConfig:         limits.TLS,
		Protocols:         &http.Protocols{}, // one request at a time and connection: they are counted so
	}
	server.Protocols.SetHTTP1(true)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		shutDown(context.WithoutCancel(ctx), server, limits.ShutDown)
	})
	err := serveOn(server, &limited{Listener: l, most: limits.Connections})
	if !stop() {
		<-ended
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

func serveOn(server *http.Server, l net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

func shutDown(ctx context.Context, server *http.Server, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // clients that are still connected have had their time
	}
}
