package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Owner is the merchant and environment that a set of streams belongs to. It is
// written into the metadata of REFUNDS when that is created: of two workers of
// different merchants that set up an empty server at once, the server lets one
// create the stream, and the other finds its name there.
type Owner struct {
	ClientID    string
	Environment string // production, sandbox or simulator
}

// What the metadata of REFUNDS holds.
const (
	metaClientID    = "client_id"
	metaEnvironment = "environment"
	metaNewLedger   = "new_ledger" // an administrator confirms that the previous ledger is lost
)

// IsZero reports whether nobody is named.
func (o Owner) IsZero() bool { return o == Owner{} }

// String names both, as error texts show them.
func (o Owner) String() string { return fmt.Sprintf("client id %q in %q", o.ClientID, o.Environment) }

// ownerOf reads the metadata of REFUNDS; the zero value where it names nobody.
func ownerOf(cfg jetstream.StreamConfig) Owner {
	return Owner{cfg.Metadata[metaClientID], cfg.Metadata[metaEnvironment]}
}

// NamedOwner reads whom the metadata of REFUNDS names; nobody where an older
// version created it, or there is none.
func NamedOwner(ctx context.Context, js jetstream.JetStream) (Owner, error) {
	stream, err := js.Stream(ctx, Refunds)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Owner{}, nil
	}
	if err != nil {
		return Owner{}, fmt.Errorf("look at stream %s: %w", Refunds, err)
	}
	return ownerOf(stream.CachedInfo().Config), nil
}

// mark writes the owner into a configuration's metadata.
func (o Owner) mark(cfg *jetstream.StreamConfig) {
	if o.IsZero() {
		return
	}
	setMetadata(cfg, metaClientID, o.ClientID)
	setMetadata(cfg, metaEnvironment, o.Environment)
}

func setMetadata(cfg *jetstream.StreamConfig, key, value string) {
	if cfg.Metadata == nil {
		cfg.Metadata = map[string]string{}
	}
	cfg.Metadata[key] = value
}
