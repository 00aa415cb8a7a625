package main

import (
	"bytes"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

func TestAllChannelsArePausedAndResumed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	paused := func() (n int) {
		for _, c := range stream.Consumers(channel.All()) {
			consumer, err := b.as(t, "operator").Consumer(t.Context(), c.Stream, c.Config.Durable)
			if err != nil {
				t.Fatal(err)
			}
			if consumer.CachedInfo().Paused {
				n++
			}
		}
		return n
	}
	holds(t, b.operator(t, "pause", "all", "--for=2h").out, "paused all channels for the whole fleet, until ")
	if n := paused(); n != 16 {
		t.Errorf("%d consumers paused", n)
	}
	holds(t, b.operator(t, "resume", "credit_card").out, "resumed credit_card")
	if n := paused(); n != 14 {
		t.Errorf("%d consumers paused", n)
	}
	holds(t, b.operator(t, "resume", "all").out, "resumed all channels")
	if n := paused(); n != 0 {
		t.Errorf("%d consumers paused", n)
	}
}

func TestWithoutArgumentsTheCommandsAreShownByGroups(t *testing.T) {
	t.Parallel()
	var out, problems bytes.Buffer
	if status := run(t.Context(), nil, nil, &out, &problems); status != exitUsage || problems.String() != "" {
		t.Errorf("status %d, %s", status, problems.String())
	}
	holds(t, out.String(), "Look:", "Act on a refund:", "Act on queues:", "Look after the whole:", "unresolved", "consumer")
}
