package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"refundworker.example/refundworker/internal/secret"
)

// tap stands on loopback between the worker's client and DOKU. It passes
// requests and answers on byte by byte, keeps those of one path, and spoils the
// headers of the next of them where a probe says so.
type tap struct {
	base    *url.URL
	secret  secret.Text
	out     *http.Transport
	server  *http.Server
	address string
	ended   chan struct{}

	mu    sync.Mutex
	watch watch
}

// watch is what a probe wants of the requests to come.
type watch struct {
	path  string            // prefix of those that are kept
	spoil func(http.Header) // nil: nothing
	got   []exchange
}

// exchange is one request as DOKU got it, and its answer.
type exchange struct {
	method, target string
	asked          http.Header // as the worker's client wrote it
	sent           http.Header // as DOKU got it
	body           []byte
	status         int // 0: no answer
	header         http.Header
	answer         []byte // decoded
	signature      Signature
}

// largest is what is read of an answer: more than the worker reads.
const largest = 1 << 20

func listen(ctx context.Context, base *url.URL, cfg Config) (*tap, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the worker's client: %w", err)
	}
	t := &tap{
		base: base, secret: cfg.Secret, address: "http://" + l.Addr().String(), ended: make(chan struct{}),
		out: &http.Transport{DisableCompression: true, ResponseHeaderTimeout: cfg.Timeout},
	}
	if cfg.Proxy != nil {
		t.out.Proxy = http.ProxyURL(cfg.Proxy)
	}
	t.server = &http.Server{Handler: http.HandlerFunc(t.pass), ReadHeaderTimeout: cfg.Timeout}
	go func() {
		defer close(t.ended)
		_ = t.server.Serve(l)
	}()
	return t, nil
}

func (t *tap) close() {
	_ = t.server.Close()
	<-t.ended
	t.out.CloseIdleConnections()
}

// keep starts a new watch.
func (t *tap) keep(path string, spoil func(http.Header)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = watch{path: path, spoil: spoil}
}

// kept returns what came since.
func (t *tap) kept() []exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.watch.got
}

// pass serves one request of the worker's client.
func (t *tap) pass(w http.ResponseWriter, q *http.Request) {
	t.mu.Lock()
	wanted := t.watch
	t.mu.Unlock()
	kept := wanted.path != "" && strings.HasPrefix(q.URL.Path, wanted.path)
	body, err := io.ReadAll(io.LimitReader(q.Body, largest))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x := exchange{method: q.Method, target: q.URL.EscapedPath(), sent: q.Header.Clone(), body: body}
	x.sent.Del("Connection")
	x.asked = x.sent.Clone()
	if kept && wanted.spoil != nil {
		wanted.spoil(x.sent)
	}
	wire, err := t.forward(q.Context(), &x)
	if kept {
		t.mu.Lock()
		t.watch.got = append(t.watch.got, x)
		t.mu.Unlock()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client sees a connection that ends
	}
	for name, values := range x.header {
		w.Header()[name] = values
	}
	w.WriteHeader(x.status)
	_, _ = w.Write(wire)
}

// forward sends the exchange's request and returns the answer's body as it came
// over the wire.
func (t *tap) forward(ctx context.Context, x *exchange) ([]byte, error) {
	var body io.Reader
	if len(x.body) > 0 {
		body = bytes.NewReader(x.body)
	}
	q, err := http.NewRequestWithContext(ctx, x.method, t.base.Scheme+"://"+t.base.Host+x.target, body)
	if err != nil {
		return nil, err
	}
	q.Header = x.sent.Clone()
	got, err := t.out.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	wire, err := io.ReadAll(io.LimitReader(got.Body, largest))
	if err != nil {
		return nil, err
	}
	x.status, x.header, x.answer = got.StatusCode, got.Header.Clone(), wire
	x.header.Del("Connection")
	x.header.Del("Transfer-Encoding")
	if got.Header.Get("Content-Encoding") == "gzip" {
		if x.answer, err = unzip(wire); err != nil {
			return nil, err
		}
	}
	x.signature = t.signature(*x, wire)
	return wire, nil
}

func unzip(wire []byte) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(wire))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(zip, largest))
	return plain, errors.Join(err, zip.Close())
}

// signature checks the answer's with every key that the merchant has, over what
// the worker's client asked for, as that client does.
func (t *tap) signature(x exchange, wire []byte) Signature {
	given := x.header.Get("Signature")
	if given == "" {
		return Signature{}
	}
	s := Signature{Present: true}
	text := "Client-Id:" + x.asked.Get("Client-Id") + "\nRequest-Id:" + x.asked.Get("Request-Id") +
		"\nResponse-Timestamp:" + x.header.Get("Response-Timestamp") + "\nRequest-Target:" + x.target
	for line := range strings.Lines(t.secret.Reveal()) {
		key := strings.TrimSpace(line)
		s.WithDigest = s.WithDigest || signs(key, text+"\nDigest:"+digest(wire), given) || signs(key, text+"\nDigest:"+digest(x.answer), given)
		s.WithoutDigest = s.WithoutDigest || signs(key, text, given)
	}
	return s
}

// signs compares without regard to padding.
func signs(key, text, given string) bool {
	return hmac.Equal([]byte(strings.TrimRight(sign(key, text), "=")), []byte(strings.TrimRight(given, "=")))
}

func sign(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(mac, text)
	return "HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
