package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// readyWithin bounds the start of a node; a loaded machine needs seconds.
const readyWithin = 30 * time.Second

// NATS is one embedded server, or a cluster of them.
type NATS struct {
	options []*server.Options
	nodes   []*server.Server
}

// NATSConfig says what server to start.
type NATSConfig struct {
	Dir        string // of the file store
	Port       int    // 0: any free one
	SyncAlways bool   // fsync every write, as production should
}

// StartNATS starts one node on loopback.
func StartNATS(cfg NATSConfig) (*NATS, error) {
	at := cfg.Port
	if at == 0 {
		at = server.RANDOM_PORT
	} else if err := vacant(at); err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	n := &NATS{options: []*server.Options{{
		ServerName: "dev", Host: "127.0.0.1", Port: at, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: cfg.Dir, SyncAlways: cfg.SyncAlways,
	}}}
	return n, n.start()
}

// StartCluster starts three nodes on loopback that replicate.
func StartCluster(dir string) (*NATS, error) {
	const nodes = 3
	n := &NATS{}
	var routes []*url.URL
	for i := range nodes {
		at, err := freePort()
		if err != nil {
			return nil, err
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", at)})
		n.options = append(n.options, &server.Options{
			ServerName: fmt.Sprintf("dev-%d", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			JetStream: true, StoreDir: filepath.Join(dir, fmt.Sprint(i+1)),
			Cluster: server.ClusterOpts{Name: "dev", Host: "127.0.0.1", Port: at},
		})
	}
	for _, o := range n.options {
		o.Routes = routes
	}
	return n, n.start()
}

func (n *NATS) start() error {
	n.nodes = nil
	for _, o := range n.options {
		node, err := server.NewServer(o.Clone())
		if err != nil {
			n.Stop()
			return fmt.Errorf("start NATS: %w", err)
		}
		n.nodes = append(n.nodes, node)
		node.Start()
	}
	for i, node := range n.nodes {
		if !node.ReadyForConnections(readyWithin) {
			n.Stop()
			return errors.New("start NATS: not ready in time")
		}
		// A restarted node has to be found where it was.
		n.options[i].Port = port(node.Addr())
	}
	return nil
}

// Restart stops what still runs and starts all nodes again, on the same ports
// and files.
func (n *NATS) Restart() error {
	n.Stop()
	return n.start()
}

// LimitPayload makes all nodes take messages of so many bytes at most, from the
// next restart on.
func (n *NATS) LimitPayload(bytes int32) {
	for _, o := range n.options {
		o.MaxPayload = bytes
	}
}

// Stop shuts all nodes down and waits until they are.
func (n *NATS) Stop() {
	for _, node := range n.nodes {
		node.Shutdown()
	}
	for _, node := range n.nodes {
		node.WaitForShutdown()
	}
}

// URL lists where the nodes can be reached, comma-separated.
func (n *NATS) URL() string {
	text := ""
	for _, node := range n.nodes {
		if text != "" {
			text += ","
		}
		text += node.ClientURL()
	}
	return text
}

// Nodes returns the servers themselves.
func (n *NATS) Nodes() []*server.Server { return n.nodes }

// Connect returns a connection of its own.
func (n *NATS) Connect(options ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := nats.Connect(n.URL(), append([]nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("use JetStream: %w", err)
	}
	return nc, js, nil
}

// Setup creates the streams and consumers of the contract, and waits for a
// cluster to be able to.
func (n *NATS) Setup(ctx context.Context, js jetstream.JetStream) error {
	for {
		_, err := (stream.SetupConfig{Replicas: len(n.nodes)}).Run(ctx, js)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("set up streams: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // over before a context could end
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return port(l.Addr()), nil
}

// vacant says at once that a port is taken; the server would only not become
// ready.
func vacant(at int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", at)) //nolint:noctx // over before a context could end
	if err != nil {
		return err
	}
	return l.Close()
}

func port(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
