package dokusim

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// extra is an answer that nobody asked for, on the connection of one that
// somebody did.
type extra struct {
	body []byte
	late bool // not before the connection's next request has begun
}

func (f Fault) twice(a answer, late bool) answer {
	body := a.body
	if f.Body != "" {
		body = []byte(f.Body)
	}
	a.extra = &extra{body, late}
	return a
}

// writeTwice writes a and its extra, and serves the connection on: what it asks
// next is answered one answer late.
func (s *Server) writeTwice(w http.ResponseWriter, a answer) {
	header := w.Header().Clone()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // nothing to hijack: HTTP/2, or a recorder
	}
	s.lingering.Add(1)
	defer s.lingering.Done()
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { // ends with the connection, or ends it with the server
		select {
		case <-s.closed:
			_ = conn.Close()
		case <-stop:
		}
	})
	defer watch.Wait()
	defer close(stop)
	defer func() { _ = conn.Close() }()
	if err := a.writeRaw(conn, buffered.Reader, header); err == nil {
		s.serveOn(conn, buffered.Reader)
	}
}

func (a answer) writeRaw(conn net.Conn, read *bufio.Reader, header http.Header) error {
	first, second := rawAnswer(a.status, header, a.body), rawAnswer(a.status, header, a.extra.body)
	if !a.extra.late {
		_, err := conn.Write(append(first, second...))
		return err
	}
	if _, err := conn.Write(first); err != nil {
		return err
	}
	if _, err := read.Peek(1); err != nil {
		return err
	}
	_, err := conn.Write(second)
	return err
}

func rawAnswer(status int, header http.Header, body []byte) []byte {
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	header = header.Clone()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_ = header.Write(&out)
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}

// serveOn serves a connection that was taken from its server.
func (s *Server) serveOn(conn net.Conn, read *bufio.Reader) {
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- &readConn{conn, read, l}
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
	_ = server.Serve(l)
}

// oneConn is a listener of one connection, which ends with it.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept returns the connection once, then waits for its end.
func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	default:
	}
	<-l.closed
	return nil, net.ErrClosed
}

// Close implements [net.Listener].
func (l *oneConn) Close() error { l.once.Do(func() { close(l.closed) }); return nil }

// Addr implements [net.Listener].
func (*oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// readConn reads what was read ahead first, and tells its listener of its end.
type readConn struct {
	net.Conn
	read *bufio.Reader
	l    *oneConn
}

// Read implements [net.Conn].
func (c *readConn) Read(p []byte) (int, error) { return c.read.Read(p) }

// Close implements [net.Conn].
func (c *readConn) Close() error { _ = c.l.Close(); return c.Conn.Close() }
