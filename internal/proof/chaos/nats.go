//go:build unix

package chaos

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// NATS is one node as a process.
type NATS struct {
	*Process

	URL      string
	programs Programs
	dir      string
	flags    []string
}

// startNATS starts one node, or three that form a cluster.
func (s *Stack) startNATS(ctx context.Context) error {
	dir := filepath.Join(s.cfg.Dir, "nats")
	if s.cfg.Nodes <= 1 {
		return s.startNode(ctx, dir, nil)
	}
	ports, flags := make([]string, 0, 3), []string{}
	for range 3 {
		addr, err := FreePort(ctx)
		if err != nil {
			return err
		}
		_, port, _ := net.SplitHostPort(addr)
		ports = append(ports, port)
		flags = append(flags, "--routes", "nats://"+addr)
	}
	for i, port := range ports {
		name := fmt.Sprintf("node-%d", i+1)
		own := append([]string{"--name", name, "--cluster-port", port}, flags...)
		if err := s.startNode(ctx, filepath.Join(dir, name), own); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) startNode(ctx context.Context, dir string, flags []string) error {
	n := &NATS{programs: s.cfg.Programs, dir: dir, flags: append([]string{"--dir", dir}, flags...)}
	if s.cfg.SyncAlways {
		n.flags = append(n.flags, "--sync-always")
	}
	if s.cfg.MaxStore > 0 {
		n.flags = append(n.flags, "--max-store", strconv.FormatInt(s.cfg.MaxStore, 10))
	}
	if err := n.run(ctx, 0); err != nil {
		return err
	}
	s.Nodes = append(s.Nodes, n)
	s.NATS = s.Nodes[0]
	return nil
}

// URL lists where the nodes can be reached, comma-separated.
func (s *Stack) URL() string {
	urls := make([]string, len(s.Nodes))
	for i, n := range s.Nodes {
		urls[i] = n.URL
	}
	return strings.Join(urls, ",")
}

// Restart starts the node again after a kill, on its port and files.
func (n *NATS) Restart(ctx context.Context) error {
	at, err := url.Parse(n.URL)
	if err != nil {
		return fmt.Errorf("restart NATS: %w", err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		return fmt.Errorf("restart NATS: %w", err)
	}
	return n.run(ctx, port)
}

func (n *NATS) run(ctx context.Context, port int) (err error) {
	args := append([]string{"--port", strconv.Itoa(port)}, n.flags...)
	if n.Process, err = n.programs.start("natsd", n.programs.dir, args, nil); err != nil {
		return err
	}
	if err := n.out.waitFor(ctx, "\n", n.ended); err != nil {
		n.Kill()
		return fmt.Errorf("start NATS: %w: %s", err, n.Stderr())
	}
	n.URL, _, _ = strings.Cut(n.Stdout(), "\n")
	return nil
}

// FreePort returns a port of loopback that nobody listens on at the moment.
func FreePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
