package doku

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	json "github.com/go-json-experiment/json"

	"refundworker/internal/retry"
)

// read takes the whole answer, or tells why it cannot.
func read(res *http.Response) reply {
	r := reply{status: res.StatusCode, header: res.Header}
	if res.StatusCode < http.StatusOK {
		// The body of a 101 is the open connection: reading it never ends.
		return r.cut("no answer but an upgrade")
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return r.cut("answer cut short: " + describe(err))
	case len(body) > maxBody:
		return r.cut("answer is longer than 64 KiB")
	}
	r.body = body
	return r
}

func (r reply) cut(problem string) reply {
	r.fault, r.problem = cutShort, problem
	return r
}

// failure is the reply to a request that got none.
func failure(state flightState, err error) reply {
	switch state {
	case tooLate:
		return reply{fault: late, problem: "send_by passed before the first byte"}
	case leaving:
		return reply{fault: noAnswer, problem: "no answer: " + describe(err)}
	default:
		// Nobody has seen the request yet, so these words cannot quote it.
		return reply{fault: notWritten, problem: fmt.Sprintf("nothing sent: %.200s", unwrapURL(err))}
	}
}

// faults: net/http's own words about an answer may quote it, so only these are
// used.
var faultWords = []struct {
	err  error
	text string
}{
	{context.DeadlineExceeded, "timed out"},
	{os.ErrDeadlineExceeded, "timed out"},
	{context.Canceled, "cancelled"},
	{errTooLate, "send_by passed on the way"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection closed"},
	{io.ErrUnexpectedEOF, "connection closed"},
	{io.EOF, "connection closed"},
	{net.ErrClosed, "connection closed"},
}

func describe(err error) string {
	for _, w := range faultWords {
		if errors.Is(err, w.err) {
			return w.text
		}
	}
	return "unreadable or connection lost"
}

func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// outcome is the label of what came.
func (r reply) outcome() string {
	switch {
	case r.fault == notWritten || r.fault == late:
		return outcomeNotSent
	case r.fault != whole:
		return outcomeNoAnswer
	case r.status == http.StatusUnauthorized || r.status == http.StatusTooManyRequests:
		return fmt.Sprint(r.status)
	default:
		return fmt.Sprintf("%dxx", min(r.status/100, 5))
	}
}

// retryAfter is what the answer asks for; 0 where it asks for nothing.
func (r reply) retryAfter() time.Duration {
	d, _ := retry.ParseRetryAfter(r.header.Get("Retry-After"), r.at)
	return d
}

func (r reply) ok() bool { return r.status >= 200 && r.status < 300 }

// decode reads a whole JSON body into v: exact names, no repeated member, no
// trailing data, unknown members skipped (design.md §7).
func (r reply) decode(v any) error {
	if r.fault != whole {
		return errors.New(r.problem)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		return errors.New("answer is no json of the right shape") // the cause quotes the body
	}
	return nil
}

// undelivered is the verdict on a refund whose request got no answer at all.
func (r reply) undelivered() (Verdict, bool) {
	switch r.fault {
	case notWritten:
		return Verdict{Class: NotExecuted, Cause: NotWritten, Problem: r.problem}, true
	case late:
		return Verdict{Class: NotExecuted, Cause: TooLate, Problem: r.problem}, true
	case noAnswer:
		return Verdict{Class: Unknown, Problem: r.problem}, true
	default:
		return Verdict{}, false
	}
}

// unheard is what an inquiry learned that got no answer at all.
func (r reply) unheard() (Inquiry, bool) {
	switch r.fault {
	case notWritten, late:
		return Inquiry{Cause: NotWritten, Problem: r.problem}, true
	case noAnswer:
		return Inquiry{Problem: r.problem}, true
	default:
		return Inquiry{}, false
	}
}
