package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"refundworker.example/refundworker/internal/proof/devstack"
)

const clientID = devstack.ClientID

// next is what to do after the plain demo.
const next = `
Next: go run ./cmd/demo --keep   stays up, for jobs of your own
      README.md                  how to run a worker against DOKU's sandbox
`

// kept is the demo on the addresses that every other program has by default.
func (o options) kept() options {
	if o.natsPort == 0 {
		o.natsPort, o.dokuAddr, o.httpAddr = 4222, "127.0.0.1:9465", "127.0.0.1:9464"
	}
	return o
}

// vacant says which of the addresses are taken, before anything is started.
func (o options) vacant(ctx context.Context) error {
	natsAddr := ""
	if o.natsPort != 0 {
		natsAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(o.natsPort))
	}
	var problems []error
	for _, place := range [][2]string{{natsAddr, "NATS"}, {o.dokuAddr, "the simulator"}, {o.httpAddr, "the worker's metrics"}} {
		if place[0] == "" {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", place[0])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s, for %s, is taken (%w): stop what listens there and try again", place[0], place[1], err))
			continue
		}
		problems = append(problems, l.Close())
	}
	return errors.Join(problems...)
}

// stay prints what can be tried, and a line for every change, until ctx ends.
func (d *demo) stay(ctx context.Context) error {
	_, _ = fmt.Fprintf(d.stdout, hintText, d.stack.NATS.URL(), d.stack.DOKUURL(), d.httpAddr, d.logFile.Name())
	d.screen = nil // from here on there are lines
	end := make(chan error, 1)
	defer context.AfterFunc(ctx, func() { end <- nil })()
	return d.draw(end)
}

const hintText = `
Everything stays up until Ctrl-C:
  NATS       %s
  simulator  %s/  (its book as a page)
  worker     http://%s/metrics, /healthz, /readyz
  its log    %s

Try in another terminal:
  # a refund; the same line again gives the same result and moves no more money
  go run ./cmd/enqueue --wait --refund-id try-1 --channel credit_card \
    --invoice-number INV-TRY-1 --original-request-id REQ-TRY-1 --amount 25000

  # an answer that is lost after the money moved: found by asking
  curl -d '{"match":{"invoice":"INV-TRY-2"},"faults":[{"kind":"error_after"}]}' \
    %[2]s/_sim/faults
  go run ./cmd/enqueue --wait --refund-id try-2 --channel credit_card \
    --invoice-number INV-TRY-2 --original-request-id REQ-TRY-2 --amount 30000

  # what moved, and what the worker counted
  curl '%[2]s/_sim/book?last=2'
  curl -s http://%[3]s/metrics | grep ^refund_

Changes, as they come:
`
