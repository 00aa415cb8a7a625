package doku

import (
	"testing"
	"time"

	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

func TestOutcomesProveWhatTheyProveAndNothingElse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		outcome RefundOutcome
		want    refund.Answer
	}{
		"zero value":             {RefundOutcome{}, refund.NoProof},
		"a class from elsewhere": {RefundOutcome{Class: 99}, refund.NoProof},
		"unknown":                {RefundOutcome{Class: Unknown, Evidence: refund.ByReplay}, refund.NoProof},
		"in progress":            {RefundOutcome{Class: InProgress}, refund.NoProof},
		"success":                {RefundOutcome{Class: Succeeded, Evidence: refund.ByResponse}, refund.Success},
		"success replayed":       {RefundOutcome{Class: Succeeded, Evidence: refund.ByReplay}, refund.Success},
		"no":                     {RefundOutcome{Class: Failed, Evidence: refund.ByResponse}, refund.DefiniteNo},
		"no replayed":            {RefundOutcome{Class: Failed, Evidence: refund.ByReplay}, refund.DefiniteNo},
		"429":                    {RefundOutcome{Class: NotExecuted, Cause: Throttled}, refund.NotExecuted},
		"nothing written":        {RefundOutcome{Class: NotExecuted, Cause: NotWritten}, refund.NotExecuted},
		"refusal replayed":       {RefundOutcome{Class: NotExecuted, Cause: Throttled, Evidence: refund.ByReplay}, refund.ReplayedRefusal},
		"customer token":         {RefundOutcome{Class: NotExecuted, Cause: CustomerToken}, refund.CustomerTokenRefused},
		"collision":              {RefundOutcome{Class: Unknown, Cause: Collision}, refund.Collision},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.outcome.Answer(); got != tt.want {
				t.Errorf("answer = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestCallsSayWhatTheyShowOfTheChannel(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		got, want retry.Outcome
	}{
		"429":         {channelOutcome(Throttled, time.Second, 429), retry.Throttled(time.Second)},
		"401":         {channelOutcome(Credentials, 0, 401), retry.Unauthorized()},
		"unreachable": {channelOutcome(NotWritten, 0, 0), retry.Unreachable()},
		"500":         {channelOutcome(Plain, 0, 500), retry.Failing(0)},
		"502, later":  {channelOutcome(Failing, time.Minute, 502), retry.Failing(time.Minute)},
		"maintenance": {channelOutcome(Unavailable, 0, 503), retry.Failing(0)},
		"firewall":    {channelOutcome(Failing, 0, 403), retry.Failing(0)},
		"page":        {channelOutcome(Failing, 0, 200), retry.Failing(0)},
		"no answer":   {channelOutcome(Plain, 0, 0), retry.Failing(0)},
		"no token":    {channelOutcome(Unavailable, 0, 0), retry.Failing(0)},
		"success":     {channelOutcome(Plain, 0, 200), retry.OK()},
		"refusal":     {channelOutcome(Plain, 0, 404), retry.OK()},
		"collision":   {channelOutcome(Collision, 0, 409), retry.OK()},
		"not now":     {channelOutcome(Unavailable, 0, 403), retry.OK()},
		"customer":    {channelOutcome(CustomerToken, 0, 401), retry.OK()},
		"token lost":  {channelOutcome(NoToken, 0, 0), retry.Neutral()},
		"too late":    {channelOutcome(TooLate, 0, 0), retry.Neutral()},
		"no socket":   {channelOutcome(NoSocket, 0, 0), retry.Neutral()},
	}
	for name, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, tt.got, tt.want)
		}
	}
}

// On a busy channel others are served between two refusals, so that no breaker
// opens: only the refund's own delays keep it from being sent without a pause.
func TestRefundThatIsRefusedByItselfIsNotRepeatedAtOnceForEver(t *testing.T) {
	t.Parallel()
	refused := RefundOutcome{
		Class: NotExecuted, Cause: Credentials, Response: refund.Response{HTTPStatus: 401, Code: "4010700"},
	}
	delays := retry.Delays{
		Policy: retry.Policy{Initial: time.Second, Max: time.Minute}, Breaker: retry.NewBreaker(retry.BreakerConfig{}), Now: time.Now,
	}
	if d := refused.Delay(delays, nil); d != 0 {
		t.Errorf("the first refusal is followed after %s, want at once", d)
	}
	if d := refused.Delay(delays, &refused.Response); d < delays.Policy.Initial/2 {
		t.Errorf("the second in a row is followed after %s", d)
	}
	if d := refused.Delay(delays, &refund.Response{HTTPStatus: 429, Code: "4290700"}); d != 0 {
		t.Errorf("a refusal after another answer is followed after %s, want at once", d)
	}
}
