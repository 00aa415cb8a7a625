package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
)

// Permissions that were made before there were notices. A denied publish looks
// like a timeout: messages that cannot be parsed must not take the channel's
// slots for it, nor be stored as dead letters again and again.
func TestWorkerThatMayPublishNoNoticesWorksAsAnyOther(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	s := restricted(t, "refunds.notices.>")
	url := strings.Replace(s.ClientURL(), "nats://", "nats://u:p@", 1)
	addr, log := freeAddr(t), &lines{}
	cfg := devstack.CardWorkerConfig(url, f.DOKUURL(), slog.New(slog.NewJSONHandler(log, nil)))
	cfg.Setup, cfg.HTTPAddr = true, addr
	cfg.Concurrency = 1 // if each waited for its time-out, a hundred would take many minutes
	w := f.StartWorker(context.WithoutCancel(t.Context()), cfg)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("worker ended with %v", err)
		}
	})
	readiness(t, addr, http.StatusOK, "ready")
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	const letters = 100
	for n := range letters {
		if _, err := js.Publish(t.Context(), "refunds.jobs.credit_card", fmt.Appendf(nil, "{%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "an empty queue", func() bool { return messages(t, js, stream.Jobs) == 0 })
	if n := messages(t, js, stream.Dead); n != letters {
		t.Errorf("%d dead letters", n)
	}
	readiness(t, addr, http.StatusOK, "producers are not told of dead letters")
	if !strings.Contains(log.String(), "refunds.notices.credit_card") {
		t.Errorf("the denial is not in the log: %s", log.String())
	}
	_, metrics := fetch(t, addr, "/metrics")
	if want := fmt.Sprintf(`refund_dead_letter_notices_lost_total{reason="unreadable"} %d`, letters); !strings.Contains(metrics, want) {
		t.Errorf("%s is not among the metrics", want)
	}
}

func messages(t *testing.T, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}
