package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// state is what is known of one refund.
type state struct {
	RefundID    string          `json:"refund_id"`
	Channel     channel.Channel `json:"channel"`
	State       string          `json:"state"`
	Why         string          `json:"why,omitempty"` // reason of a wait, or the worker's error code
	Attempts    int32           `json:"attempts"`
	Since       time.Time       `json:"since"`
	NextAt      time.Time       `json:"next_at,omitzero"`
	Environment string          `json:"environment"`
	Result      json.RawMessage `json:"result"` // as in docs/contract.md; null: none yet
}

const (
	longestWait  = 60 * time.Second
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// refund is GET /v1/refunds/{id}. With wait it answers as soon as there is a result, or
// at the end of that time with what there is.
func (g *Gateway) refund(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !jobs.ValidRefundID(id) {
		return badQuery.of("refund_id", jobs.ErrRefundIDForm.Error())
	}
	patience, err := waitOf(r)
	if err != nil {
		return err
	}
	last, err := g.record(r.Context(), id)
	if patience > 0 && (err == nil && last.result == nil || errors.Is(err, stream.ErrNoRecord)) {
		// The server's own limit for an answer is shorter.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience + lookPatience))
		last, err = g.awaited(r.Context(), id, patience, last, err)
	}
	if errors.Is(err, stream.ErrNoRecord) {
		return &unknownRefund
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, stateOf(last))
}

// lookPatience is for the last look and the answer itself.
const lookPatience = 15 * time.Second

func waitOf(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > longestWait {
		return 0, badQuery.of("wait", "is no duration from 0s to 60s, such as 30s")
	}
	return d, nil
}

// awaited looks again and again until there is a result, patience ends or the request
// does. Where as many wait as may, it returns what is there.
func (g *Gateway) awaited(ctx context.Context, id string, patience time.Duration, last stored, err error) (stored, error) {
	select {
	case g.waits <- struct{}{}:
	default:
		return last, err
	}
	g.Metrics.Waits.Inc()
	defer func() { <-g.waits; g.Metrics.Waits.Dec() }()
	waiting, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		t := time.NewTimer(pause)
		select {
		case <-waiting.Done():
			t.Stop()
			return last, err
		case <-t.C:
		}
		now, failed := g.record(ctx, id)
		switch {
		case failed == nil && now.result != nil:
			return now, nil
		case failed == nil || errors.Is(failed, stream.ErrNoRecord):
			last, err = now, failed // else NATS is away for a moment
		}
	}
}

func stateOf(s stored) state {
	r := s.record
	view := state{
		RefundID: r.Job.RefundID, Channel: r.Job.Channel, State: r.State.String(), Why: r.Code.String(), Attempts: r.Sends,
		Since: r.At.Time(), Environment: r.Environment, Result: s.result,
	}
	if s.result == nil {
		view.NextAt = r.Due.Time()
	}
	return view
}
