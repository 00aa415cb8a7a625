package intake_test

import (
	"io"
	"net"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// valve is a connection to the broker on which the broker's words can be held
// up.
type valve struct {
	js   jetstream.JetStream
	pass sync.Mutex // held by whoever copies a piece, or keeps the valve shut
}

func (v *valve) shut() { v.pass.Lock() }
func (v *valve) open() { v.pass.Unlock() }

func (s *stand) newValve() *valve {
	s.t.Helper()
	v := &valve{}
	nc, err := nats.Connect(s.srv.ClientURL(), nats.SetCustomDialer(v))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	if v.js, err = jetstream.New(nc); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// Dial implements nats.CustomDialer.
func (v *valve) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).Dial(network, address)
	return &valveConn{conn, v}, err
}

type valveConn struct {
	net.Conn
	valve *valve
}

// Read hands on what has come once the valve is open.
func (c *valveConn) Read(p []byte) (int, error) {
	n, err := io.ReadAtLeast(c.Conn, p, 1)
	c.valve.pass.Lock()
	defer c.valve.pass.Unlock()
	return n, err
}
