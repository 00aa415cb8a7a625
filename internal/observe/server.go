package observe

import (
	"context"
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
		return nil, fmt.Errorf("serve health and metrics: %w", err)
	}
	return l, nil
}

// Serve serves handler on l until ctx ends; requests under way are then answered,
// within a moment. It returns why serving ended, nil for ctx. Whatever clients
// do, they cost a bounded number of connections, each for a bounded time: no
// client of ours sends a body, or a header of any length.
func Serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           marked(handler),
		ConnContext:       withConn,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		shutDown(context.WithoutCancel(ctx), server)
	})
	err := server.Serve(&limited{Listener: l})
	if !stop() {
		<-ended
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}

// shutDownWait is short: a scrape takes milliseconds, and the process waits.
const shutDownWait = 2 * time.Second

func shutDown(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, shutDownWait)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // clients that are still connected have had their time
	}
}
