package stream_test

import (
	"errors"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// A denial holds for its channel and for a minute: permissions may be mended
// while the program runs.
func TestDeniedNoticeIsTriedAgainAfterAMinute(t *testing.T) {
	t.Parallel()
	js := newStreams(t)
	now := time.Now()
	permission := stream.NewNoticePermission(func() time.Time { return now })
	letters := stream.NewDeadLetters(js, stream.DeadLetterLimit(js.Conn(), 0)).Permitted(permission)
	if permission.Denied(`Permissions Violation for Publish to "refunds.dead.credit_card"`) {
		t.Error("a letter was taken for a notice")
	}
	if !permission.Denied(`nats: permissions violation: Permissions Violation for Publish to "refunds.notices.emoney_ovo"`) {
		t.Error("a notice was not known as one")
	}
	other := letter("{")
	other.Channel, other.Sequence = channel.EmoneyOVO, 43
	if err := letters.Publish(t.Context(), letter("{")); err != nil {
		t.Errorf("another channel's: %v", err)
	}
	if err := letters.Publish(t.Context(), other); !errors.Is(err, stream.ErrNotNoticed) {
		t.Errorf("err %v", err)
	}
	now = now.Add(time.Minute)
	if err := letters.Publish(t.Context(), other); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	if stream, err := js.Stream(t.Context(), stream.Dead); err != nil || stream.CachedInfo().State.Msgs != 4 {
		t.Errorf("err %v, not two letters with a notice each", err)
	}
}
