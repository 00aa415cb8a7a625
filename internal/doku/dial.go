package doku

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// dialer opens connections to DOKU, through the proxy where there is one.
type dialer struct {
	cfg    Config
	life   context.Context // ends dials that outlive their request
	tls    *tls.Config     // nil: plain HTTP to loopback
	target string          // host:port of DOKU
}

func newDialer(life context.Context, cfg Config, base *url.URL) *dialer {
	d := &dialer{cfg: cfg, life: life, target: hostPort(base)}
	if base.Scheme == "https" {
		d.tls = &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}, // HTTP/2 would interleave answers
			RootCAs:    cfg.RootCAs,
			ServerName: base.Hostname(),
			// Most connections carry one request: resuming a session makes the
			// next handshake a round trip and a signature cheaper.
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		}
	}
	return d
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// portFits reports whether u's port is one that can be dialled; url.Parse takes
// any digits.
func portFits(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// dial opens one connection, TLS handshake included, within dialTimeout.
func (d *dialer) dial(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)() //nolint:contextcheck // the client's own life
	plain, err := d.open(ctx)
	if err != nil || d.tls == nil {
		return wrap(plain, err)
	}
	conn := tls.Client(plain, d.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return newConnection(conn), nil
}

func wrap(conn net.Conn, err error) (*connection, error) {
	if err != nil {
		return nil, err
	}
	return newConnection(conn), nil
}

// open reaches DOKU, or the proxy and DOKU through it.
func (d *dialer) open(ctx context.Context) (net.Conn, error) {
	proxy := d.cfg.Proxy
	if proxy == nil {
		return d.cfg.DialContext(ctx, "tcp", d.target)
	}
	conn, err := d.cfg.DialContext(ctx, "tcp", hostPort(proxy))
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err = connect(conn, d.target, proxy.User)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return conn, nil
}

// connect asks the proxy for a tunnel. What it says in its refusal is its own
// text and may quote the password: only the status is told.
func connect(conn net.Conn, target string, user *url.Userinfo) error {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return errors.New("tunnel not asked for: connection lost")
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	res, err := http.ReadResponse(reader, req) //nolint:bodyclose // an answer to CONNECT has none
	switch {
	case err != nil:
		return errors.New("no answer to CONNECT")
	case res.StatusCode < http.StatusOK || res.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("CONNECT refused with http %d", res.StatusCode)
	case reader.Buffered() > 0:
		return errUnsolicited
	}
	return nil
}

// ParseProxy reads the URL of an HTTP CONNECT proxy: http://[user:password@]host:port.
// Its errors hold no part of text, which may be a password.
func ParseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("no url; write http://host:port, with percent-encoded user name and password")
	case u.Scheme != "http":
		return nil, errors.New("must begin with http://: the tunnel to DOKU is encrypted by itself")
	case u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("must be http://host:port and no more")
	case !portFits(u):
		return nil, errors.New("must have a port from 1 to 65535")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User}, nil
}
