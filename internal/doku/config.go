package doku

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/secret"
)

// Config is what a [Client] needs. BaseURL, ClientID, Secret, Timeout and Slots
// must be given; everything else has a default.
type Config struct {
	// BaseURL is scheme and host of DOKU, without a path. Plain http is
	// accepted to loopback only (docs/doku-api.md, "Connections").
	BaseURL string

	// ClientID is the merchant's id: Client-Id, X-PARTNER-ID, X-CLIENT-KEY.
	ClientID string

	// DefiniteCodes are further values of error.code by which a card refund is
	// definitely refused, with HTTP 400, 404 or 422; see [CheckDefiniteCode]. Any
	// code that no table lists leaves the outcome unknown. Default: none.
	DefiniteCodes []string

	// DialContext opens the TCP connection. Default: a [net.Dialer]. Tests put
	// a net.Pipe behind it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// Log gets warnings about answers that do not fit. Default: none.
	Log *slog.Logger

	// Now is the clock. Its times should carry a monotonic reading, as those of
	// time.Now do: send_by is held on both. Default: time.Now.
	Now func() time.Time

	// Observe is told of calls, token failures and mismatches. Default: nobody.
	Observe Observer

	// Proxy is an HTTP CONNECT proxy that connections go through, as of
	// [ParseProxy]. Default: none; proxies of the environment are ignored, for
	// nothing that nobody chose may stand between us and DOKU.
	Proxy *url.URL

	// PrivateKey signs requests for B2B tokens. Nil: only cards can be used.
	PrivateKey *rsa.PrivateKey

	// Rand is where identifiers of inquiries come from; it is read by several
	// goroutines at once. Default: crypto/rand.Reader.
	Rand io.Reader

	// RootCAs are the authorities that DOKU's certificate may come from.
	// Default: those of the system.
	RootCAs *x509.CertPool

	// Secret is the shared key. It may hold several lines, newest first:
	// requests are signed with the first, answers are believed with any, so
	// that a key can be changed without a gap.
	Secret secret.Text

	// Slots is how many calls may run at once: the size of the pool of idle
	// connections. A smaller pool closes and reopens connections all the time.
	Slots int

	// Timeout bounds one call from connecting to the last byte of the answer.
	// A short one manufactures unknown outcomes (docs/doku-api.md, "Connections").
	Timeout time.Duration
}

// Observer is told what the client sees. Any func may be nil; they are called
// from many goroutines and must not block. All strings come from closed sets.
type Observer struct {
	// Request: operation is [OpRefund], [OpInquiry] or [OpToken], outcome one
	// of [Outcomes].
	Request func(operation, outcome string, took time.Duration)

	// TokenFailure: kind is one of [TokenFailures].
	TokenFailure func(kind string)

	// Mismatch: field is one of [MismatchFields].
	Mismatch func(field string)

	// UnlistedCode: an answer held a code that no table lists. operation is one
	// of those of Request.
	UnlistedCode func(operation string)
}

func (o Observer) request(operation, outcome string, took time.Duration) {
	if o.Request != nil {
		o.Request(operation, outcome, took)
	}
}

func (o Observer) tokenFailure(kind string) {
	if o.TokenFailure != nil {
		o.TokenFailure(kind)
	}
}

func (o Observer) unlistedCode(operation string) {
	if o.UnlistedCode != nil {
		o.UnlistedCode(operation)
	}
}

func (o Observer) mismatch(field string) {
	if o.Mismatch != nil {
		o.Mismatch(field)
	}
}

// Validate reports everything that is wrong with the settings, joined; each
// problem wraps [ErrConfig] and holds no secret.
func (c Config) Validate() error {
	problem := func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	_, urlErr := parseBaseURL(c.BaseURL)
	return errors.Join(
		problem(urlErr),
		problem(headerValue("client id", c.ClientID)),
		problem(when(len(secretLines(c.Secret)) == 0, "secret is missing")),
		problem(when(c.PrivateKey != nil && c.PrivateKey.N.BitLen() < minKeyBits, "rsa key is shorter than 2048 bits")),
		problem(when(c.Timeout <= 0, "timeout must be more than nothing")),
		problem(when(c.Slots <= 0, "slots must be at least 1")),
		problem(checkDefiniteCodes(c.DefiniteCodes)),
	)
}

func checkDefiniteCodes(codes []string) error {
	var problems []error
	for _, code := range codes {
		problems = append(problems, CheckDefiniteCode(code))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.DialContext == nil {
		c.DialContext = (&net.Dialer{}).DialContext
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

func when(wrong bool, text string) error {
	if !wrong {
		return nil
	}
	return errors.New(text)
}

// parseBaseURL takes scheme and host only: a path would have to be signed, and
// a user name would show up in errors.
func parseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("base url is no url")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("base url must begin with https:// (or http:// to loopback)")
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("base url must be scheme and host alone")
	case !portFits(u):
		return nil, errors.New("base url must have a port from 1 to 65535")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("plain http is for loopback only")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// secretLines splits a secret into its keys, newest first.
func secretLines(t secret.Text) []secret.Text {
	var keys []secret.Text
	for line := range strings.Lines(t.Reveal()) {
		if key := strings.TrimSpace(line); key != "" {
			keys = append(keys, secret.New(key))
		}
	}
	return keys
}

// CheckBaseURL reports what is wrong with text as [Config].BaseURL.
func CheckBaseURL(text string) error {
	_, err := parseBaseURL(text)
	return err
}

// CheckClientID reports what is wrong with text as [Config].ClientID.
func CheckClientID(text string) error { return headerValue("client id", text) }

// Loopback reports whether a good base URL points to this machine.
func Loopback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && loopback(u.Hostname())
}
