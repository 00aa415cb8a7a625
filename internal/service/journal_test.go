package service_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// entry is one message of the stream REFUNDS.
type entry struct {
	refund.Record

	seq    uint64
	stored time.Time
	header nats.Header
	body   []byte
}

// journal is the stream REFUNDS as a consumer outside of the worker reads it.
type journal struct {
	js jetstream.JetStream

	mu      sync.Mutex
	last    uint64
	byID    map[string][]entry
	results []entry
	broken  []string
	changed chan struct{} // closed and replaced with every entry
}

func openJournal(t *testing.T, js jetstream.JetStream) *journal {
	t.Helper()
	j := &journal{js: js, byID: map[string][]entry{}, changed: make(chan struct{})}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var reading sync.WaitGroup
	reading.Go(func() { j.run(ctx) })
	t.Cleanup(func() {
		stop()
		reading.Wait()
		for _, problem := range j.broken {
			t.Error(problem)
		}
	})
	return j
}

// run reads on after every trouble: the server is stopped and started under it.
func (j *journal) run(ctx context.Context) {
	for ctx.Err() == nil {
		j.read(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (j *journal) read(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := j.js.OrderedConsumer(asking, stream.Refunds, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: j.last + 1, MaxResetAttempts: 1,
	})
	if err != nil {
		return
	}
	msgs, err := c.Messages(jetstream.PullExpiry(4*time.Second), jetstream.PullHeartbeat(2*time.Second))
	if err != nil {
		return
	}
	defer msgs.Stop()
	defer context.AfterFunc(ctx, msgs.Stop)()
	for {
		msg, err := msgs.Next()
		if err != nil {
			return
		}
		j.add(msg)
	}
}

func (j *journal) add(msg jetstream.Msg) {
	j.mu.Lock()
	defer j.mu.Unlock()
	meta, err := msg.Metadata()
	if err != nil || meta.Sequence.Stream <= j.last {
		return
	}
	e := entry{seq: meta.Sequence.Stream, stored: meta.Timestamp, header: msg.Headers(), body: msg.Data()}
	text := msg.Data()
	if record := msg.Headers().Get("Refund-Record"); record != "" {
		text = []byte(record)
	}
	if err := json.Unmarshal(text, &e.Record); err != nil {
		j.broken = append(j.broken, msg.Subject()+": "+err.Error())
	}
	tokens := strings.Split(msg.Subject(), ".")
	if tokens[2] != string(e.Job.Channel) || tokens[3] != e.State.String() || tokens[4] != e.Job.RefundID {
		j.broken = append(j.broken, msg.Subject()+" holds a record of another refund, channel or state")
	}
	j.last = e.seq
	j.byID[e.Job.RefundID] = append(j.byID[e.Job.RefundID], e)
	if e.State.Result() {
		j.results = append(j.results, e)
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// of returns what is known of a refund, oldest first, and a channel that is
// closed when more is known of any.
func (j *journal) of(id string) ([]entry, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]entry(nil), j.byID[id]...), j.changed
}

// ended returns all results in their order.
func (j *journal) ended() ([]entry, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]entry(nil), j.results...), j.changed
}

// until waits for the first record of the refund that fits.
func (j *journal) until(t *testing.T, id, what string, fits func(entry) bool) entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	for {
		entries, changed := j.of(id)
		for _, e := range entries {
			if fits(e) {
				return e
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: %s never came; it has %s", id, what, path(entries))
		}
	}
}

// state waits for the first record of that state.
func (j *journal) state(t *testing.T, id string, s refund.State) entry {
	t.Helper()
	return j.until(t, id, s.String(), func(e entry) bool { return e.State == s })
}

// result waits for the refund's first result event.
func (j *journal) result(t *testing.T, id string) jobs.Result {
	t.Helper()
	return j.until(t, id, "a result", func(e entry) bool { return e.State.Result() }).result(t)
}

func (e entry) result(t *testing.T) jobs.Result {
	t.Helper()
	r, err := jobs.DecodeResult(e.body)
	if err != nil {
		t.Fatalf("%v\n%s", err, e.body)
	}
	return r
}

// waitResults waits until there are n results, and returns them in their order.
func (j *journal) waitResults(t *testing.T, n int) []entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	for {
		results, changed := j.ended()
		if len(results) >= n {
			return results
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d results of %d", len(results), n)
		}
	}
}

// path names the states of a refund's records, each run of one state once. That
// a refund waited for the channel's breaker, which the faults of others had
// opened, is left out.
func path(entries []entry) string {
	var names []string
	for _, e := range entries {
		if e.State == refund.Waiting && e.Code == refund.CodeNotReady {
			continue
		}
		if name := e.State.String(); len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}
