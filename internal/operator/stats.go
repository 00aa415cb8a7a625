package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// forever is until when a pause without an end lasts: the server wants a time.
var forever = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)

// Pause stops a channel for the whole fleet: no job and no wait that fires is
// delivered until then (zero: until [Operator.Resume]). What workers have in
// hand is finished. It stands in JetStream and survives every restart.
func (o Operator) Pause(ctx context.Context, ch channel.Channel, until time.Time) error {
	if until.IsZero() {
		until = forever
	}
	for _, c := range stream.Consumers([]channel.Channel{ch}) {
		if _, err := o.cfg.JS.PauseConsumer(ctx, c.Stream, c.Config.Durable, until); err != nil {
			return fmt.Errorf("pause consumer %s: %w", c.Config.Durable, err)
		}
	}
	return nil
}

// Resume ends a pause. A channel that is not paused is not an error.
func (o Operator) Resume(ctx context.Context, ch channel.Channel) error {
	for _, c := range stream.Consumers([]channel.Channel{ch}) {
		if _, err := o.cfg.JS.ResumeConsumer(ctx, c.Stream, c.Config.Durable); err != nil {
			return fmt.Errorf("resume consumer %s: %w", c.Config.Durable, err)
		}
	}
	return nil
}

// ChannelStats is what stands in the queues of one channel, and how its refunds
// ended.
type ChannelStats struct {
	Channel    channel.Channel `json:"channel"`
	Queued     uint64          `json:"queued"`  // jobs that no worker has taken yet
	InHand     int             `json:"in_hand"` // messages that workers have
	Due        uint64          `json:"due"`     // waits that fired and nobody has taken yet
	Waiting    int             `json:"waiting"` // waits stored
	Paused     bool            `json:"paused"`
	PausedFor  string          `json:"paused_for,omitempty"` // how long yet; empty: until it is resumed
	Succeeded  int             `json:"succeeded"`
	Failed     int             `json:"failed"`
	Rejected   int             `json:"rejected"`
	Unresolved int             `json:"unresolved"` // that nobody has settled yet
}

// Stats counts. No record is read but those of unresolved refunds.
func (o Operator) Stats(ctx context.Context) ([]ChannelStats, error) {
	var all []ChannelStats
	for _, ch := range channel.All() {
		s, err := o.channelStats(ctx, ch)
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", ch, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (o Operator) channelStats(ctx context.Context, ch channel.Channel) (ChannelStats, error) {
	s := ChannelStats{Channel: ch}
	if err := o.queues(ctx, &s); err != nil {
		return s, err
	}
	var errs [5]error
	s.Waiting, errs[0] = o.cfg.Ledger.CountWaits(ctx, ch)
	s.Succeeded, errs[1] = o.cfg.Ledger.CountRefunds(ctx, ch, refund.Succeeded.String())
	s.Failed, errs[2] = o.cfg.Ledger.CountRefunds(ctx, ch, refund.Failed.String())
	s.Rejected, errs[3] = o.cfg.Ledger.CountRefunds(ctx, ch, refund.Rejected.String())
	unresolved, err := o.List(ctx, Filter{State: refund.Unresolved.String(), Channel: ch})
	s.Unresolved, errs[4] = len(unresolved.Refunds), err
	return s, errors.Join(errs[:]...)
}

// queues reads both consumers of the channel.
func (o Operator) queues(ctx context.Context, s *ChannelStats) error {
	for _, c := range stream.Consumers([]channel.Channel{s.Channel}) {
		consumer, err := o.cfg.JS.Consumer(ctx, c.Stream, c.Config.Durable)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue // `doctor` says so
		}
		if err != nil {
			return fmt.Errorf("look at consumer %s: %w", c.Config.Durable, err)
		}
		info := consumer.CachedInfo()
		if c.Stream == stream.Jobs {
			s.Queued = info.NumPending
		} else {
			s.Due = info.NumPending
		}
		s.InHand += info.NumAckPending
		if info.Paused {
			s.Paused = true
			if info.PauseRemaining < 365*24*time.Hour {
				s.PausedFor = info.PauseRemaining.Round(time.Second).String()
			}
		}
	}
	return nil
}
