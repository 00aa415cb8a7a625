// Package sandbox asks DOKU's sandbox what its documents leave open: a dozen
// probes, each one request that the worker could send and that can move no
// money, for every payment and every refund that they name is made up. A probe
// goes through the worker's own client, so that what is tried is what the
// worker sends and how it reads the answer.
//
// Each probe leaves a line of JSON: what was sent, what came back, how it was
// classified, whether the signature fits with and without a Digest line, and
// whether one of the answers that we know of came. Ids are hashed, tokens and
// signatures cut. A file of such lines in testdata/sandbox is replayed against
// the classification by every run of the tests.
//
// Invariant: nothing is sent to production, and no line holds a secret, a token
// or an id of the merchant's.
package sandbox

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

var (
	// ErrProduction is returned by [Run] for settings of production. Nothing was
	// sent.
	ErrProduction = errors.New("the probes are for the sandbox: they are never sent to production")

	// ErrNoProbe is returned by [Run] where there is nothing to send.
	ErrNoProbe = errors.New("nothing to probe: every channel but credit_card needs DOKU_PRIVATE_KEY_FILE")

	// ErrTranscript is returned by [Read] for a line that is none of ours.
	ErrTranscript = errors.New("bad transcript")
)

// Config is the merchant whose settings are tried.
type Config struct {
	BaseURL     string
	Channels    []channel.Channel // those that the merchant has
	ClientID    string
	Environment string // sandbox or simulator
	Now         func() time.Time
	Private     *rsa.PrivateKey // nil: cards alone
	Proxy       *url.URL        // that DOKU is reached through; nil: none
	Secret      secret.Text
	Timeout     time.Duration
}

// production reports whether a host is one of DOKU's that is not a sandbox. It is
// never called, whatever the environment is said to be. DNS takes a final dot
// and, by way of IDNA, letters of other alphabets for the same name.
func production(host string) bool {
	host = strings.ToLower(strings.TrimRight(host, "."))
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return true
	}
	label, domain, _ := strings.Cut(host, ".")
	return host == "doku.com" || strings.HasSuffix("."+domain, ".doku.com") && !strings.Contains(label, "sandbox")
}

func (c Config) check() (*url.URL, error) {
	base, err := url.Parse(c.BaseURL)
	switch {
	case err != nil:
		return nil, errors.New("base url is no url")
	case c.Environment != "sandbox" && c.Environment != "simulator", production(base.Hostname()):
		return nil, ErrProduction
	}
	return base, nil
}

// Run sends all probes, one after the other, and returns a line for each. The
// error tells why not all were sent.
func Run(ctx context.Context, cfg Config) ([]Line, error) {
	base, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	tap, err := listen(ctx, base, cfg)
	if err != nil {
		return nil, err
	}
	defer tap.close()
	shared, err := newClient(cfg, tap.address, 0) //nolint:contextcheck // a token's renewal is bounded by its own timeout
	if err != nil {
		return nil, err
	}
	defer shared.Close()
	r := &runner{cfg: cfg, tap: tap, redactor: newRedactor(cfg), shared: shared}
	list := probes(cfg.Channels, cfg.Private != nil)
	if len(list) == 0 {
		return nil, ErrNoProbe
	}
	for _, p := range list {
		if err := r.run(ctx, p); err != nil {
			return r.lines, fmt.Errorf("probe %q: %w", p.name, err)
		}
	}
	return r.lines, nil
}
