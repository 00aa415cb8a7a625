package operator

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// Replayed is what a replay led to.
type Replayed struct {
	Letter    uint64 `json:"letter"`
	Job       Shown  `json:"job"`
	Changed   bool   `json:"changed"`             // not the stored bytes
	Published uint64 `json:"published,omitempty"` // its sequence in REFUND_JOBS; 0: a dry run
	Known     string `json:"known,omitempty"`     // the state of the refund that has this very content already
}

// Replay publishes the job of a dead letter, as it was or changed. It does not
// publish what is not a job, a job under an id that belongs to other content, or a
// letter a second time under a second id: that would be a second refund. With dry
// it publishes and records nothing. Errors: [ErrNoLetter], [ErrTruncated],
// [ErrNoJob], [ErrUsedID], [ErrReplayed], [ErrDiscarded], [ErrBecause].
func (o Operator) Replay(ctx context.Context, sequence uint64, changes []Change, because string, dry bool) (Replayed, error) {
	if err := o.signed(because, !dry); err != nil {
		return Replayed{}, fmt.Errorf("replay letter %d: %w", sequence, err)
	}
	for {
		d, err := o.readDead(ctx)
		if err != nil {
			return Replayed{}, err
		}
		l, err := d.find(sequence)
		if err != nil {
			return Replayed{}, fmt.Errorf("replay: %w", err)
		}
		ch, body, err := l.job(changes)
		if err != nil {
			return Replayed{}, fmt.Errorf("replay letter %d: %w", sequence, err)
		}
		r, err := o.mayReplay(ctx, l, ch, body)
		if err != nil {
			return Replayed{}, fmt.Errorf("replay letter %d: %w", sequence, err)
		}
		r.Changed = len(changes) > 0
		if dry {
			return r, nil
		}
		// First the record: should this process die, the letter can be published
		// under this id again, and under no other.
		if l.Handled == nil {
			if err := o.record(ctx, d, l, replayed, r.Job.RefundID, because); moved(err) {
				continue
			} else if err != nil {
				return Replayed{}, err
			}
		}
		r.Published, err = o.publishJob(ctx, ch, body)
		return r, err
	}
}

// job is what would be published.
func (l DeadLetter) job(changes []Change) (channel.Channel, []byte, error) {
	if l.Truncated {
		return "", nil, ErrTruncated
	}
	ch, body := l.Channel, l.Body
	for _, c := range changes {
		if c.Field == "channel" {
			ch = channel.Channel(c.Value)
		}
	}
	if !ch.Valid() {
		return "", nil, fmt.Errorf("%w: channel: is none of the eight", ErrNoJob)
	}
	if len(changes) > 0 {
		var err error
		if body, err = change(body, changes); err != nil {
			return "", nil, err
		}
	}
	if problem := problemOf(jobs.Decode(ch, body)); problem != "" {
		return "", nil, fmt.Errorf("%w: %s", ErrNoJob, problem)
	}
	return ch, body, nil
}

// mayReplay refuses what would become a dead letter again, or paid a second time.
func (o Operator) mayReplay(ctx context.Context, l DeadLetter, ch channel.Channel, body []byte) (Replayed, error) {
	d := jobs.Decode(ch, body)
	id := d.Job.RefundID
	switch {
	case l.Handled != nil && l.Handled.Action == discarded:
		return Replayed{}, ErrDiscarded
	case l.Handled != nil && l.Handled.RefundID != id:
		return Replayed{}, fmt.Errorf("%w %s, by %s at %s; under %s it would be a second refund",
			ErrReplayed, l.Handled.RefundID, l.Handled.Operator, l.Handled.At.Format("2006-01-02 15:04:05Z"), id)
	}
	r := Replayed{Letter: l.Sequence, Job: ShowJob(ch, body)}
	last, err := o.cfg.Ledger.Last(ctx, id)
	if err != nil || last.Seq == 0 {
		return r, err
	}
	if !d.Repeats(last.Record.Fingerprint, last.Record.Rules) {
		return Replayed{}, fmt.Errorf("%s: %w: it is %s, of other content; if this refund is meant as well, give it an id of its own (--set refund_id=…)",
			id, ErrUsedID, last.Record.State)
	}
	r.Known = last.Record.State.String()
	return r, nil
}

// publishJob publishes without Nats-Msg-Id: the dead letter may have had the
// same one two minutes ago, and the server would swallow this.
func (o Operator) publishJob(ctx context.Context, ch channel.Channel, body []byte) (uint64, error) {
	msg := nats.NewMsg(jobs.JobSubject(ch))
	msg.Data = body
	ack, err := o.cfg.JS.PublishMsg(ctx, msg)
	if err != nil {
		return 0, fmt.Errorf("publish job: %w", err)
	}
	return ack.Sequence, nil
}
