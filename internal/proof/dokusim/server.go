package dokusim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is one simulated DOKU with one merchant. It is safe for concurrent use.
type Server struct {
	cfg     Config
	book    *book
	faults  *script
	held    *holds
	seen    *register
	tokens  *tokens
	traffic traffic
	closed  chan struct{}
	close   sync.Once

	lingering sync.WaitGroup // connections with an answer too many
	working   working
}

// New returns a server, with the book of cfg.BookFile if there is one. Its
// errors wrap [ErrConfig] (all problems at once) or [ErrBook]. Call
// [Server.Close] when done.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.filled()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, faults: &script{seed: cfg.Seed}, held: newHolds(),
		seen: newRegister(cfg.KeepRequests), tokens: newTokens(), closed: make(chan struct{}),
	}
	s.book = newBook(s.cardBody)
	if cfg.BookFile == "" {
		return s, nil
	}
	s.book.journal, err = openJournal(cfg.BookFile, s.book.restore)
	return s, err
}

// Close ends every held or delayed request without an answer, and closes the
// book file. Calling it twice is harmless. Close the HTTP server after it, not
// before: that one waits for the held requests.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closed)
		s.lingering.Wait()
		s.book.mu.Lock()
		defer s.book.mu.Unlock()
		err = s.book.journal.close()
	})
	return err
}

// headerTimeout bounds how long a request may take to begin.
const headerTimeout = 10 * time.Second

// Serve answers on l until ctx ends, then lets running requests finish (held
// ones end without an answer) and returns nil. It owns l, and counts what
// arrives on it for [Server.Traffic].
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(s.Count(l)) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	closing := s.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	stopping := server.Shutdown(grace)
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, closing, stopping)
	}
	return errors.Join(closing, stopping)
}

// Handler serves DOKU's API, the control plane under /_sim/ and the page at /.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, r := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, q *http.Request) { s.serve(w, q, r) })
	}
	control := http.NewCrossOriginProtection().Handler(s.control())
	mux.Handle("/_sim/", control)
	mux.Handle("GET /{$}", control)
	return mux
}

// route is one endpoint: identify reads what names the request, however broken
// it is; commit verifies it and does what it asks.
type route struct {
	op       Operation
	family   family
	service  string // SNAP: the middle of its response codes
	identify func(*Server, *exchange)
	commit   func(*Server, *exchange) answer
}

var routes = map[string]route{
	"POST /cancellation/credit-card/refund":     {OpRefund, cards, "", (*Server).identifyCard, (*Server).refundCard},
	"GET /orders/v1/status/{id}":                {OpInquiry, cards, "", (*Server).identifyCardStatus, (*Server).cardStatus},
	"POST /direct-debit/core/v1/debit/refund":   {OpRefund, snap, serviceRefund, (*Server).identifySNAP, (*Server).refundSNAP},
	"POST /orders/v1.0/debit/status":            {OpInquiry, snap, serviceStatus, (*Server).identifySNAP, (*Server).snapStatus},
	"POST /authorization/v1/access-token/b2b":   {OpTokenB2B, snap, serviceB2B, nil, (*Server).tokenB2B},
	"POST /authorization/v1/access-token/b2b2c": {OpTokenB2B2C, snap, serviceB2B2C, nil, (*Server).tokenB2B2C},
	"/": {OpOther, plain, "", nil, (*Server).notFound},
}

// exchange is one request on its way.
type exchange struct {
	route
	q        *http.Request
	body     []byte
	hash     [32]byte // SHA-256 of body
	at       time.Time
	seen     Request
	fault    Fault
	card     cardOrder
	snap     snapOrder
	decoding error // of the body
	taken    bool  // a refund was taken on, or declined as one
	known    bool  // its id was there before
}

// largestBody is what is read of a request; no real one comes near it.
const largestBody = 64 << 10

func (s *Server) serve(w http.ResponseWriter, q *http.Request, r route) {
	x := &exchange{route: r, q: q, at: s.cfg.Now()}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, largestBody))
	x.body, x.decoding, x.hash = body, err, sha256.Sum256(body)
	x.seen = Request{At: x.at, Operation: r.op, Target: q.Method + " " + q.URL.EscapedPath(), BodyHash: hexOf(x.hash)}
	if x.identify != nil {
		x.identify(s, x)
	}
	x.seen = s.seen.arrive(x.seen)
	if x.fault = s.faults.draw(x.seen); x.fault.Kind != "" {
		x.seen.Fault = x.fault.Kind
		s.seen.update(x.seen)
	}
	a := s.inForm(s.answerTo(x))
	a.headers = merged(a.headers, x.fault.Headers)
	x.seen.Code = a.code
	if a.cut != cutReset {
		x.seen.Status = a.status
	}
	s.seen.update(x.seen)
	s.cfg.Log.Debug("request answered", "operation", x.op, "channel", x.seen.Channel, "code", a.code,
		"status", x.seen.Status, "fault", string(x.fault.Kind), "duration", s.cfg.Now().Sub(x.at))
	s.write(w, x, a)
}

// answerTo works for half of the delay, commits, and works for the other half,
// so that a client that is killed at random dies on both sides of the commit.
func (s *Server) answerTo(x *exchange) answer {
	kind := kinds[x.fault.Kind]
	if kind.before != nil {
		if a, instead := kind.before(s, x); instead {
			return s.remember(x, a)
		}
	}
	if s.cfg.has(QuirkOneRefundAtATime) && x.op == OpRefund {
		if !s.working.begin(x.seen) {
			return s.refundInProgress(x)
		}
		defer s.working.end(x.seen)
	}
	if !s.pause(s.cfg.Delay / 2) {
		return answer{cut: cutReset}
	}
	a := s.usedUp(x, x.commit(s, x))
	if !s.pause(s.cfg.Delay - s.cfg.Delay/2) {
		return answer{cut: cutReset}
	}
	if kind.after != nil {
		return kind.after(s, x, a)
	}
	return a
}

// pause waits whether or not the client does: DOKU continues with a request whose
// sender has hung up. It is false when the server closes.
func (s *Server) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closed:
		return false
	}
}
