package operator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/refund"
)

// Inquirer asks DOKU what became of a refund; it moves no money.
type Inquirer interface {
	Inquire(ctx context.Context, o doku.Order) doku.InquiryOutcome
}

// Config is what an [Operator] works with. Asker is needed by Inquire alone,
// ClientID and Environment where a record is begun.
type Config struct {
	Inquirer    Inquirer
	ClientID    string
	Environment string
	Instance    string // names this process in records; no two may share it
	JS          jetstream.JetStream
	Ledger      *ledger.Ledger
	Name        string // who acts, as it is to stand in the ledger
	Nonce       func() uint64
	Now         func() time.Time
	Policy      refund.Policy
}

// Operator carries out what a person asks for. It is safe for concurrent use.
type Operator struct {
	cfg    Config
	stamps *atomic.Uint64
}

// New returns an operator.
func New(cfg Config) Operator { return Operator{cfg: cfg, stamps: &atomic.Uint64{}} }

// ActionResult is what an action led to.
type ActionResult struct {
	Before ledger.Entry // Seq 0: there was no record
	After  ledger.Entry // what stands in the ledger now
}

// longest words of an operator's that are kept, in characters, as a job's own
// reason has them.
const maxReason = 255

// checkReason refuses words that may not be kept forever: they end in results,
// in headers and on screens.
func checkReason(text string) error {
	switch {
	case len([]rune(text)) > maxReason:
		return fmt.Errorf("%w: longer than %d characters", ErrBecause, maxReason)
	case printable.Text(text) != text:
		return fmt.Errorf("%w: holds what cannot be printed", ErrBecause)
	case jobs.HoldsCardNumber(text):
		return fmt.Errorf("%w: holds a card number", ErrBecause)
	}
	return nil
}

// signed checks who acts and why.
func (o Operator) signed(because string, needed bool) error {
	if strings.TrimSpace(o.cfg.Name) == "" {
		return ErrOperator
	}
	if needed && strings.TrimSpace(because) == "" {
		return fmt.Errorf("%w: must be given", ErrBecause)
	}
	if err := checkReason(o.cfg.Name); err != nil {
		return fmt.Errorf("operator's name: %w", err)
	}
	return checkReason(because)
}

// stamp makes every record of every process different from all others.
func (o Operator) stamp() string {
	return fmt.Sprintf("%s%s-%d", writer, o.cfg.Instance, o.stamps.Add(1))
}

// randomName tells this program's readers from those of others.
func randomName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// writer begins the name of the process in every record that an operator wrote.
const writer = "refundctl-"

// ByOperator reports whether an operator wrote the record. Later records repeat
// his name and words, as they repeat everything.
func ByOperator(r refund.Record) bool { return strings.HasPrefix(r.By, writer) }
