package stream

import (
	"context"
	"strings"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// deniedFor is how long no notice is tried after one was denied: permissions may
// be mended while the program runs.
const deniedFor = time.Minute

// NoticePermission remembers for which channels NATS denies notices to this user,
// as with permissions that are older than notices. A denied publish has no
// answer: the only sign of it comes through the connection's error handler. It is
// safe for concurrent use.
type NoticePermission struct {
	now func() time.Time

	mu     sync.Mutex
	until  map[channel.Channel]time.Time
	change context.Context // ends at the next denial
	happen context.CancelFunc
}

// NewNoticePermission returns one that takes notices for allowed.
func NewNoticePermission(now func() time.Time) *NoticePermission {
	p := &NoticePermission{now: now, until: map[channel.Channel]time.Time{}}
	p.change, p.happen = context.WithCancel(context.Background())
	return p
}

// Denied is told what NATS denied, in its words, and reports whether that was a
// notice.
func (p *NoticePermission) Denied(what string) bool {
	_, rest, found := strings.Cut(what, `"`+jobs.NoticesPrefix)
	if !found {
		return false
	}
	name, _, _ := strings.Cut(rest, `"`)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[channel.Channel(name)] = p.now().Add(deniedFor)
	p.happen()
	p.change, p.happen = context.WithCancel(context.Background())
	return true
}

// try calls publish unless notices of the channel are denied, and until it is
// known that they are: then it returns [ErrNotNoticed].
func (p *NoticePermission) try(ctx context.Context, ch channel.Channel, publish func(context.Context) error) error {
	for {
		p.mu.Lock()
		change, denied := p.change, p.now().Before(p.until[ch])
		p.mu.Unlock()
		if denied {
			return errNoticeDenied
		}
		trying, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(change, cancel) //nolint:contextcheck // a denial is nobody's request
		err := publish(trying)
		stop()
		cancel()
		if err == nil || change.Err() == nil || ctx.Err() != nil {
			return err
		}
	}
}
