package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/fleet"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

// session is one run of one command.
type session struct {
	*Config
	ctx            context.Context
	end            context.CancelCauseFunc
	stdin          io.Reader
	stdout, stderr io.Writer

	tolerant bool                   // a denial does not end the command
	optional func(what string) bool // nor does the denial of a request that only makes a better text; nil: there are none

	nc   *nats.Conn
	js   jetstream.JetStream
	doku *doku.Client
}

func newSession(ctx context.Context, c *Config, stdin io.Reader, stdout, stderr io.Writer) *session {
	s := &session{Config: c, stdin: stdin, stdout: stdout, stderr: stderr}
	s.ctx, s.end = context.WithCancelCause(ctx)
	return s
}

func (s *session) close() {
	s.end(nil)
	if s.doku != nil {
		s.doku.Close()
	}
	if s.nc != nil {
		s.nc.Close()
	}
}

// deniedError begins the truth about a request that NATS refused to pass on.
type deniedError string

func (e deniedError) Error() string { return "denied by NATS: " + string(e) }

// dial connects. A denial ends the command at once: the request itself would
// only time out.
func (s *session) dial() error {
	var err error
	s.nc, s.js, err = s.Dial(program, false, config.NATSWatch{
		Spare: fleet.Prefix, // the report says what could not be asked
		Denied: func(what string) {
			if !s.tolerant && (s.optional == nil || !s.optional(what)) {
				s.end(deniedError(what))
			}
		},
	})
	return err
}

// operator connects and returns who acts. Client id and environment come from
// the ledger where no setting names them; where one does, a ledger of another
// is refused.
func (s *session) operator() (operator.Operator, error) {
	cfg, err := s.config()
	return operator.New(cfg), err
}

func (s *session) config() (operator.Config, error) {
	if err := s.dial(); err != nil {
		return operator.Config{}, err
	}
	lc := ledger.Config{
		JS: s.js, APIPrefix: s.NATSAPIPrefix, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	found, err := s.owner(ledger.New(lc))
	if err != nil && !s.tolerant {
		return operator.Config{}, fmt.Errorf("look at the ledger: %w", err)
	}
	lc.ClientID, lc.Environment = pick(s.DOKUClientID, found.ClientID), pick(s.DOKUEnv, found.Environment)
	given := stream.Owner{ClientID: lc.ClientID, Environment: lc.Environment}
	if found != given && !found.IsZero() && !s.tolerant {
		return operator.Config{}, fmt.Errorf("%w: it holds records of %s, this program is %s", ledger.ErrForeign, found, given)
	}
	cfg := operator.Config{
		ClientID: lc.ClientID, Environment: lc.Environment, Instance: instance(), JS: s.js, Ledger: ledger.New(lc),
		Name: s.Operator, Nonce: nonce, Now: time.Now,
		Policy: refund.Policy{RetryDeadline: 24 * time.Hour},
	}
	if s.doku != nil {
		cfg.Inquirer = s.doku
	}
	return cfg, nil
}

// owner is whose the ledger is, by its last record, or by its metadata while
// there is none.
func (s *session) owner(book *ledger.Ledger) (stream.Owner, error) {
	clientID, environment, err := book.Owner(s.ctx)
	if err != nil || clientID != "" {
		return stream.Owner{ClientID: clientID, Environment: environment}, err
	}
	return stream.NamedOwner(s.ctx, s.js)
}

func pick(given, found string) string {
	if given != "" {
		return given
	}
	return found
}

// merchant checks the DOKU settings and opens a client.
func (s *session) merchant() (config.Merchant, error) {
	var p config.Problems
	m := s.MerchantFlags.Check(&p)
	if len(p) > 0 {
		return m, &usageError{p}
	}
	var err error
	s.doku, err = doku.New(doku.Config{
		BaseURL: m.BaseURL, ClientID: m.ClientID, Secret: m.Secret, PrivateKey: m.Private, Proxy: m.Proxy,
		Timeout: m.Timeout, Slots: 2,
	})
	return m, err
}

func instance() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

func nonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) | 1 // never 0, which means none
}
