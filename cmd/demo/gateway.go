package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/gateway"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/observe"
)

// startGateway serves the HTTP gateway until ctx ends; whatever ends it sooner is the
// demo's trouble.
func (d *demo) startGateway(ctx context.Context) (url, token string, err error) {
	if _, err := (stream.SetupConfig{NoticeStream: true}).Run(ctx, d.stack.JS); err != nil {
		return "", "", fmt.Errorf("make the stream of notices: %w", err)
	}
	token, line, err := gateway.NewToken("shop")
	if err != nil {
		return "", "", err
	}
	file := filepath.Join(filepath.Dir(d.logFile.Name()), "tokens")
	if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
		return "", "", err
	}
	tokens, err := gateway.LoadTokens(file, 50, d.log)
	if err != nil {
		return "", "", err
	}
	registry := prometheus.NewRegistry()
	g, err := gateway.New(gateway.Config{
		JS: d.stack.JS, Log: d.log, MaxWaits: 64, Metrics: gateway.NewMetrics(registry, version, ""), Tokens: tokens,
	})
	if err != nil {
		return "", "", err
	}
	l, err := observe.Listen(ctx, d.gatewayAddr)
	if err != nil {
		return "", "", err
	}
	health := observe.NewHealth(1)
	health.Clear(observe.Starting)
	handler := g.Handler(observe.Handler(health, registry))
	d.group.Go(func() {
		if err := observe.Serve(ctx, l, handler, d.log, gateway.Limits); err != nil {
			d.trouble <- err
		}
	})
	return "http://" + l.Addr().String(), token, nil
}
