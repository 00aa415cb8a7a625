package observe_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// sockets counts the open sockets of this process.
func sockets(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

//nolint:paralleltest // it counts the sockets of the process
func TestSlowClientsCostAFewConnectionsAndKeepNobodyOut(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, ended := serve(t, ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	before := sockets(t)
	const clients = 300
	slow := make([]net.Conn, clients)
	for i := range slow {
		var err error
		if slow[i], err = (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(address, "http://")); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = slow[i].Close() }()
		if i%2 == 0 { // the others say nothing at all
			_, _ = fmt.Fprint(slow[i], "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		}
		if i%50 == 0 {
			answered(t, ctx, address)
		}
	}
	answered(t, ctx, address)
	// Ours are 300; those of the server may be 32, and one that is being taken in.
	if got := sockets(t) - before - clients; got > 33 {
		t.Errorf("the server keeps %d connections open", got)
	}
	stop()
	if err := wait(t, ended); err != nil {
		t.Error(err)
	}
}

func answered(t *testing.T, ctx context.Context, address string) { //nolint:revive // t comes first in tests
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // as a prober's timeout
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client().Do(req)
	if err != nil {
		t.Errorf("a prober is kept out: %v", err)
		return
	}
	_ = res.Body.Close()
}

func TestAnEndlessHeaderIsNotRead(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address, ended := serve(t, ctx, http.NotFoundHandler())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	if res, err := client().Do(req); err == nil {
		if _ = res.Body.Close(); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	stop()
	if err := wait(t, ended); err != nil {
		t.Error(err)
	}
}
