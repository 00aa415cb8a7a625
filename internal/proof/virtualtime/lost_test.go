package virtualtime_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// deaf is the way to the server on which some answers get lost: what is sent
// arrives, and the connection breaks before anything comes back.
type deaf struct {
	*node

	mu   sync.Mutex
	on   [][]byte // subjects; the first write that names one breaks its connection
	lost int
}

// InProcessConn implements [nats.InProcessConnProvider].
func (d *deaf) InProcessConn() (net.Conn, error) {
	conn, err := d.node.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &deafConn{Conn: conn, way: d, broken: make(chan struct{})}, nil
}

// loses reports whether the answer to what is written shall be lost.
func (d *deaf) loses(written []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, subject := range d.on {
		if bytes.Contains(written, subject) {
			d.on = append(d.on[:i], d.on[i+1:]...)
			d.lost++
			return true
		}
	}
	return false
}

func (d *deaf) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lost
}

type deafConn struct {
	net.Conn

	way    *deaf
	once   sync.Once
	broken chan struct{}
}

// Write implements [net.Conn]. The server has a second to store what it got.
func (c *deafConn) Write(p []byte) (int, error) {
	if c.way.loses(p) {
		c.once.Do(func() {
			close(c.broken)
			time.AfterFunc(time.Second, func() { _ = c.Close() })
		})
	}
	return c.Conn.Write(p)
}

// Read implements [net.Conn].
func (c *deafConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil {
		select {
		case <-c.broken:
			n, err = c.Conn.Read(p) // until it is closed
		default:
			return n, nil
		}
	}
	return n, err
}

// A record whose acknowledgement was lost is there, or is not: the worker looks,
// and knows its own. Taken for another's, its send would be in doubt forever;
// taken for missing, it would be made twice.
func TestRecordWhoseAcknowledgementIsLostIsKnownAsOurOwn(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		way := &deaf{node: s.node}
		s.startWorker(func(c *service.Config) { c.NATSOptions = []nats.Option{nats.InProcessServer(way)} })
		var refunds []posted
		for _, state := range []string{"ledger.credit_card.sending", "results.credit_card.succeeded"} {
			p := s.plan(channel.CreditCard)
			way.mu.Lock()
			way.on = append(way.on, []byte("refunds."+state+"."+p.id))
			way.mu.Unlock()
			s.publish(p)
			refunds = append(refunds, p)
			pass(t, 5*time.Minute)
		}
		if way.count() != 2 {
			t.Fatalf("%d acknowledgements were lost", way.count())
		}
		s.ended(2, time.Minute)
		stories := s.audit()
		s.allSucceeded(stories, refunds...)
		for _, p := range refunds {
			st := stories[p.id]
			if st.path() != "sending succeeded" || len(st.records) != 2 || st.result().Evidence != refund.ByResponse || len(s.calls(p)) != 1 {
				t.Errorf("%s: %s in %d records, evidence %s, %d calls", p.id, st.path(), len(st.records), st.result().Evidence, len(s.calls(p)))
			}
		}
	})
}

// A message is only says "look at this refund": however many come too early,
// the refund is sent when it is due, once.
func TestMessagesThatComeTooEarlyChangeNothing(t *testing.T) {
	t.Parallel()
	inLongVirtualTime(t, func(s *stack) {
		t := s.t
		s.startWorker()
		due := time.Now().Add(3 * time.Hour)
		p := s.post(channel.DirectDebitMandiri, from(due))
		for range 5 {
			pass(t, 30*time.Minute)
			// Where the schedule itself is lost, the wake-up is all that is left.
			waits, err := s.js.Stream(t.Context(), stream.Waits)
			if err != nil {
				t.Fatal(err)
			}
			if err := waits.Purge(t.Context(), jetstream.WithPurgeSubject("refunds.retry.*."+p.id)); err != nil {
				t.Fatal(err)
			}
			s.publish(p, from(due)) // as an order system that is not sure
			wakeUp := nats.NewMsg("refunds.due." + string(p.channel))
			wakeUp.Data = p.body(t, postings{notBefore: due})
			if _, err := s.js.PublishMsg(t.Context(), wakeUp); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(s.doku.RequestsFor(dokusim.Match{Operation: dokusim.OpAny})); n > 0 {
			t.Errorf("%d requests before the time", n)
		}
		s.ended(1, time.Hour)
		s.allSucceeded(s.audit(), p)
		if calls := s.calls(p); len(calls) != 1 || calls[0].At.Before(due) {
			t.Errorf("due %s: %+v", due, calls)
		}
	})
}
