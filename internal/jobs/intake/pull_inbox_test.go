package intake

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// slowProxy stands between a client and its server. What the server says is
// held up while the proxy is told to, and connections can be cut.
type slowProxy struct {
	listener net.Listener
	upstream string
	delay    func() time.Duration
	pass     sync.RWMutex // waitPriority for writing: nothing the server says gets through
	group    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newSlowProxy(t *testing.T, upstream string, delay func() time.Duration) *slowProxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &slowProxy{listener: l, upstream: upstream, delay: delay}
	p.group.Go(p.accept)
	t.Cleanup(func() { _ = l.Close(); p.cut(); p.group.Wait() })
	return p
}

func (p *slowProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		broker, err := (&net.Dialer{}).Dial("tcp", p.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, broker)
		p.mu.Unlock()
		p.group.Go(func() { _, _ = io.Copy(broker, client); _ = broker.Close() })
		p.group.Go(func() { p.copyBack(client, broker) })
	}
}

func (p *slowProxy) copyBack(client, broker net.Conn) {
	defer func() { _ = client.Close() }()
	piece := make([]byte, 32<<10)
	for {
		n, err := broker.Read(piece)
		if d := p.delay(); d > 0 {
			<-time.After(d)
		}
		p.pass.RLock()
		_, failed := client.Write(piece[:n])
		p.pass.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// cut ends all connections that go through.
func (p *slowProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func throughProxy(t *testing.T, delay func() time.Duration) (*slowProxy, *nats.Conn) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server is not ready")
	}
	p := newSlowProxy(t, srv.Addr().String(), delay)
	nc, err := nats.Connect("nats://"+p.listener.Addr().String(), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.Timeout(10*time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return p, nc
}

// A server whose confirmation comes after the inbox was given up: the client
// calls the closed handler for the unsubscribe, and again for the drain. A
// closed channel that was closed twice ended the whole process.
func TestPullInboxOutlivesAConfirmationThatComesLate(t *testing.T) {
	t.Parallel()
	p, nc := throughProxy(t, func() time.Duration { return 0 })
	m, err := openInbox(nc, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.pass.Lock()
	m.wait = 0
	m.close()
	select {
	case <-m.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the unsubscribe did not close the inbox")
	}
	p.pass.Unlock()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for limit := time.After(10 * time.Second); m.sub.IsDraining(); { // over once it has closed the inbox again
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatal("the drain never ended")
		}
	}
}

func TestPullInboxesAreDrainedAndUnsubscribedWhileTheConnectionComesAndGoes(t *testing.T) {
	t.Parallel()
	const workers, rounds = 32, 100
	p, nc := throughProxy(t, func() time.Duration { return time.Duration(rand.IntN(2)) * time.Millisecond })
	var group, cutting sync.WaitGroup
	done := make(chan struct{})
	cutting.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				p.cut()
			}
		}
	})
	var closed atomic.Int32
	for range workers {
		group.Go(func() {
			for range rounds {
				m, err := openInbox(nc, 4)
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				_, _ = m.request("nobody.listens", pullRequest{Batch: 1}) // an error says that the connection is away
				m.wait = time.Duration(rand.IntN(3)) * time.Millisecond
				m.close()
				select {
				case <-m.closed:
					closed.Add(1)
				case <-time.After(20 * time.Second):
					t.Error("an inbox was never closed")
				}
			}
		})
	}
	group.Wait()
	close(done)
	cutting.Wait()
	if closed.Load() != workers*rounds {
		t.Errorf("%d of %d inboxes were closed", closed.Load(), workers*rounds)
	}
}
