package main

import (
	"sync"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// mostNotices is how many notices are kept. Those of other producers' messages
// come here too.
const mostNotices = 1 << 16

// notices are those of dead letters that came since the subscription began, by
// the sequence of the message in REFUND_JOBS. They are a hint, which shows at
// once what a missing result would show at the end of --timeout: anyone who may not
// subscribe loses the hint and nothing else.
type notices struct {
	mu   sync.Mutex
	seen map[uint64]stream.DeadReason
	came chan struct{} // holds one token while there is something new
}

func newNotices() *notices {
	return &notices{seen: map[uint64]stream.DeadReason{}, came: make(chan struct{}, 1)}
}

// listen subscribes. It has to be called before the first job is published.
func (n *notices) listen(nc *nats.Conn) {
	_, _ = nc.Subscribe(jobs.NoticeSubjects, func(msg *nats.Msg) { n.note(msg.Data) })
}

func (n *notices) note(body []byte) {
	notice, err := stream.DecodeNotice(body)
	if err != nil || notice.Stream != stream.Jobs {
		return
	}
	n.mu.Lock()
	if len(n.seen) < mostNotices {
		n.seen[notice.Sequence] = notice.Reason
	}
	n.mu.Unlock()
	select {
	case n.came <- struct{}{}:
	default:
	}
}

// of returns why the message with that sequence became a dead letter; "" where
// no notice says that it did.
func (n *notices) of(sequence uint64) stream.DeadReason {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[sequence]
}

// heed tells of every job that became a dead letter, and waits no longer for a
// refund that can get no result from any of its jobs.
func (w *waiter) heed() {
	missing := w.missing[:0]
	for _, r := range w.missing {
		hopeless := true
		for i := range r.jobs {
			hopeless = w.heedJob(&r.jobs[i]) && hopeless
		}
		if !hopeless {
			missing = append(missing, r)
		}
	}
	w.missing = missing
}

// heedJob reports whether the job can lead to no result. One whose refund_id
// belongs to other content still leads to that refund's.
func (w *waiter) heedJob(j *job) (hopeless bool) {
	if j.dead == "" {
		if j.dead = w.notices.of(j.sequence); j.dead == "" {
			return false
		}
		w.counts[deadLetter]++
		w.say.line("%s: became a dead letter: %s", j, deadTexts[j.dead])
	}
	return j.dead != stream.DeadRefundIDConflict
}

// deadTexts say what the reasons mean; an unknown reason is shown as nothing
// more than a dead letter.
var deadTexts = map[stream.DeadReason]string{
	stream.DeadUnreadable:       string(stream.DeadUnreadable) + ": the worker cannot read its refund_id",
	stream.DeadRefundIDConflict: string(stream.DeadRefundIDConflict) + ": its refund_id belongs to other content, whose result is waited for",
}
