package worker

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVerdictsProveWhatTheyProveAndNothingElse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verdict doku.RefundOutcome
		want    refund.Answer
	}{
		"zero value":             {doku.RefundOutcome{}, refund.NoProof},
		"a class from elsewhere": {doku.RefundOutcome{Class: 99}, refund.NoProof},
		"unknown":                {doku.RefundOutcome{Class: doku.Unknown, Evidence: doku.ByReplay}, refund.NoProof},
		"in progress":            {doku.RefundOutcome{Class: doku.InProgress}, refund.NoProof},
		"success":                {doku.RefundOutcome{Class: doku.Succeeded, Evidence: doku.ByResponse}, refund.Success},
		"success replayed":       {doku.RefundOutcome{Class: doku.Succeeded, Evidence: doku.ByReplay}, refund.Success},
		"no":                     {doku.RefundOutcome{Class: doku.Failed, Evidence: doku.ByResponse}, refund.DefiniteNo},
		"no replayed":            {doku.RefundOutcome{Class: doku.Failed, Evidence: doku.ByReplay}, refund.DefiniteNo},
		"429":                    {doku.RefundOutcome{Class: doku.NotExecuted, Cause: doku.Throttled}, refund.NotExecuted},
		"nothing written":        {doku.RefundOutcome{Class: doku.NotExecuted, Cause: doku.NotWritten}, refund.NotExecuted},
		"refusal replayed":       {doku.RefundOutcome{Class: doku.NotExecuted, Cause: doku.Throttled, Evidence: doku.ByReplay}, refund.ReplayedRefusal},
		"customer token":         {doku.RefundOutcome{Class: doku.NotExecuted, Cause: doku.CustomerToken}, refund.CustomerTokenRefused},
		"collision":              {doku.RefundOutcome{Class: doku.Unknown, Cause: doku.Collision}, refund.Collision},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Answer(tt.verdict); got != tt.want {
				t.Errorf("answer = %d, want %d", got, tt.want)
			}
		})
	}
	for finding := range doku.NotFoundNoHistory + 2 {
		if want := refund.Finding(finding); finding <= doku.NotFoundNoHistory && findings[finding] != want {
			t.Errorf("%s became %d, want %d", finding, findings[finding], want)
		}
	}
	if findings[doku.NotFoundNoHistory+1] != refund.NoAnswer {
		t.Error("a finding from elsewhere proves something")
	}
}

func TestEveryAnswerHasItsMetricLabel(t *testing.T) {
	t.Parallel()
	for a := refund.NoProof; a <= refund.Collision; a++ {
		if attemptOutcomes[a] == "" {
			t.Errorf("answer %d has no label", a)
		}
	}
	for f := refund.NoAnswer; f <= refund.NotFoundNoHistory; f++ {
		if inquiryOutcomes[f] == "" {
			t.Errorf("finding %d has no label", f)
		}
	}
}

func TestForeignTextsAreMadeFitForARecord(t *testing.T) {
	t.Parallel()
	got := clean("a\r\nb\x00\xff" + strings.Repeat("é", longestSaid))
	if strings.ContainsAny(got, "\r\n\x00") || !utf8.ValidString(got) || len(got) > longestSaid {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if s := Said(doku.Said{}); s != nil {
		t.Errorf("no answer said %+v", s)
	}
}

func TestCallsSayWhatTheyShowOfTheChannel(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		got, want retry.Outcome
	}{
		"429":         {Report(doku.Throttled, time.Second, 429), retry.Throttled(time.Second)},
		"401":         {Report(doku.Credentials, 0, 401), retry.Unauthorized()},
		"unreachable": {Report(doku.NotWritten, 0, 0), retry.Unreachable()},
		"500":         {Report(doku.Plain, 0, 500), retry.Failing(0)},
		"502, later":  {Report(doku.Failing, time.Minute, 502), retry.Failing(time.Minute)},
		"maintenance": {Report(doku.Unavailable, 0, 503), retry.Failing(0)},
		"firewall":    {Report(doku.Failing, 0, 403), retry.Failing(0)},
		"page":        {Report(doku.Failing, 0, 200), retry.Failing(0)},
		"no answer":   {Report(doku.Plain, 0, 0), retry.Failing(0)},
		"no token":    {Report(doku.Unavailable, 0, 0), retry.Failing(0)},
		"success":     {Report(doku.Plain, 0, 200), retry.OK()},
		"refusal":     {Report(doku.Plain, 0, 404), retry.OK()},
		"collision":   {Report(doku.Collision, 0, 409), retry.OK()},
		"not now":     {Report(doku.Unavailable, 0, 403), retry.OK()},
		"customer":    {Report(doku.CustomerToken, 0, 401), retry.OK()},
		"token lost":  {Report(doku.NoToken, 0, 0), retry.Neutral()},
		"too late":    {Report(doku.TooLate, 0, 0), retry.Neutral()},
		"no socket":   {Report(doku.NoSocket, 0, 0), retry.Neutral()},
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
	refused := doku.RefundOutcome{
		Class: doku.NotExecuted, Cause: doku.Credentials, Response: doku.Said{HTTPStatus: 401, Code: "4010700"},
	}
	pace := Delays{Retry: retry.Policy{Initial: time.Second, Max: time.Minute}, Breaker: retry.NewBreaker(retry.BreakerConfig{}), Now: time.Now}
	if d := pace.After(refused); d != 0 {
		t.Errorf("the first refusal is followed after %s, want at once", d)
	}
	pace.Before = Said(refused.Response)
	if d := pace.After(refused); d < pace.Retry.Initial/2 {
		t.Errorf("the second in a row is followed after %s", d)
	}
	pace.Before = &refund.Response{HTTPStatus: 429, Code: "4290700"}
	if d := pace.After(refused); d != 0 {
		t.Errorf("a refusal after another answer is followed after %s, want at once", d)
	}
}

func TestNoJobIsTakenWhileAnAnswerIsHeld(t *testing.T) {
	t.Parallel()
	var h unstored
	if err := h.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.add(1)
	h.shut()
	h.add(1)
	h.shut()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.wait(ctx); err == nil {
		t.Fatal("the gate was open with two answers in hand")
	}
	opened := make(chan error, 1)
	go func() { opened <- h.wait(t.Context()) }()
	h.open() // one of them is stored: so will the other be
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	if h.add(-1) != 1 {
		t.Fatal("one answer is still in hand")
	}
	h.shut() // it could not be stored after all
	go func() { opened <- h.wait(t.Context()) }()
	h.add(-1)
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	h.shut()
	if err := h.wait(t.Context()); err != nil {
		t.Fatal("the gate is shut for an answer that nobody holds")
	}
}

func TestOneHandlingARefund(t *testing.T) {
	t.Parallel()
	w := inFlight{ids: map[string]struct{}{}}
	if !w.begin("rf-1") || w.begin("rf-1") || !w.begin("rf-2") {
		t.Error("two handlings have one refund, or one keeps another out")
	}
	w.end("rf-1")
	if !w.begin("rf-1") {
		t.Error("a refund is never let go")
	}
}
