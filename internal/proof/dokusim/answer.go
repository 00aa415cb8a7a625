package dokusim

import (
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json"
)

// family is one of DOKU's protocols, or none.
type family uint8

const (
	plain family = iota
	cards
	snap
)

// cut says how much of an answer gets through.
type cut uint8

const (
	cutNothing cut = iota
	cutHalf        // the second half of the body is missing
	cutReset       // no byte, and the connection is reset
)

// signing says how an answer of the card family is signed.
type signing uint8

const (
	signedRight signing = iota
	signedWrong
	signedNot
	signedNoDigest // not over a Digest line
	signedUnpadded // in base64 without padding
)

// answer is what goes back.
type answer struct {
	status  int
	body    []byte
	code    string // DOKU's, for the log of requests
	headers map[string]string
	cut     cut
	signing signing

	encoding string // Content-Encoding
	covered  []byte // what the signature covers; nil: the body
	verbatim bool   // scripted byte by byte: no quirk changes it
	extra    *extra // an answer too many
}

// jsonAnswer encodes v, which always can be.
func jsonAnswer(status int, code string, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{status: http.StatusInternalServerError, code: "encoding"}
	}
	return answer{status: status, code: code, body: body}
}

// springError is the 500 of DOKU's card servers, whose error is a string
// (docs/doku-api.md, "Signatures of answers"), and the answer to a path that
// nobody serves.
func (x *exchange) springError(status int) answer {
	return jsonAnswer(status, "", struct {
		Timestamp string `json:"timestamp"`
		Status    int    `json:"status"`
		Error     string `json:"error"`
		Path      string `json:"path"`
	}{x.at.UTC().Format("2006-01-02T15:04:05.000+00:00"), status, http.StatusText(status), x.q.URL.EscapedPath()})
}

func (*Server) notFound(x *exchange) answer { return x.springError(http.StatusNotFound) }

// plainError is an answer of x's family with nothing but a status to say.
func (s *Server) plainError(x *exchange, status int) answer {
	switch {
	case x.family == snap:
		return s.snapRefusal(x, status, "00", "")
	case status == http.StatusTooManyRequests:
		return cardRefusal(status, "TOO_MANY_REQUESTS", "Too many requests")
	default:
		return x.springError(status)
	}
}

// merged adds more to headers, which may be nil.
func merged(headers, more map[string]string) map[string]string {
	all := maps.Clone(headers)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}

// write sends a, or what its cut leaves of it.
func (s *Server) write(w http.ResponseWriter, x *exchange, a answer) {
	if a.cut == cutReset {
		reset(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if strings.HasPrefix(string(a.body), "<") {
		h.Set("Content-Type", "text/html; charset=utf-8")
	}
	if x.family == cards {
		s.cardHeaders(h, x, a)
	}
	for name, value := range a.headers {
		h.Set(name, value)
	}
	if a.encoding != "" {
		h.Set("Content-Encoding", a.encoding)
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.extra != nil {
		s.writeTwice(w, a)
		return
	}
	w.WriteHeader(a.status)
	if a.cut == cutHalf {
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http closes the connection, quietly
	}
	_, _ = w.Write(a.body)
}

// reset closes the connection without a byte; on TCP the client sees a reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // nothing to hijack: HTTP/2, or a recorder
	}
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// traffic counts below HTTP.
type traffic struct{ connections, bytes atomic.Int64 }

// Traffic is what arrived on the listeners of [Server.Count].
type Traffic struct {
	Connections int64 `json:"connections"`
	Bytes       int64 `json:"bytes"`
}

// Traffic tells whether even one byte came, of a request that never became one.
func (s *Server) Traffic() Traffic {
	return Traffic{s.traffic.connections.Load(), s.traffic.bytes.Load()}
}

// Count returns l, with what arrives on it counted in [Server.Traffic].
func (s *Server) Count(l net.Listener) net.Listener { return countedListener{l, &s.traffic} }

type countedListener struct {
	net.Listener
	t *traffic
}

// Accept waits for the next connection.
func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.t.connections.Add(1)
	return countedConn{conn, l.t}, nil
}

type countedConn struct {
	net.Conn
	t *traffic
}

// Read counts what it read.
func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.t.bytes.Add(int64(n))
	return n, err
}

// SetLinger is TCP's, where the connection is one.
func (c countedConn) SetLinger(seconds int) error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}
