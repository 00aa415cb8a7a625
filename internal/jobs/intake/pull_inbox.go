package intake

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The pull protocol is spoken here and not by the jetstream package for two
// reasons. That package takes an empty message with a header "Status" for a word
// of the server: it never shows it, so a job like that could never become a dead
// letter, and would come again every AckWait and hold a place in MaxAckPending
// forever. And it drops its subscription when a fetch is cancelled, so a
// message on its way is delayed by a whole AckWait on every shutdown.

// pullRequest is the body of a request for messages.
type pullRequest struct {
	Batch     int           `json:"batch"`
	Expires   time.Duration `json:"expires"`
	NoWait    bool          `json:"no_wait,omitempty"`
	Heartbeat time.Duration `json:"idle_heartbeat,omitempty"`
}

// pullInbox is the one subscription through which a source is answered. Every
// request has an address of its own below it, so that a late word about an
// earlier one is not taken for an answer to this one.
type pullInbox struct {
	nc     *nats.Conn
	inbox  string
	sub    *nats.Subscription
	msgs   chan *nats.Msg
	closed chan struct{}
	wait   time.Duration // for the server to confirm a close
	asked  uint64
}

// openInbox has room for size messages; the client drops what finds none.
func openInbox(nc *nats.Conn, size int) (*pullInbox, error) {
	m := &pullInbox{
		nc: nc, inbox: nc.NewInbox() + ".", msgs: make(chan *nats.Msg, size), closed: make(chan struct{}), wait: closeWait,
	}
	sub, err := nc.ChanSubscribe(m.inbox+"*", m.msgs)
	if err != nil {
		return nil, fmt.Errorf("subscribe to inbox: %w", err)
	}
	// The client calls it once for a drain that completes and once more for an
	// unsubscribe, perhaps at the same time, and while it holds its own locks:
	// it must neither close twice nor block.
	closed := sync.OnceFunc(func() { close(m.closed) })
	sub.SetClosedHandler(func(string) { closed() })
	m.sub = sub
	return m, nil
}

// request sends a pull and returns the address that words about it come to.
func (m *pullInbox) request(subject string, req pullRequest) (address string, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return "", err
	}
	m.asked++
	address = m.inbox + strconv.FormatUint(m.asked, 10)
	if err := m.nc.PublishRequest(subject, address, body); err != nil {
		return "", fmt.Errorf("send pull: %w", err)
	}
	return address, nil
}

// isStatus reports whether the server speaks for itself. What it delivers keeps
// the subject that it was stored under, so no header of a message matters here.
func (m *pullInbox) isStatus(msg *nats.Msg) bool { return strings.HasPrefix(msg.Subject, m.inbox) }

// closeWait is how long the server has to confirm that it sends nothing more.
const closeWait = time.Second

// close ends the subscription and returns what the server had sent by then.
func (m *pullInbox) close() []*nats.Msg {
	if m.nc.IsConnected() && m.sub.Drain() == nil {
		t := time.NewTimer(m.wait)
		defer t.Stop()
		select {
		case <-m.closed:
		case <-t.C:
		}
	}
	_ = m.sub.Unsubscribe() // an error says that it has ended
	var late []*nats.Msg
	for {
		select {
		case msg := <-m.msgs:
			if !m.isStatus(msg) {
				late = append(late, msg)
			}
		default:
			return late
		}
	}
}

// What the server says about a pull, as HTTP has it.
const (
	statusHeartbeat  = "100"
	statusNoMessages = "404"
	statusExpired    = "408"
)

// readStatus returns what a word of the server says: that the pull stands, that it
// has ended, or that something is wrong.
func readStatus(msg *nats.Msg) (ended bool, err error) {
	switch code := msg.Header.Get("Status"); code {
	case statusHeartbeat:
		return false, nil
	case statusNoMessages, statusExpired:
		return true, nil
	case "503":
		return true, fmt.Errorf("%w: nobody answers for this consumer", ErrPullRefused)
	default:
		return true, fmt.Errorf("%w: %s %s", ErrPullRefused, code, msg.Header.Get("Description"))
	}
}

// pullSubject is where a consumer takes pulls, behind the prefix or the domain
// that js was made with.
func pullSubject(js jetstream.JetStream, stream, consumer string) string {
	prefix := "$JS.API"
	switch opts := js.Options(); {
	case opts.Domain != "":
		prefix = "$JS." + opts.Domain + ".API"
	case opts.APIPrefix != "":
		prefix = strings.TrimSuffix(opts.APIPrefix, ".")
	}
	return prefix + ".CONSUMER.MSG.NEXT." + stream + "." + consumer
}
