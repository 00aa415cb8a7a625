package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// batchRequest is the body of a direct get of many messages.
type batchRequest struct {
	After    uint64 `json:"seq"` // the first that may come
	Subjects string `json:"next_by_subj"`
	Batch    int    `json:"batch"`
	MaxBytes int    `json:"max_bytes"`
}

var (
	errBatch    = errors.New("the stream gave no readable answer")
	errPageEnds = errors.New("the page ends here")
)

// batchWithin bounds one direct get.
const batchWithin = 5 * time.Second

// batch hands over the messages that the request asks for, in order and without a gap,
// until take returns an error. It is our own because a page has to end with the server's
// word that it does: the library at hand ends it as well where the connection is lost,
// and a shop would read "no results".
func (g *Gateway) batch(ctx context.Context, from string, request batchRequest, take func(*nats.Msg) error) error {
	ctx, cancel := context.WithTimeout(ctx, batchWithin)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	nc := g.JS.Conn()
	if !nc.IsConnected() {
		return fmt.Errorf("read %s: %w", from, nats.ErrDisconnected)
	}
	answers, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := nc.PublishRequest(g.ledger.Prefix+".DIRECT.GET."+from, answers.Subject, body); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	before := "0"
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("read %s: %w", from, err)
		}
		switch status := m.Header.Get("Status"); {
		case status == "204" || status == "404": // the end, or nothing at all
			return nil
		case status != "":
			return fmt.Errorf("read %s: %w: status %s", from, errBatch, status)
		}
		// Each names the one before it: one that was lost on the way shows here.
		if last := m.Header.Get("Nats-Last-Sequence"); last != before {
			return fmt.Errorf("read %s: %w: a message after %s is missing", from, errBatch, before)
		}
		before = m.Header.Get("Nats-Sequence")
		if err := take(m); err != nil {
			return err
		}
	}
}
