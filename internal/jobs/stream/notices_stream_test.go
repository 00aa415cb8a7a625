package stream_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
)

func TestTheMirrorOfNoticesIsMadeOnceAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	_, js := newBroker(t, nil)
	for _, made := range []bool{true, false} {
		report, err := stream.SetupConfig{Owner: ours, NoticeStream: true}.Run(t.Context(), js)
		if err != nil || slices.Contains(report.Created, stream.Notices) != made {
			t.Errorf("created %q, %v", report.Created, err)
		}
	}
}

// Whoever may read the mirror would read dead letters, and customers' tokens with them.
func TestAMirrorThatShowsDeadLettersIsRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]jetstream.StreamConfig{
		"unfiltered":    {Mirror: &jetstream.StreamSource{Name: stream.Dead}},
		"other subject": {Mirror: &jetstream.StreamSource{Name: stream.Dead, FilterSubject: "refunds.dead.*"}},
		"no mirror":     {Subjects: []string{"anything"}},
	} {
		_, js := newBroker(t, nil)
		if _, err := setUp(t, js); err != nil {
			t.Fatal(err)
		}
		cfg.Name, cfg.AllowDirect = stream.Notices, true
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := (stream.SetupConfig{Owner: ours, NoticeStream: true}).Run(t.Context(), js); !errors.Is(err, stream.ErrCannotSetUp) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
