package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
)

// Upgrade says what to alter in streams that an older version has set up.
type Upgrade struct {
	JobsMaxBytes int64 // default [DefaultJobsMaxBytes]
	Owner        Owner // whose records the ledger holds; nobody: none is written
}

// Run gives REFUND_DEAD the notices' subject, REFUNDS its owner and REFUND_JOBS
// a size, each where it has none, and returns what it did. It alters streams,
// which only an administrator may. Nothing that it does drops a message, and to
// run it twice is harmless. [ErrCannotSetUp] is returned where REFUNDS names
// another owner.
func (c Upgrade) Run(ctx context.Context, js jetstream.JetStream) (done, warnings []string, err error) {
	if c.JobsMaxBytes == 0 {
		c.JobsMaxBytes = DefaultJobsMaxBytes
	}
	s := &setup{SetupConfig: SetupConfig{JobsMaxBytes: c.JobsMaxBytes}, js: js}
	for _, name := range []string{Refunds, Dead, Jobs} {
		stream, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // for setup to create
		}
		if err != nil {
			return done, s.report.Warnings, fmt.Errorf("upgrade stream %s: %w", name, err)
		}
		cfg := stream.CachedInfo().Config
		what, err := c.alter(ctx, s, &cfg)
		if err == nil && what != "" {
			_, err = js.UpdateStream(ctx, cfg)
		}
		if err != nil {
			return done, s.report.Warnings, fmt.Errorf("upgrade stream %s: %w", name, err)
		}
		if what != "" {
			done = append(done, name+" "+what)
		}
	}
	return done, s.report.Warnings, nil
}

// alter changes cfg and says what is new; "" where nothing is.
func (c Upgrade) alter(ctx context.Context, s *setup, cfg *jetstream.StreamConfig) (string, error) {
	switch {
	case cfg.Name == Refunds:
		return c.alterOwner(cfg)
	case cfg.Name == Dead && slices.Equal(cfg.Subjects, []string{jobs.DeadPrefix + "*"}):
		cfg.Subjects = append(cfg.Subjects, jobs.NoticeSubjects)
		return "takes notices of dead letters; workers publish them once they are restarted", nil
	case cfg.Name == Jobs && cfg.MaxBytes <= 0 && cfg.Discard == jetstream.DiscardNew:
		cfg.MaxBytes = c.JobsMaxBytes
		s.leaveRoom(ctx, cfg)
		return fmt.Sprintf("has a size of %d bytes", cfg.MaxBytes), nil
	}
	return "", nil
}

func (c Upgrade) alterOwner(cfg *jetstream.StreamConfig) (string, error) {
	switch named := ownerOf(*cfg); {
	case c.Owner.IsZero() || named == c.Owner:
		return "", nil
	case !named.IsZero():
		return "", fmt.Errorf("%w: it belongs to %s, not to %s", ErrCannotSetUp, named, c.Owner)
	}
	c.Owner.mark(cfg)
	return "belongs to " + c.Owner.String(), nil
}
