package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// JetStream's codes for streams that cannot be created.
const (
	codeNoStorage      jetstream.ErrorCode = 10047
	codeSubjectOverlap jetstream.ErrorCode = 10065
	codeNotClustered   jetstream.ErrorCode = 10074
	codeSizeRequired   jetstream.ErrorCode = 10113
)

// askWithin bounds questions whose answer only makes a better choice or a better
// text, and which this user may not be allowed to ask.
const askWithin = 2 * time.Second

// LeastJobsBytes is the smallest size of REFUND_JOBS that is created.
const LeastJobsBytes = 1 << 20

// jobsShare is which part of a small storage REFUND_JOBS gets by itself. The
// records of a refund, which stay, take three times the room of a long job and
// eleven times that of a short one: of a queue with half of the storage most
// jobs could never be worked off.
const jobsShare = 16

// mostForJobs is the largest REFUND_JOBS for that much storage. Anyone who asks for
// a size of his own may have half.
func (s *setup) mostForJobs(storage int64) int64 {
	if s.JobsMaxBytes != 0 && s.JobsMaxBytes != DefaultJobsMaxBytes {
		return storage / 2
	}
	return max(storage/jobsShare, min(storage/2, LeastJobsBytes))
}

// leaveRoom makes REFUND_JOBS small enough for the account, which it would
// otherwise fill alone. An account that sets no limit has the server's, which
// nobody tells: see createSmaller.
func (s *setup) leaveRoom(ctx context.Context, cfg *jetstream.StreamConfig) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	account, err := s.js.AccountInfo(ctx)
	if err != nil {
		return // not allowed to ask
	}
	limit := account.Limits.MaxStore
	if tier, ok := account.Tiers[fmt.Sprintf("R%d", cfg.Replicas)]; ok {
		limit = tier.Limits.MaxStore
	} else if limit > 0 {
		limit /= int64(cfg.Replicas) // without tiers every replica counts
	}
	most := s.mostForJobs(limit)
	if limit <= 0 || cfg.MaxBytes <= most {
		return
	}
	s.warn("stream %s gets %d bytes instead of %d: this account has %d, and the rest is for records",
		cfg.Name, most, cfg.MaxBytes, limit)
	cfg.MaxBytes = most
}

// createSmaller finds a size that the server has storage for. The first that it
// accepts may be all that it has, so only a part of that is kept: the stream is
// a moment old, and shrinking one that discards new messages drops none.
func (s *setup) createSmaller(ctx context.Context, cfg *jetstream.StreamConfig) error {
	asked := cfg.MaxBytes
	_, err := s.js.CreateStream(ctx, *cfg)
	for apiCode(err) == codeNoStorage && cfg.MaxBytes/2 >= LeastJobsBytes {
		cfg.MaxBytes /= 2
		_, err = s.js.CreateStream(ctx, *cfg)
	}
	if err != nil {
		return err
	}
	part := *cfg
	part.MaxBytes = s.mostForJobs(cfg.MaxBytes)
	if _, err := s.js.UpdateStream(ctx, part); err != nil {
		s.warn("stream %s was created with %d bytes instead of %d, which may be all that the server has: "+
			"have an administrator make it smaller, or jobs can fill the storage that records need (%s)", cfg.Name, cfg.MaxBytes, asked, err)
		return nil
	}
	cfg.MaxBytes = part.MaxBytes
	s.warn("stream %s gets %d bytes instead of %d: the server has no more, and the rest is for records", cfg.Name, part.MaxBytes, asked)
	return nil
}

// explainOverlap names the stream that listens to subjects of ours. Without its
// name nobody knows what to change.
func (s *setup) explainOverlap(ctx context.Context, cfg jetstream.StreamConfig, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for _, ours := range cfg.Subjects {
		names := s.js.StreamNames(ctx, jetstream.WithStreamListSubject(ours))
		for name := range names.Name() {
			if name == cfg.Name {
				continue
			}
			theirs := s.overlapping(ctx, name, ours)
			return fmt.Errorf("%w: subject %s overlaps with subject %s of stream %s: change that stream's subjects, or give refunds a NATS account of their own: %w",
				ErrCannotSetUp, ours, theirs, name, cause)
		}
	}
	return fmt.Errorf("%w: another stream listens to subjects of %s (nats stream ls shows which): %w", ErrCannotSetUp, cfg.Name, cause)
}

// overlapping returns which subjects of a stream overlap with ours.
func (s *setup) overlapping(ctx context.Context, stream, ours string) string {
	found, err := s.js.Stream(ctx, stream)
	if err != nil {
		return "(not shown to this user)"
	}
	var subjects []string
	for _, theirs := range found.CachedInfo().Config.Subjects {
		if overlap(strings.Split(theirs, "."), strings.Split(ours, ".")) {
			subjects = append(subjects, theirs)
		}
	}
	return strings.Join(subjects, ", ")
}

// overlap reports whether a subject exists that both patterns match.
func overlap(a, b []string) bool {
	switch {
	case len(a) == 0 || len(b) == 0:
		return len(a) == len(b)
	case a[0] == ">" || b[0] == ">":
		return true
	case a[0] != b[0] && a[0] != "*" && b[0] != "*":
		return false
	}
	return overlap(a[1:], b[1:])
}

// apiCode returns the JetStream error code in err, or 0.
func apiCode(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}
