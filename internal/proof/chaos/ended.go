//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// Ended counts the refunds that have a result, by asking the server for the
// subjects of the results.
func (s *Stack) Ended(ctx context.Context) (int, error) {
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("refunds.results.>"))
	if err != nil {
		return 0, err
	}
	ids := make(map[string]struct{}, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		if _, _, id, err := jobs.ParseResultSubject(subject); err == nil {
			ids[id] = struct{}{}
		}
	}
	return len(ids), nil
}

var errOpen = errors.New("refunds have no result yet")

// WaitEnded waits until so many refunds have a result.
func (s *Stack) WaitEnded(ctx context.Context, want int) error {
	return until(ctx, func() error {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		n, err := s.Ended(once)
		if err == nil && n < want {
			err = fmt.Errorf("%w: %d of %d", errOpen, want-n, want)
		}
		return err
	})
}
