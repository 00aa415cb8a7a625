package main

import (
	"crypto/tls"
	"log/slog"
	"net"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
)

const description = `Takes refund jobs over HTTP, for order systems that do not speak NATS, and answers with states, results and notices of dead letters (docs/gateway.md, docs/openapi.yaml).

Every flag can be set by the environment variable behind it. Stop with SIGTERM: requests under way are answered.`

// flags are the settings and commands. Values are text, so that every bad one is
// reported and not the first alone.
type flags struct {
	serveFlags

	Serve   struct{}         `cmd:"" default:"1" help:"Serve; the default."`
	Token   tokenCommand     `cmd:"" help:"Make a token: itself on stderr, its line for GATEWAY_TOKENS_FILE on stdout."`
	Version kong.VersionFlag `help:"Print version and revision."`
}

type serveFlags struct {
	config.NATS

	HTTPAddr    string        `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:9467" help:"Serves the API, /metrics, /healthz and /readyz. Beyond this machine only with TLS or GATEWAY_BEHIND_PROXY." placeholder:"HOST:PORT"`
	TokensFile  string        `name:"tokens-file" env:"GATEWAY_TOKENS_FILE" help:"Who may call: a line each, NAME SHA256 [RATE]. Must be given; read again when it changes." placeholder:"FILE"`
	Rate        string        `name:"rate" env:"GATEWAY_RATE" default:"50" help:"Requests a second with one token whose line names no rate." placeholder:"N"`
	MaxWaits    string        `name:"max-waits" env:"GATEWAY_MAX_WAITS" default:"256" help:"Requests that may wait for a result at once; one more is answered at once." placeholder:"N"`
	TLSCert     string        `name:"tls-cert" env:"GATEWAY_TLS_CERT" help:"Certificate chain; read again when it changes." placeholder:"FILE"`
	TLSKey      string        `name:"tls-key" env:"GATEWAY_TLS_KEY" help:"Key of the certificate." placeholder:"FILE"`
	BehindProxy config.Switch `name:"behind-proxy" env:"GATEWAY_BEHIND_PROXY" default:"false" help:"A proxy in front ends TLS: plain HTTP beyond this machine. Tokens and customers' values pass in the clear."`
	LogLevel    string        `name:"log-level" env:"LOG_LEVEL" default:"info" help:"debug (a line for every request), info, warn or error."`
}

// settings are the flags, checked.
type settings struct {
	nats     config.NATS
	addr     string
	level    slog.Level
	maxWaits int
	rate     float64
	tls      *tls.Config
	tokens   string
}

func (c serveFlags) settings() (settings, config.Problems) {
	var p config.Problems
	c.Check(&p)
	s := settings{nats: c.NATS, addr: c.HTTPAddr, tokens: c.TokensFile}
	before := len(p)
	if s.rate = p.Rate("GATEWAY_RATE", c.Rate); s.rate == 0 && len(p) == before {
		p.Add("GATEWAY_RATE", "must be above 0")
	}
	s.maxWaits = p.Int("GATEWAY_MAX_WAITS", c.MaxWaits, 0, 1<<16)
	if c.TokensFile == "" {
		p.Add("GATEWAY_TOKENS_FILE", "must be given: gateway token NAME makes a line for it")
	}
	if err := s.level.UnmarshalText([]byte(p.OneOf("LOG_LEVEL", c.LogLevel, "debug", "info", "warn", "error"))); err != nil {
		s.level = slog.LevelInfo // a problem already
	}
	s.tls = c.tls(&p)
	c.checkAddress(&p, s.tls != nil)
	return s, p
}

// checkAddress keeps tokens and customers' values off the wire in the clear.
func (c serveFlags) checkAddress(p *config.Problems, secured bool) {
	behindProxy := p.Bool("GATEWAY_BEHIND_PROXY", string(c.BehindProxy))
	host, _, err := net.SplitHostPort(c.HTTPAddr)
	if err != nil {
		p.Add("HTTP_ADDR", "%q is not host:port", c.HTTPAddr)
		return
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	if !local && !secured && !behindProxy {
		p.Add("HTTP_ADDR", "%s is reached by other machines: give GATEWAY_TLS_CERT and GATEWAY_TLS_KEY, or GATEWAY_BEHIND_PROXY where a proxy ends TLS", c.HTTPAddr)
	}
}

func (c serveFlags) tls(p *config.Problems) *tls.Config {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		p.Add("GATEWAY_TLS_CERT", "and GATEWAY_TLS_KEY go together")
		return nil
	}
	if c.TLSCert == "" {
		return nil
	}
	pair := &keyPair{cert: c.TLSCert, key: c.TLSKey}
	if err := pair.load(); err != nil {
		p.Add("GATEWAY_TLS_CERT", "and GATEWAY_TLS_KEY: %s", err)
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
}
