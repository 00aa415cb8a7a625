package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

const clientID = devstack.ClientID

// next is what to do after the plain demo.
const next = `
Next: make demo KEEP=1           stays up, for jobs of your own
      README.md                  how to run a worker against DOKU's sandbox
`

// kept is the demo on the addresses that every other program has by default.
func (o options) kept() options {
	if o.natsPort == 0 {
		o.natsPort, o.dokuAddr, o.httpAddr, o.gatewayAddr = 4222, "127.0.0.1:9465", "127.0.0.1:9464", "127.0.0.1:9467"
	}
	if o.gatewayAddr == "" {
		o.gatewayAddr = "127.0.0.1:0"
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
	for _, place := range [][2]string{{natsAddr, "NATS"}, {o.dokuAddr, "the simulator"}, {o.httpAddr, "the worker's metrics"}, {o.gatewayAddr, "the gateway"}} {
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
	url, token, err := d.startGateway(ctx)
	if err != nil {
		return err
	}
	settings, err := d.forTools(ctx, url, token)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(d.stdout, hintText, d.stack.NATS.URL(), d.stack.DOKUURL(), d.httpAddr, d.logFile.Name(), shellQuoted(settings), url)
	d.screen = nil // from here on there are lines
	end := make(chan error, 1)
	defer context.AfterFunc(ctx, func() { end <- nil })()
	return d.draw(end)
}

// forTools makes what the programs of other terminals need: a reader of results, and
// the worker's settings in a file, whose path it returns.
func (d *demo) forTools(ctx context.Context, gatewayURL, gatewayToken string) (string, error) {
	shop := stream.Reader{Name: "shop", Stream: stream.Refunds, Filter: stream.ResultFilter("", refund.None)}
	if _, err := stream.AddReader(ctx, d.stack.JS, shop); err != nil {
		return "", fmt.Errorf("make the consumer shop: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(d.stack.PrivateKey())
	if err != nil {
		return "", fmt.Errorf("encode the merchant's key: %w", err)
	}
	dir := filepath.Dir(d.logFile.Name())
	key, shared, settings := filepath.Join(dir, "private-key.pem"), filepath.Join(dir, "secret-key.txt"), d.settings
	if settings == "" {
		settings = filepath.Join(dir, "settings.sh")
	}
	text := fmt.Sprintf("export NATS_URL=%s DOKU_ENV=simulator DOKU_CLIENT_ID=%s\nexport DOKU_BASE_URL=%s\n"+
		"export DOKU_SECRET_KEY_FILE=%s DOKU_PRIVATE_KEY_FILE=%s\nexport GATEWAY_URL=%s GATEWAY_TOKEN=%s\n",
		d.stack.NATS.URL(), clientID, d.stack.DOKUURL(), shellQuoted(shared), shellQuoted(key), gatewayURL, gatewayToken)
	return settings, errors.Join(
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.WriteFile(shared, []byte(d.stack.Secret().Reveal()+"\n"), 0o600),
		os.WriteFile(settings+".part", []byte(text), 0o600),
		os.Rename(settings+".part", settings), // whoever waits for it finds all of it
	)
}

// shellQuoted is text as a shell takes it for one word, whatever TMPDIR holds.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

const hintText = `
Everything stays up until Ctrl-C:
  NATS       %s
  simulator  %s/  (its book as a page)
  worker     http://%s/metrics, /healthz, /readyz
  gateway    %[6]s/v1  (docs/gateway.md)
  its log    %[4]s

Try in another terminal:
  # a refund; the same line again gives the same result and moves no more money
  go run ./cmd/enqueue --wait --refund-id try-1 --channel credit_card \
    --invoice-number INV-TRY-1 --original-request-id REQ-TRY-1 --amount 25000

  # an answer that is lost after the money moved: found by asking
  curl -d '{"match":{"invoice":"INV-TRY-2"},"faults":[{"kind":"error_after"}]}' \
    %[2]s/_sim/faults
  go run ./cmd/enqueue --wait --refund-id try-2 --channel credit_card \
    --invoice-number INV-TRY-2 --original-request-id REQ-TRY-2 --amount 30000

  # results as a shop reads them, through the durable consumer shop
  go run ./docs/examples/go/results

  # what all other programs need
  . %[5]s

  # the same over HTTP
  curl -H "Authorization: Bearer $GATEWAY_TOKEN" "$GATEWAY_URL/v1/results?limit=3"

  # what a person on call uses
  go run ./cmd/refundctl doctor
  go run ./cmd/refundctl unresolved

  # what moved, and what the worker counted
  curl '%[2]s/_sim/book?last=2'
  curl -s http://%[3]s/metrics | grep ^refund_

Changes, as they come:
`
