package observe

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
)

// limited is a listener that keeps no more than so many connections open. For a new
// one the oldest that waits for a request goes, so that clients that connect and
// say nothing, or say it slowly, keep no prober out; where every one is being
// answered, the oldest goes all the same: it has had the most time.
type limited struct {
	net.Listener
	most int
	mu   sync.Mutex
	open []*limitedConn // oldest first
}

// limitedConn tells its listener when it closes.
type limitedConn struct {
	net.Conn
	from     *limited
	answered bool // a request of it is being answered; guarded by from.mu
	once     sync.Once
}

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &limitedConn{Conn: conn, from: l}
	if out := l.admit(c); out != nil {
		_ = out.Close()
	}
	return c, nil
}

// admit takes a connection in, and returns the one that has to go for it.
func (l *limited) admit(c *limitedConn) (out *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most {
		i := max(0, slices.IndexFunc(l.open, func(c *limitedConn) bool { return !c.answered }))
		out = l.open[i]
		l.open = slices.Delete(l.open, i, i+1)
	}
	l.open = append(l.open, c)
	return out
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	c.once.Do(func() {
		c.from.mu.Lock()
		defer c.from.mu.Unlock()
		c.from.open = slices.DeleteFunc(c.from.open, func(o *limitedConn) bool { return o == c })
	})
	return c.Conn.Close()
}

func (c *limitedConn) answering(yes bool) {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	c.answered = yes
}

// connKey finds a request's connection in its context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// marked keeps a connection marked while a request of it is being answered.
func marked(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*limitedConn); ok {
			c.answering(true)
			defer c.answering(false)
		}
		handler.ServeHTTP(w, r)
	})
}
