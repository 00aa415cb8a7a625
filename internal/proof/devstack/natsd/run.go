package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats-server/v2/server"
)

// Config is what node to start. A cluster is three nodes with the same routes.
type Config struct {
	ClusterPort int      `help:"Port for the other nodes; 0 starts a node that stands alone." default:"0"`
	Dir         string   `help:"Directory of the streams." required:"" placeholder:"DIR"`
	Name        string   `help:"Name of the node, its own in a cluster." default:"natsd"`
	MaxStore    int64    `help:"Storage for all streams, in bytes; 0 for what the disk has." default:"0"`
	Port        int      `help:"Port for clients; 0 takes a free one." default:"0"`
	Routes      []string `help:"Where the cluster's nodes listen for each other: nats://127.0.0.1:PORT." placeholder:"URL"`
	SyncAlways  bool     `help:"Write every message through to the disk before it is acknowledged."`
}

// readyWithin bounds the start, the recovery of streams included.
const readyWithin = 30 * time.Second

var errNotReady = errors.New("not ready in time")

// run is the program: the URL to stdout, what went wrong to stderr. It ends
// when ctx does.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var cfg Config
	ended := false
	app, err := kong.New(&cfg, kong.Name("natsd"), kong.Description("One NATS node with JetStream, on loopback."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { ended = true }))
	if err == nil {
		_, err = app.Parse(args)
	}
	switch {
	case ended:
		return 0
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "natsd: %s\n", err)
		return 2
	}
	if err := serve(ctx, cfg, stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "natsd: %s\n", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, cfg Config, stdout io.Writer) error {
	options, err := cfg.options()
	if err != nil {
		return err
	}
	node, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	node.Start()
	defer func() {
		node.Shutdown()
		node.WaitForShutdown()
	}()
	if !node.ReadyForConnections(readyWithin) {
		return fmt.Errorf("start NATS: %w", errNotReady)
	}
	if _, err := fmt.Fprintln(stdout, node.ClientURL()); err != nil {
		return fmt.Errorf("print URL: %w", err)
	}
	<-ctx.Done()
	return nil
}

func (cfg Config) options() (*server.Options, error) {
	const loopback = "127.0.0.1"
	o := &server.Options{
		ServerName: cfg.Name, Host: loopback, Port: cfg.Port, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: cfg.Dir, SyncAlways: cfg.SyncAlways, JetStreamMaxStore: cfg.MaxStore,
	}
	if cfg.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if cfg.ClusterPort == 0 {
		return o, nil
	}
	o.Cluster = server.ClusterOpts{Name: "natsd", Host: loopback, Port: cfg.ClusterPort}
	for _, text := range cfg.Routes {
		route, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read route: %w", err)
		}
		o.Routes = append(o.Routes, route)
	}
	return o, nil
}
