package doku

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// framing is how an answer says where it ends.
type framing struct {
	name  string
	frame func(h http.Header, body []byte) []byte // sets headers, returns the body on the wire
}

var framings = []framing{
	{"length", func(h http.Header, body []byte) []byte {
		h.Set("Content-Length", fmt.Sprint(len(body)))
		return body
	}},
	{"chunks", func(h http.Header, body []byte) []byte {
		h.Set("Transfer-Encoding", "chunked")
		half := len(body) / 2
		return fmt.Appendf(nil, "%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, body[:half], len(body)-half, body[half:])
	}},
	{"close", func(_ http.Header, body []byte) []byte { return body }},
}

// wire returns the whole answer, signed for r, and how long its head is.
func (f framing) wire(r *http.Request, status int, body string) (answer []byte, head int) {
	recorded := httptest.NewRecorder()
	answerSigned(recorded, r, status, body)
	h := recorded.Header()
	h.Set("Connection", "close") // every answer has a connection of its own
	rest := f.frame(h, []byte(body))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	return append(b.Bytes(), rest...), b.Len()
}

// cutDOKU is a DOKU behind pipes. It gives out tokens whole; what else it is
// asked, its answer to is cut.
type cutDOKU struct {
	status int
	body   string
	framing

	cut       int // bytes of the answer that leave; -1: all
	head, all int // of the last answer; valid once its call has returned
	requests  int // likewise
	request   int // bytes of the client's next requests that leave; -1: all
	refused   bool
}

func (d *cutDOKU) use(c *Config) {
	c.Timeout = time.Minute
	c.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if d.refused {
			return nil, errors.New("connection refused")
		}
		here, there := net.Pipe()
		go d.serve(there)
		return &cutConn{Conn: here, left: d.request}, nil
	}
}

func (d *cutDOKU) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r, err := readRequest(bufio.NewReader(conn))
	if err != nil {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	if r.URL.Path == tokenPath {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(tokenSuccessBody), tokenSuccessBody)
		return
	}
	answer, head := d.wire(r, d.status, d.body)
	d.requests++
	d.head, d.all = head, len(answer)
	if d.cut >= 0 {
		answer = answer[:d.cut]
	}
	_, _ = conn.Write(answer)
}

// cutConn lets left bytes out and then breaks; -1: all.
type cutConn struct {
	net.Conn

	left int
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.left < 0 {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:min(len(p), c.left)])
	c.left -= n
	if n < len(p) && err == nil {
		_ = c.Close()
		err = io.ErrClosedPipe
	}
	return n, err
}

// cutRefunds are answers of every kind to a refund, whole.
var cutRefunds = []struct {
	name   string
	order  func() Order
	status int
	body   string
	class  Class
	bare   bool // the status alone says so (docs/doku-api.md, "Classification of refund answers: cards"): a whole head is enough
}{
	{"card success", cardOrder, 200, cardSuccessBody, Succeeded, false},
	{"card FAILED", cardOrder, 200, cardFailedBody, Failed, false},
	{"card replay", cardOrder, 409, cardSuccessBody, Succeeded, false},
	{"card refusal", cardOrder, 400, `{"error":{"code":"INVALID_PARAMETER","message":"no"}}`, Failed, false},
	{"card credentials by code", cardOrder, 400, `{"error":{"code":"invalid_signature"}}`, NotExecuted, false},
	{"card maintenance", cardOrder, 503, `{"error":{"code":"MAINTENANCE_MODE"}}`, NotExecuted, false},
	{"card 429", cardOrder, 429, `{"error":{"code":"TOO_MANY_REQUESTS"}}`, NotExecuted, true},
	{"card 401", cardOrder, 401, `{"error":{"code":"INVALID_TOKEN"}}`, NotExecuted, true},
	{"snap success", snapOrder, 200, snapSuccessBody, Succeeded, false},
	{"snap in progress", snapOrder, 202, `{"responseCode":"2020700"}`, InProgress, false},
	{"snap failed inside", snapOrder, 200, `{"responseCode":"2000700","additionalInfo":{"latestTransactionStatus":"06"}}`, Failed, false},
	{"snap refusal", snapOrder, 404, `{"responseCode":"4040713","responseMessage":"Invalid Amount"}`, Failed, false},
	{"snap balance", snapOrder, 403, `{"responseCode":"4030714"}`, NotExecuted, false},
	{"snap 429", snapOrder, 429, `{"responseCode":"4290700"}`, NotExecuted, true},
	{"snap customer token", snapOrder, 401, `{"responseCode":"4010702"}`, NotExecuted, true},
}

// ready has a token at hand where the order needs one.
func ready(t *testing.T, c *Client, o Order) {
	t.Helper()
	if err := c.Prepare(t.Context(), o.Channel); err != nil {
		t.Fatal(err)
	}
}

func TestRefundAnswerCutAfterAnyByteProvesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range cutRefunds {
		for i, f := range framings {
			if i > 0 && tt.class != Succeeded {
				continue // how an answer ends matters most where it pays
			}
			t.Run(tt.name+" by "+f.name, func(t *testing.T) {
				t.Parallel()
				d := &cutDOKU{status: tt.status, body: tt.body, framing: f, cut: -1, request: -1}
				c := newTestClient(t, "http://127.0.0.1", d.use)
				ready(t, c, tt.order())
				if v := c.Refund(t.Context(), tt.order()); v.Class != tt.class {
					t.Fatalf("whole: %v (%s), want %v", v.Class, v.Problem, tt.class)
				}
				for d.cut = 0; d.cut < d.all; d.cut++ {
					ready(t, c, tt.order()) // a 401 has dropped the token
					d.requests = 0
					v := c.Refund(t.Context(), tt.order())
					byStatus := tt.bare && d.cut >= d.head && v.Class == NotExecuted
					// A 409 that had no declared end is a 409 without a stored
					// answer: for a person, and never for a second payment.
					collided := v.Cause == Collision && (f.name != "close" || d.cut < d.head)
					if v.Class != Unknown && !byStatus || v.Problem == "" || collided {
						t.Errorf("cut after %d of %d bytes: %v/%v (%s)", d.cut, d.all, v.Class, v.Cause, v.Problem)
					}
					if d.requests != 1 {
						t.Errorf("cut after %d bytes: %d requests", d.cut, d.requests)
					}
				}
			})
		}
	}
}

// cutInquiries are answers of every kind to an inquiry, whole.
var cutInquiries = []struct {
	name    string
	order   func() Order
	status  int
	body    string
	finding refund.Finding
}{
	{"card success", cardOrder, 200, cardStatusBody, refund.FoundSuccess},
	{"card not found", cardOrder, 404, `{"error":{"code":"DATA_NOT_FOUND"}}`, refund.NotFound},
	{"snap success", snapOrder, 200, snapStatusBody, refund.FoundSuccess},
	{"snap not found", snapOrder, 404, `{"responseCode":"4045501"}`, refund.NotFound},
	{"snap status 07", snapOrder, 200, `{"responseCode":"2005500","latestTransactionStatus":"07"}`, refund.NotFound},
}

func TestInquiryAnswerCutAfterAnyByteFindsNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range cutInquiries {
		for _, f := range framings {
			t.Run(tt.name+" by "+f.name, func(t *testing.T) {
				t.Parallel()
				d := &cutDOKU{status: tt.status, body: tt.body, framing: f, cut: -1, request: -1}
				c := newTestClient(t, "http://127.0.0.1", d.use)
				if i := c.Inquire(t.Context(), tt.order()); i.Finding != tt.finding {
					t.Fatalf("whole: %v (%s), want %v", i.Finding, i.Problem, tt.finding)
				}
				for d.cut = 0; d.cut < d.all; d.cut++ {
					if i := c.Inquire(t.Context(), tt.order()); i.Finding != refund.NoAnswer || i.Problem == "" {
						t.Errorf("cut after %d of %d bytes: %v (%s)", d.cut, d.all, i.Finding, i.Problem)
					}
				}
			})
		}
	}
}

// A request that broke off may have been executed as soon as a byte of it has
// left: not all that read it look at its length.
func TestRequestCutAfterAnyByteIsUnknownAndBeforeTheFirstNotSent(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]func() Order{"card": cardOrder, "snap": snapOrder} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &cutDOKU{status: 200, body: "{}", framing: framings[0], cut: -1, request: -1}
			c := newTestClient(t, "http://127.0.0.1", d.use)
			ready(t, c, order())
			d.refused = true
			wantVerdict(t, c.Refund(t.Context(), order()), NotExecuted, NotWritten)
			if i := c.Inquire(t.Context(), order()); i.Finding != refund.NoAnswer || i.Cause != NotWritten {
				t.Errorf("inquiry: %+v", i)
			}
			d.refused = false
			d.everyByte(t, func() { wantVerdict(t, c.Refund(t.Context(), order()), Unknown, Failing) })
			d.everyByte(t, func() {
				if i := c.Inquire(t.Context(), order()); i.Finding != refund.NoAnswer || i.Cause != Failing {
					t.Errorf("inquiry cut after %d bytes: %+v", d.request, i)
				}
			})
		})
	}
}

// everyByte calls after each byte, until a request arrives whole.
func (d *cutDOKU) everyByte(t *testing.T, call func()) {
	t.Helper()
	d.requests = 0
	for d.request = 1; d.requests == 0; d.request++ {
		call()
	}
	if d.request < 200 {
		t.Errorf("a whole request of %d bytes", d.request-1)
	}
}
