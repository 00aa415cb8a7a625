package config

import (
	"crypto/rsa"
	"net/url"
	"os"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/secret"
)

// MerchantFlags tell one merchant from another.
type MerchantFlags struct {
	DOKUEnv            string `name:"doku-env" env:"DOKU_ENV" group:"DOKU" help:"production, sandbox or simulator. Must be given." placeholder:"ENV"`
	DOKUBaseURL        string `name:"doku-base-url" env:"DOKU_BASE_URL" group:"DOKU" help:"Scheme and host of DOKU, by default what DOKU_ENV says; plain http to loopback only." placeholder:"URL"`
	DOKUClientID       string `name:"doku-client-id" env:"DOKU_CLIENT_ID" group:"DOKU" help:"The merchant's client id. Must be given." placeholder:"ID"`
	DOKUSecretKey      string `name:"doku-secret-key" env:"DOKU_SECRET_KEY" group:"DOKU" help:"The shared secret key. This or DOKU_SECRET_KEY_FILE must be given; a flag can be seen in the list of processes." placeholder:"KEY"`
	DOKUSecretKeyFile  string `name:"doku-secret-key-file" env:"DOKU_SECRET_KEY_FILE" group:"DOKU" help:"File that holds the secret key." placeholder:"FILE"`
	DOKUPrivateKeyFile string `name:"doku-private-key-file" env:"DOKU_PRIVATE_KEY_FILE" group:"DOKU" help:"RSA key, PKCS#1 or PKCS#8 PEM; needed by every channel but credit_card." placeholder:"FILE"`
	DOKUProxy          string `name:"doku-proxy" env:"DOKU_PROXY" group:"DOKU" help:"HTTP CONNECT proxy for calls to DOKU, http://host:port; proxies of the environment are ignored. A flag with a password can be seen in the list of processes." placeholder:"URL"`
	DOKUProxyFile      string `name:"doku-proxy-file" env:"DOKU_PROXY_FILE" group:"DOKU" help:"File that holds DOKU_PROXY." placeholder:"FILE"`
	DOKUTimeout        string `name:"doku-timeout" env:"DOKU_TIMEOUT" group:"DOKU" default:"60s" help:"One call; at least 30s in production. A short one makes unknown outcomes."`
}

// environments are the three values of DOKU_ENV and where each calls (DOKU's card document,
// docs/contract.md, "Programs").
var environments = map[string]string{
	"production": "https://api.doku.com",
	"sandbox":    "https://api-sandbox.doku.com",
	"simulator":  "http://127.0.0.1:9465",
}

// Where money is real, a shorter DOKU_TIMEOUT makes unknown outcomes, and DOKU
// asks not to be asked about a refund in its first minute.
const (
	leastTimeout      = 30 * time.Second
	leastInquiryDelay = 60 * time.Second
)

// Merchant is what the flags say, checked.
type Merchant struct {
	BaseURL     string
	ClientID    string
	Environment string
	Private     *rsa.PrivateKey
	Proxy       *url.URL    // nil: none
	Secret      secret.Text // may hold several lines, newest first
	Timeout     time.Duration

	LeastInquiryDelay time.Duration
}

// Check reads what the flags name, and adds everything that is wrong.
func (f MerchantFlags) Check(p *Problems) Merchant {
	m := Merchant{ClientID: f.DOKUClientID, Environment: f.Environment(p), LeastInquiryDelay: time.Millisecond}
	least := time.Millisecond
	if m.Environment == "production" {
		least, m.LeastInquiryDelay = leastTimeout, leastInquiryDelay
	}
	checkClientID(p, m.ClientID)
	m.Timeout = p.Duration("DOKU_TIMEOUT", f.DOKUTimeout, least)
	m.Secret, m.Private = f.Keys(p)
	m.BaseURL = f.baseURL(p, m.Environment)
	m.Proxy = f.proxy(p)
	return m
}

func checkClientID(p *Problems, id string) {
	if id == "" {
		p.Add("DOKU_CLIENT_ID", "must be given")
		return
	}
	if flaw := TextFlaw(id); flaw != "" {
		p.Add("DOKU_CLIENT_ID", "%s", flaw)
		return
	}
	if err := doku.CheckClientID(id); err != nil {
		p.Add("DOKU_CLIENT_ID", "%s", err)
	}
}

// Environment reads DOKU_ENV alone.
func (f MerchantFlags) Environment(p *Problems) string {
	return p.OneOf("DOKU_ENV", f.DOKUEnv, "production", "sandbox", "simulator")
}

// Keys reads what the merchant signs with; private is nil where no file is
// named.
func (f MerchantFlags) Keys(p *Problems) (shared secret.Text, private *rsa.PrivateKey) {
	shared = p.Secret("DOKU_SECRET_KEY", f.DOKUSecretKey, f.DOKUSecretKeyFile)
	if strings.TrimSpace(f.DOKUSecretKey) == "" && f.DOKUSecretKeyFile == "" {
		p.Add("DOKU_SECRET_KEY", "must be given, or DOKU_SECRET_KEY_FILE")
	}
	return shared, f.privateKey(p)
}

// baseURL also keeps the simulator where no real refund can be taken for one of
// its own.
func (f MerchantFlags) baseURL(p *Problems, env string) string {
	base := f.DOKUBaseURL
	if base == "" {
		base = environments[env]
	}
	if base == "" {
		return ""
	}
	if err := doku.CheckBaseURL(base); err != nil {
		p.Add("DOKU_BASE_URL", "%s", err)
	} else if env == "simulator" && !doku.Loopback(base) {
		p.Add("DOKU_BASE_URL", "the simulator is called on loopback only")
	}
	return base
}

func (f MerchantFlags) proxy(p *Problems) *url.URL {
	text := p.Secret("DOKU_PROXY", f.DOKUProxy, f.DOKUProxyFile)
	if text.IsZero() {
		return nil
	}
	proxy, err := doku.ParseProxy(text.Reveal())
	if err != nil {
		p.Add("DOKU_PROXY", "%s", err)
	}
	return proxy
}

func (f MerchantFlags) privateKey(p *Problems) *rsa.PrivateKey {
	if f.DOKUPrivateKeyFile == "" {
		return nil
	}
	pem, err := os.ReadFile(f.DOKUPrivateKeyFile)
	if err != nil {
		p.Add("DOKU_PRIVATE_KEY_FILE", "%s", err)
		return nil
	}
	if flaw := EncodingFlaw(pem); flaw != "" {
		p.Add("DOKU_PRIVATE_KEY_FILE", "%s %s", f.DOKUPrivateKeyFile, flaw)
		return nil
	}
	key, err := doku.LoadPrivateKey(pem)
	if err != nil {
		p.Add("DOKU_PRIVATE_KEY_FILE", "%s: %s", f.DOKUPrivateKeyFile, err)
		return nil
	}
	return key
}
