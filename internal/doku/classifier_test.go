package doku

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

// judged is one answer as the server gives it, and what it was an answer to.
type judged struct {
	name   string
	order  Order
	answer func(http.ResponseWriter, *http.Request)
}

func judgedAnswers() []judged {
	plain := func(status int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	return []judged{
		{"card, signed", cardOrder(), func(w http.ResponseWriter, r *http.Request) { answerSigned(w, r, 200, cardSuccessBody) }},
		{"card, replayed", cardOrder(), plain(409, cardSuccessBody)},
		{"card, unsigned", cardOrder(), plain(200, cardSuccessBody)},
		{"card, throttled", cardOrder(), plain(429, `{"error":{"code":"TOO_MANY_REQUESTS"}}`)},
		{"card, page", cardOrder(), plain(502, `<html>`)},
		{"card, not found", cardOrder(), plain(404, `{"error":{"code":"DATA_NOT_FOUND"}}`)},
		{"snap, done", snapOrder(), plain(200, snapSuccessBody)},
		{"snap, refused", snapOrder(), plain(404, `{"responseCode":"4040713"}`)},
		{"snap, page", snapOrder(), plain(500, `<html>`)},
	}
}

func TestJudgeSaysWhatTheClientSays(t *testing.T) {
	t.Parallel()
	for _, c := range judgedAnswers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var seen *httptest.ResponseRecorder
			var asked string
			server := snapServer(t, func(w http.ResponseWriter, r *http.Request) {
				seen, asked = httptest.NewRecorder(), r.Header.Get("Request-Id")
				c.answer(seen, r)
				c.answer(w, r)
			})
			client := newTestClient(t, server.URL)
			prepare(t, client)
			judge := NewClassifier(testClientID, secret.New(testKey))
			recorded := func() Answer {
				return Answer{Ending: EndWhole, Status: seen.Code, Header: seen.Header(), Body: seen.Body.Bytes(), At: time.Now()}
			}

			c.order.SendBy = time.Now().Add(time.Minute) // other tests may have kept this one waiting
			want, got := client.Refund(t.Context(), c.order), judge.Refund(c.order, recorded())
			wantVerdict(t, got, want.Class, want.Cause)
			if got.Evidence != want.Evidence || got.RetryAfter != want.RetryAfter || got.Response.Code != want.Response.Code {
				t.Errorf("judge: %+v, client: %+v", got, want)
			}
			prepare(t, client)
			found := client.Inquire(t.Context(), c.order)
			if said := judge.Inquiry(c.order, asked, recorded()); said.Finding != found.Finding || said.Cause != found.Cause {
				t.Errorf("judge: %+v, client: %+v", said, found)
			}
		})
	}
}

func TestJudgeKnowsHowACallEnds(t *testing.T) {
	t.Parallel()
	judge := NewClassifier(testClientID, secret.New(testKey))
	for ending, want := range map[Ending]RefundOutcome{
		EndNoAnswer: {Class: Unknown, Cause: Failing},
		EndCut:      {Class: Unknown, Cause: Failing},
		EndUnsent:   {Class: NotExecuted, Cause: NotWritten},
		EndTooLate:  {Class: NotExecuted, Cause: TooLate},
	} {
		for _, o := range []Order{cardOrder(), snapOrder()} {
			body := []byte(map[channel.Family]string{channel.Card: cardSuccessBody, channel.SNAP: snapSuccessBody}[o.Channel.Facts().Family])
			wantVerdict(t, judge.Refund(o, Answer{Ending: ending, Status: 200, Body: body}), want.Class, want.Cause)
		}
	}
}

func TestJudgeReadsTokens(t *testing.T) {
	t.Parallel()
	asked := time.Unix(1_800_000_000, 0)
	judge := NewClassifier(testClientID, secret.New(testKey))
	until, failed := judge.Token(asked, Answer{Ending: EndWhole, Status: 200, Body: []byte(tokenSuccessBody)})
	if failed != nil || until != asked.Add(900*time.Second-tokenMargin) {
		t.Errorf("until %v, %v", until, failed)
	}
	if _, failed = judge.Token(asked, Answer{Ending: EndWhole, Status: 429}); failed == nil || failed.Cause != Throttled {
		t.Errorf("429: %v", failed)
	}
	if _, failed = judge.Token(asked, Answer{Ending: EndUnsent}); failed == nil || failed.Cause != NotWritten {
		t.Errorf("unsent: %v", failed)
	}
}
