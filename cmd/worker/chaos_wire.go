//go:build chaos && unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"sync/atomic"
)

// chaosMark is something that is recognised by its bytes on a connection. All
// three points lie where no effect ends: before, the bytes are about to leave
// (for a refund call: behind the last look at the clock, before the socket);
// after, they have left; answer, what arrived for them has not been read yet.
type chaosMark struct {
	doku                  bool // on connections to DOKU, not to NATS
	sent                  [][]byte
	got                   []byte // begins an answer; nil: any bytes that arrive on the connection that it was sent on
	before, after, answer string
}

var chaosMarks = []chaosMark{
	{
		sent: [][]byte{[]byte("HPUB refunds.ledger."), []byte("HPUB refunds.results.")}, got: []byte(`{"stream":"REFUNDS",`),
		before: "append:publish", after: "append:published", answer: "append:acknowledged",
	},
	{
		sent: [][]byte{[]byte("HPUB refunds.retry.")}, got: []byte(`{"stream":"REFUND_WAITS",`),
		before: "wait:publish", after: "wait:published", answer: "wait:acknowledged",
	},
	{
		doku: true, sent: [][]byte{
			[]byte("POST /cancellation/credit-card/refund "), []byte("POST /direct-debit/core/v1/debit/refund "),
		},
		before: "call:socket", after: "call:written", answer: "call:answered",
	},
}

// natsDialer opens connections to NATS.
type natsDialer struct{ harm *harm }

// Dial implements the client's custom dialer.
func (d natsDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn, harm: d.harm}, nil
}

func (h *harm) dialDOKU(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn, harm: h, doku: true}, nil
}

// wire is a connection with points on it.
type wire struct {
	net.Conn

	harm  *harm
	doku  bool
	asked atomic.Bool // a refund call has left; net/http uses a connection for one at a time
}

// Write implements [net.Conn].
func (w *wire) Write(p []byte) (int, error) {
	if err := w.reach(p, func(m chaosMark) string { return m.before }); err != nil {
		return 0, err
	}
	if w.doku && w.harm.freshID {
		p = withFreshID(p)
	}
	n, err := w.Conn.Write(p)
	if err == nil {
		err = w.reach(p, func(m chaosMark) string { return m.after })
	}
	return n, err
}

// reach reaches a point for each mark that p holds.
func (w *wire) reach(p []byte, point func(chaosMark) string) error {
	for _, m := range chaosMarks {
		if m.doku != w.doku {
			continue
		}
		for _, text := range m.sent {
			for range bytes.Count(p, text) {
				w.asked.Store(true)
				if err := w.harm.reach(point(m)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Read implements [net.Conn].
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	for _, m := range chaosMarks {
		if m.doku != w.doku {
			continue
		}
		for range w.answers(m, p[:n]) {
			if err := w.harm.reach(m.answer); err != nil {
				return 0, err
			}
		}
	}
	return n, err
}

// answers counts the answers that begin in p.
func (w *wire) answers(m chaosMark, p []byte) int {
	if m.got != nil {
		return bytes.Count(p, m.got)
	}
	if len(p) > 0 && w.asked.CompareAndSwap(true, false) {
		return 1
	}
	return 0
}

// withFreshID gives a refund call an X-EXTERNAL-ID that it never had. The id is
// no part of what is signed. Inquiries have fresh ones anyway.
func withFreshID(p []byte) []byte {
	const name, digits = "X-EXTERNAL-ID: 1", 29
	at := bytes.Index(p, []byte(name))
	if at < 0 || len(p) < at+len(name)+digits {
		return p
	}
	p = bytes.Clone(p)
	id := p[at+len(name):][:digits]
	_, _ = rand.Read(id) // never fails
	for i := range id {
		id[i] = '0' + id[i]%10
	}
	return p
}
