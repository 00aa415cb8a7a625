package doku

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/secret"
)

// read takes the whole answer, or tells why it cannot.
func read(ctx context.Context, res *http.Response) reply {
	r := reply{status: res.StatusCode, header: res.Header}
	if res.StatusCode < http.StatusOK {
		// The body of a 101 is the open connection: reading it never ends.
		return r.cut("no answer but an upgrade")
	}
	body, problem := readBody(ctx, res.Body)
	if problem != "" {
		return r.cut(problem)
	}
	r.body = body
	return r.decompressed(ctx)
}

// readBody reads at most maxBody bytes.
func readBody(ctx context.Context, body io.Reader) (read []byte, problem string) {
	read, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	switch {
	case err != nil:
		return nil, "answer cut short: " + describe(ctx, err)
	case len(read) > maxBody:
		return nil, "answer is longer than 64 KiB"
	}
	return read, ""
}

// decompressed undoes gzip, which is not asked for and comes all the same from
// what stands before DOKU. Any other encoding cannot be read.
func (r reply) decompressed(ctx context.Context) reply {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.header.Values("Content-Encoding"), ",")))
	switch encoding {
	case "", "identity":
		return r
	case "gzip", "x-gzip":
	default:
		return r.cut("answer has a content encoding that was not asked for")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		return r.cut("answer is not the gzip that it says it is")
	}
	body, problem := readBody(ctx, unzipped)
	if problem != "" {
		return r.cut("gzip: " + problem)
	}
	r.wire, r.body = r.body, body
	return r
}

// signatureStatus is what the signature of the answer to a card refund is worth: DOKU's
// digest may be of the body before or after it was compressed.
func (r reply) signature(keys []secret.Text, sent cardText) signatureStatus {
	return checkSignature(keys, sent, r.header, r.bodies()...)
}

// getSignature is the same of the answer to a card inquiry.
func (r reply) getSignature(keys []secret.Text, sent cardText) signatureStatus {
	return checkGetSignature(keys, sent, r.header, r.bodies()...)
}

func (r reply) bodies() [][]byte {
	if r.wire == nil {
		return [][]byte{r.body}
	}
	return [][]byte{r.body, r.wire}
}

// matched takes the doubt from an answer that is signed for this very request.
func (r reply) matched(s signatureStatus) reply {
	if r.fault == unmatched && s == signatureRight {
		r.fault, r.problem = whole, ""
	}
	return r
}

func (r reply) cut(problem string) reply {
	r.fault, r.problem = cutShort, problem
	return r
}

func (r reply) unmatched(problem string) reply {
	r.fault, r.problem = unmatched, problem
	return r
}

// failure is the reply to a request that got none.
func failure(ctx context.Context, state sendState, err error) reply {
	switch {
	case state == tooLate:
		return reply{fault: late, problem: "send_by passed before the first byte"}
	case state == leaving:
		r := reply{fault: noAnswer, problem: "no answer: " + describe(ctx, err)}
		if errors.Is(err, errTooLate) || errors.Is(ctx.Err(), context.Canceled) {
			r.fault = abandoned
		}
		return r
	case exhausted(err):
		return reply{fault: noSocket, problem: fmt.Sprintf("nothing sent, for want of a socket on this machine: %.200s", err)}
	default:
		// Nobody has seen the request yet, so these words cannot quote it.
		return reply{fault: notWritten, problem: fmt.Sprintf("nothing sent: %.200s", err)}
	}
}

// exhausted reports whether this machine could not open a connection for want
// of file descriptors, ports or memory. That says nothing about DOKU.
func exhausted(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// faults: net/http's own words about an answer may quote it, so only these are
// used.
var faultTexts = []struct {
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

func describe(ctx context.Context, err error) string {
	if ended := ctx.Err(); ended != nil {
		err = ended // the connection only knows that its time was over
	}
	for _, w := range faultTexts {
		if errors.Is(err, w.err) {
			return w.text
		}
	}
	return "unreadable or connection lost"
}

// outcome is the label of what came.
func (r reply) outcome() string {
	switch {
	case r.fault == notWritten || r.fault == noSocket || r.fault == late:
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

var decoding = json.JoinOptions(jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(numbersAsText))

// decode reads a whole JSON body into v: exact names, no repeated member, no
// trailing data, unknown members skipped. A byte that is no UTF-8 becomes U+FFFD
// in a text, which is then equal to nothing of ours; in a name it is an error,
// for nobody knows which member that was.
func (r reply) decode(v any) error {
	if r.fault != whole {
		return errors.New(r.problem)
	}
	body := bytes.TrimPrefix(r.body, byteOrderMark)
	err := json.Unmarshal(body, v, decoding)
	if err == nil && !utf8.Valid(body) {
		err = checkNames(body)
	}
	if err != nil {
		return r.unreadable(err) // err itself quotes the body
	}
	return nil
}

// garbled reports whether an answer that cannot be read is an object all the
// same: then its status does not speak for it, for the object may say that the
// refund ran. A page or an empty body hides nothing of the kind.
func (r reply) garbled() bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(r.body, byteOrderMark), " \t\r\n")
	return r.fault == whole && len(text) > 0 && text[0] == '{'
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
func (r reply) undelivered() (RefundOutcome, bool) {
	switch r.fault {
	case notWritten:
		return RefundOutcome{Class: NotExecuted, Cause: NotWritten, Problem: r.problem}, true
	case late:
		return RefundOutcome{Class: NotExecuted, Cause: TooLate, Problem: r.problem}, true
	case noSocket:
		return RefundOutcome{Class: NotExecuted, Cause: NoSocket, Problem: r.problem}, true
	case noAnswer:
		return RefundOutcome{Class: Unknown, Cause: Failing, Problem: r.problem}, true
	case abandoned:
		return RefundOutcome{Class: Unknown, Problem: r.problem}, true
	case unmatched:
		return RefundOutcome{Class: Unknown, Cause: Failing, Problem: r.problem, Response: refund.Response{HTTPStatus: r.status}}, true
	default:
		return RefundOutcome{}, false
	}
}

// withoutAnswer is what an inquiry learned that got no answer at all.
func (r reply) withoutAnswer() (InquiryOutcome, bool) {
	switch r.fault {
	case notWritten, late:
		return InquiryOutcome{Cause: NotWritten, Problem: r.problem}, true
	case noSocket:
		return InquiryOutcome{Cause: NoSocket, Problem: r.problem}, true
	case noAnswer:
		return InquiryOutcome{Cause: Failing, Problem: r.problem}, true
	case abandoned:
		return InquiryOutcome{Problem: r.problem}, true
	case unmatched:
		return InquiryOutcome{Cause: Failing, Problem: r.problem, Response: refund.Response{HTTPStatus: r.status}}, true
	default:
		return InquiryOutcome{}, false
	}
}
