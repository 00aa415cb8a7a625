package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/retry"
)

// looks is how many results are asked for at once.
const looks = 32

// waiter waits for the results of jobs: in rounds it asks for those that are
// missing, and prints what came in the order of the input.
type waiter struct {
	reader stream.DirectReader
	denied denials
	say    *console
	out    io.Writer
	pauses retry.Policy

	missing []pending      // in the order of the input
	index   map[string]int // into missing, by refund_id; good until the waiting begins
	counts  [deadLetter + 1]int
	notices *notices
	noted   map[string]bool // troubles that were printed
	err     error           // that ended the waiting
}

// pending is a refund_id and the jobs that asked for it, most often one.
type pending struct {
	id   string
	jobs []job
	body []byte // of its result; nil: none yet
	err  error  // of the last look
}

func newWaiter(say *console, out io.Writer) *waiter {
	return &waiter{
		say: say, out: out, index: map[string]int{}, noted: map[string]bool{}, notices: newNotices(),
		pauses: retry.Policy{Initial: 50 * time.Millisecond, Max: time.Second, Rand: rand.Float64},
	}
}

// add notes a job whose result to wait for.
func (w *waiter) add(j job) {
	j.body = nil // it may hold a token, and is not needed any more
	i, known := w.index[j.refundID]
	if !known {
		i = len(w.missing)
		w.index[j.refundID] = i
		w.missing = append(w.missing, pending{id: j.refundID})
	}
	w.missing[i].jobs = append(w.missing[i].jobs, j)
}

// wait prints results as they come until there are all, or ctx ends, or
// timeout does. It reports whether all jobs succeeded.
func (w *waiter) wait(ctx context.Context, timeout time.Duration) bool {
	within, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	go func() {
		select {
		case <-w.denied.of(results):
			stop()
		case <-within.Done():
		}
	}()
	w.heed()
	for n := 1; len(w.missing) > 0 && w.err == nil && within.Err() == nil; n++ {
		began := time.Now()
		w.round(within)
		w.pause(within, n, time.Since(began))
	}
	if w.err == nil {
		w.err = w.denied.err(results)
	}
	return w.report(errors.Is(within.Err(), context.DeadlineExceeded), timeout)
}

// round asks once for every missing result.
func (w *waiter) round(ctx context.Context) {
	next, asking := make(chan *pending), sync.WaitGroup{}
	for range min(looks, len(w.missing)) {
		asking.Go(func() {
			for r := range next {
				r.body, r.err = w.look(ctx, r.id)
			}
		})
	}
	for i := range w.missing {
		next <- &w.missing[i] // quickly, once ctx has ended
	}
	close(next)
	asking.Wait()
	missing := w.missing[:0]
	for _, r := range w.missing {
		if r.body == nil {
			w.trouble(ctx, r.err)
			missing = append(missing, r)
		} else if w.err == nil {
			w.print(r)
		}
	}
	w.missing = missing
}

func (w *waiter) look(ctx context.Context, refundID string) ([]byte, error) {
	msg, err := w.reader.Result(ctx, refundID)
	if err != nil {
		return nil, err
	}
	return msg.Data, nil
}

// pause grows from round to round, and is never shorter than the round was, so
// that many refunds keep NATS busy half the time at most.
func (w *waiter) pause(ctx context.Context, n int, took time.Duration) {
	if len(w.missing) == 0 || w.err != nil {
		return
	}
	over := time.After(max(took, w.pauses.Jittered(n)))
	for len(w.missing) > 0 {
		select {
		case <-w.notices.came:
			w.heed()
		case <-ctx.Done():
			return
		case <-over:
			return
		}
	}
}

// trouble tells once of each thing that keeps us from results; it may pass.
func (w *waiter) trouble(ctx context.Context, err error) {
	if errors.Is(err, stream.ErrNoResult) || ctx.Err() != nil {
		return
	}
	text := explainLook(err).Error()
	if !w.noted[text] {
		w.noted[text] = true
		w.say.line("still waiting for results: %s", text)
	}
}

func (w *waiter) print(r pending) {
	if _, err := fmt.Fprintf(w.out, "%s\n", printable.JSONLine(r.body)); err != nil {
		w.err = fmt.Errorf("print result: %w", err)
		return
	}
	for _, j := range r.jobs {
		if j.dead != "" {
			continue // counted, and not judged by another's result
		}
		v, err := judge(r.body, j)
		w.counts[v]++
		switch {
		case err != nil:
			w.say.line("%s: its result is not readable: %s", j, err)
		case v == others:
			w.say.line("%s: its refund_id belongs to other content: the result printed is not this job's", j)
		}
	}
}

func (w *waiter) report(late bool, timeout time.Duration) bool {
	without := 0
	for _, r := range w.missing {
		for _, j := range r.jobs {
			if j.dead == "" {
				without++
			}
			if late { // anyone who interrupts knows that there is more to come
				w.say.line("%s: no result within %s", j, timeout)
			}
		}
	}
	if w.err != nil {
		w.say.line("stopped waiting: %s", w.err)
	}
	bad := w.counts[notSucceeded] + w.counts[others] + w.counts[deadLetter]
	w.say.line("succeeded %d, not succeeded %d, without result %d", w.counts[succeeded], bad, without)
	return w.err == nil && bad+without == 0
}
