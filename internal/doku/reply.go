package doku

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// abandoned: a byte may have left, and we ended the call ourselves, which says
// nothing about DOKU.
const abandoned = cutShort + 1

// failure is the reply to a request that got none.
func failure(state flightState, err error) reply {
	switch state {
	case tooLate:
		return reply{fault: late, problem: "send_by passed before the first byte"}
	case leaving:
		r := reply{fault: noAnswer, problem: "no answer: " + describe(err)}
		if errors.Is(err, errTooLate) || errors.Is(err, context.Canceled) {
			r.fault = abandoned
		}
		return r
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

// final reports whether the status is one of an answer, and no redirect.
func (r reply) final() bool { return r.ok() || r.status >= 400 }

// byteOrderMark is written before the JSON by some servers.
var byteOrderMark = []byte("\uFEFF")

// decode reads a whole JSON body into v: exact names, no repeated member, no
// trailing data, unknown members skipped. A byte that is no UTF-8 becomes U+FFFD
// in a text, which is then equal to nothing of ours; in a name it is an error,
// for nobody knows which member that was.
func (r reply) decode(v any) error {
	if r.fault != whole {
		return errors.New(r.problem)
	}
	body := bytes.TrimPrefix(r.body, byteOrderMark)
	err := json.Unmarshal(body, v, jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(numbersAsText))
	if err == nil && !utf8.Valid(body) {
		err = checkNames(body)
	}
	if err != nil {
		return r.unreadable(err) // err itself quotes the body
	}
	return nil
}

// checkNames reports a member's name that is no UTF-8. body is one JSON value.
func checkNames(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowInvalidUTF8(true))
	for {
		kind, members := d.StackIndex(d.StackDepth())
		token, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case kind == '{' && members%2 == 0 && token.Kind() == '"' && strings.ContainsRune(token.String(), utf8.RuneError):
			return errName
		}
	}
}

// undelivered is the verdict on a refund whose request got no answer at all.
func (r reply) undelivered() (Verdict, bool) {
	switch r.fault {
	case notWritten:
		return Verdict{Class: NotExecuted, Cause: NotWritten, Problem: r.problem}, true
	case late:
		return Verdict{Class: NotExecuted, Cause: TooLate, Problem: r.problem}, true
	case noAnswer:
		return Verdict{Class: Unknown, Cause: Failing, Problem: r.problem}, true
	case abandoned:
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
		return Inquiry{Cause: Failing, Problem: r.problem}, true
	case abandoned:
		return Inquiry{Problem: r.problem}, true
	default:
		return Inquiry{}, false
	}
}
