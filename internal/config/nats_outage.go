package config

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// reportEvery is how often an outage that lasts is told.
	reportEvery = time.Minute

	// Between two rounds of attempts. Servers log every login that they refuse.
	retryWait  = 500 * time.Millisecond
	refuseWait = time.Second
)

// outage watches one connection: it tells that it is lost, once a minute that it
// still is, and that it is back. The client's callbacks come in any order, from
// several goroutines, and as often as they like.
type outage struct {
	watch   NATSWatch
	servers *servers
	nc      atomic.Pointer[nats.Conn] // nil until the client has returned it

	mu      sync.Mutex
	used    []string // the addresses that the client has
	ever    bool     // connected at some time
	began   time.Time
	told    time.Time
	refused bool // told that the login is refused
}

// down tells of one failure. Nothing that it says holds a user or a password:
// the client knows addresses only.
func (o *outage) down(err error) {
	if err == nil {
		return // closed by ourselves
	}
	refused := isRefusal(err)
	if refused {
		err = fmt.Errorf("user, password or credentials refused: %w", err)
	}
	if problem := o.servers.lastProblem(); problem != nil {
		err = fmt.Errorf("%w (%w)", err, problem)
	}
	o.report(err, refused)
	if o.watch.Down != nil {
		o.watch.Down(err)
	}
}

// report logs the first failure of an outage, the first refusal, and one a minute.
func (o *outage) report(err error, refused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.watch.now()
	first := o.began.IsZero()
	if first {
		o.began = now
	}
	news := first || refused && !o.refused
	if !news && now.Sub(o.told) < reportEvery {
		return
	}
	o.told, o.refused = now, o.refused || refused
	switch {
	case o.watch.Log == nil:
	case first && !refused:
		o.watch.Log.Warn("not connected to NATS", "error", err)
	default:
		o.watch.Log.Error("not connected to NATS: trying again", "error", err, "duration", now.Sub(o.began))
	}
}

func (o *outage) up() {
	o.mu.Lock()
	began := o.began
	o.began, o.told, o.refused, o.ever = time.Time{}, time.Time{}, false, true
	o.mu.Unlock()
	if o.watch.Log != nil {
		var attrs []any
		if !began.IsZero() {
			attrs = []any{"duration", o.watch.now().Sub(began)}
		}
		o.watch.Log.Info("connected to NATS", attrs...)
	}
	if o.watch.Up != nil {
		o.watch.Up()
	}
}

// between is called after every round of attempts. It is the only place to learn
// what kept a connection from being made when that was neither a dead port nor a
// refused login: a certificate, or a file that cannot be read.
func (o *outage) between(int) time.Duration {
	wait := retryWait
	if nc := o.nc.Load(); nc != nil {
		err := nc.LastError()
		o.down(err)
		if err != nil && isRefusal(err) {
			wait = refuseWait
		}
		o.follow(nc)
	}
	return wait*4/5 + rand.N(wait*2/5) //nolint:gosec // no secret: it only spreads a fleet
}

// follow gives the client the addresses that the file holds now. Before the
// first connection it changes their order too: only the last of a round is heard
// of, and a dead node must not hide that the others refuse our login.
func (o *outage) follow(nc *nats.Conn) {
	o.servers.refresh()
	list := o.servers.addresses()
	o.mu.Lock()
	changed, ever := !slices.Equal(list, o.used), o.ever
	o.mu.Unlock()
	if !changed && (ever || len(list) < 2) || len(list) == 0 {
		return
	}
	if err := nc.SetServerPool(shuffled(list)); err != nil {
		o.down(fmt.Errorf("use the addresses of NATS_URL_FILE: %w", err))
		return
	}
	o.mu.Lock()
	o.used = list
	o.mu.Unlock()
}

// isRefusal reports whether a server said that it does not know us.
func isRefusal(err error) bool {
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired) {
		return true
	}
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "authorization violation") || strings.Contains(text, "user authentication") ||
		strings.Contains(text, "account authentication")
}
