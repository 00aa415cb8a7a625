package main

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/service"
)

const description = `Takes refund jobs from NATS JetStream, signs and sends them to DOKU, and publishes one result for each.

Every flag can be set by the environment variable behind it. Stop with SIGTERM: running calls are finished and recorded.`

// flags are the settings of docs/contract.md, "Programs". Values are text, so
// that every bad one is reported and not the first alone.
type flags struct {
	config.NATS

	config.MerchantFlags

	DefiniteCodes      string        `name:"doku-definite-codes" env:"DOKU_DEFINITE_CODES" help:"Comma-separated error codes of DOKU by which a card refund is definitely refused, beside those that are known; any other leaves the outcome unknown." placeholder:"LIST"`
	Channels           string        `name:"channels" env:"CHANNELS" help:"Comma-separated; by default all that the credentials allow." placeholder:"LIST"`
	Concurrency        string        `name:"concurrency" env:"CONCURRENCY" default:"32" help:"Calls at once, per channel and process."`
	RateLimit          string        `name:"rate-limit" env:"RATE_LIMIT" default:"0" help:"Refund calls and inquiries a second, per channel and process; 0 for none."`
	RetryInitial       string        `name:"retry-initial" env:"RETRY_INITIAL" default:"2s" help:"First retry delay; each further one is twice as long."`
	RetryMax           string        `name:"retry-max" env:"RETRY_MAX" default:"15m" help:"Longest retry delay."`
	InquiryDelay       string        `name:"inquiry-delay" env:"INQUIRY_DELAY" default:"60s" help:"How long after an unknown outcome DOKU is first asked; at least 60s in production."`
	RepeatAfterUnknown string        `name:"repeat-after-unknown" env:"REPEAT_AFTER_UNKNOWN" default:"same-day" help:"Whether a refund whose outcome is unknown may be sent again, under the same identifiers, once an inquiry does not find it: same-day (until that day ends), never, or trust-inquiry (beyond the day's end too, trusting the inquiry alone)."`
	RetryDeadline      string        `name:"retry-deadline" env:"RETRY_DEADLINE" default:"24h" help:"When a job without a deadline is given up."`
	HTTPAddr           string        `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:9464" help:"Serves /metrics, /healthz and /readyz."`
	LogLevel           string        `name:"log-level" env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`
	Setup              config.Switch `name:"setup" env:"SETUP" default:"false" help:"Create missing streams and consumers; never alters what is there."`
	Replicas           string        `name:"replicas" env:"REPLICAS" default:"1" help:"Of streams that SETUP creates: 1, 3 or 5."`

	JobsMaxBytes    string        `name:"jobs-max-bytes" env:"JOBS_MAX_BYTES" default:"1GiB" help:"Size of the stream REFUND_JOBS that SETUP creates: when it is full, producers are refused, and records still have room."`
	LedgerMustExist config.Switch `name:"ledger-must-exist" env:"LEDGER_MUST_EXIST" default:"false" help:"With SETUP: refuse to begin a new ledger, as on a server that has lost its storage."`

	Version versionFlag `name:"version" help:"Print the version and exit."`
}

// repeats are the values of REPEAT_AFTER_UNKNOWN. Whatever is none of them is a
// bad setting, and would never repeat.
var repeats = map[string]refund.Repeat{
	"never":         refund.RepeatNever,
	"same-day":      refund.RepeatSameDay,
	"trust-inquiry": refund.RepeatTrustInquiry,
}

// config turns the flags into a configuration, or says everything that is wrong
// with them.
func (f flags) config() (service.Config, config.Problems) {
	var p config.Problems
	f.NATS.Check(&p)
	m := f.MerchantFlags.Check(&p)
	c := service.Config{
		BaseURL:     m.BaseURL,
		ClientID:    m.ClientID,
		Concurrency: p.Int("CONCURRENCY", f.Concurrency, 1, 4096),
		Connect:     f.NATS,

		DefiniteCodes: f.definiteCodes(&p),

		Environment: m.Environment,
		HTTPAddr:    f.httpAddr(&p),
		Policy: refund.Policy{
			Timeout:       m.Timeout,
			Quiet:         p.Duration("INQUIRY_DELAY", f.InquiryDelay, m.LeastInquiryDelay),
			RetryDeadline: p.Duration("RETRY_DEADLINE", f.RetryDeadline, time.Second),
			Repeat:        repeats[p.OneOf("REPEAT_AFTER_UNKNOWN", f.RepeatAfterUnknown, "same-day", "never", "trust-inquiry")],
		},
		Proxy:     m.Proxy,
		RateLimit: p.Rate("RATE_LIMIT", f.RateLimit),
		Retry:     f.retry(&p),
		Revision:  revision,
		Keys:      service.Keys{Secret: m.Secret, Private: m.Private},
		Reload:    f.reload,
		Setup:     p.Bool("SETUP", string(f.Setup)),

		JobsMaxBytes:    p.Bytes("JOBS_MAX_BYTES", f.JobsMaxBytes, stream.LeastJobsBytes),
		LedgerMustExist: p.Bool("LEDGER_MUST_EXIST", string(f.LedgerMustExist)),

		Version: version,
	}
	c.Channels = f.channels(&p, c.Private != nil)
	c.Replicas = f.replicas(&p)
	f.level(&p)
	return c, p
}

// reload reads the files again.
func (f flags) reload() (service.Keys, error) {
	var p config.Problems
	var k service.Keys
	k.Secret, k.Private = f.Keys(&p)
	if len(p) > 0 {
		return service.Keys{}, errors.New(strings.Join(p, "; "))
	}
	return k, nil
}

func (f flags) httpAddr(p *config.Problems) string {
	_, port, err := net.SplitHostPort(f.HTTPAddr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		p.Add("HTTP_ADDR", "%q is no host:port", f.HTTPAddr)
	}
	return f.HTTPAddr
}

func (f flags) retry(p *config.Problems) retry.Policy {
	policy := retry.Policy{
		Initial: p.Duration("RETRY_INITIAL", f.RetryInitial, time.Millisecond),
		Max:     p.Duration("RETRY_MAX", f.RetryMax, time.Millisecond),
	}
	if policy.Max > 0 && policy.Max < policy.Initial {
		p.Add("RETRY_MAX", "%s is less than RETRY_INITIAL, %s", policy.Max, policy.Initial)
	}
	return policy
}

// channels are those asked for, or all that the credentials allow.
func (f flags) channels(p *config.Problems, withKey bool) []channel.Channel {
	if strings.TrimSpace(f.Channels) == "" {
		return slices.DeleteFunc(channel.All(), func(c channel.Channel) bool {
			return c.Facts().Family == channel.SNAP && !withKey
		})
	}
	var list []channel.Channel
	for name := range strings.SplitSeq(f.Channels, ",") {
		c, err := channel.Parse(strings.TrimSpace(name))
		switch {
		case err != nil:
			p.Add("CHANNELS", "%s", err)
		case slices.Contains(list, c):
			p.Add("CHANNELS", "%s is named twice", c)
		case c.Facts().Family == channel.SNAP && !withKey && f.DOKUPrivateKeyFile == "":
			p.Add("CHANNELS", "%s needs DOKU_PRIVATE_KEY_FILE", c)
		default:
			list = append(list, c)
		}
	}
	return list
}

// definiteCodes are error codes that the documents do not have, and that support
// has explained.
func (f flags) definiteCodes(p *config.Problems) []string {
	var codes []string
	for part := range strings.SplitSeq(f.DefiniteCodes, ",") {
		code := strings.TrimSpace(part)
		if code == "" {
			continue
		}
		if err := doku.CheckDefiniteCode(code); err != nil {
			p.Add("DOKU_DEFINITE_CODES", "%s", err)
			continue
		}
		codes = append(codes, code)
	}
	return codes
}

func (f flags) replicas(p *config.Problems) int {
	n := p.Int("REPLICAS", f.Replicas, 1, 5)
	if n%2 == 0 {
		p.Add("REPLICAS", "%d is none of 1, 3, 5", n)
	}
	return n
}

func (f flags) level(p *config.Problems) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil || strings.ContainsAny(f.LogLevel, "+-") {
		p.Add("LOG_LEVEL", "%q is none of debug, info, warn, error", f.LogLevel)
	}
	return level
}
