package dokusim

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// kind is what a fault does: before the commit, where it may answer instead of
// it, or after it.
type kind struct {
	before func(*Server, *exchange) (answer, bool)
	after  func(*Server, *exchange, answer) answer
}

// kinds is the closed table of faults. in_progress stands in the book itself.
var kinds = map[Kind]kind{
	BadSignature:    {after: signedAs(signedWrong)},
	ByteOrderMark:   {after: formed(byteOrderMark)},
	Delay:           {before: func(s *Server, x *exchange) (answer, bool) { return answer{cut: cutReset}, !s.pause(x.fault.Delay) }},
	DelayAfter:      {after: delayAfter},
	Edit:            {after: func(_ *Server, x *exchange, a answer) answer { return x.fault.edited(a) }},
	ErrorAfter:      {after: func(s *Server, x *exchange, _ answer) answer { return s.brokenDown(x) }},
	ErrorBefore:     {before: func(s *Server, x *exchange) (answer, bool) { return s.brokenDown(x), true }},
	ExtraAnswer:     {after: func(_ *Server, x *exchange, a answer) answer { return x.fault.twice(a, false) }},
	ExtraAnswerLate: {after: func(_ *Server, x *exchange, a answer) answer { return x.fault.twice(a, true) }},
	Gzip:            {after: formed(compressed)},
	GzipSigned:      {after: formed(compressedFirst)},
	HTMLAfter:       {after: func(_ *Server, x *exchange, _ answer) answer { return x.fault.page() }},
	HTMLBefore:      {before: func(_ *Server, x *exchange) (answer, bool) { return x.fault.page(), true }},
	Hold:            {after: holdAnswer},
	HoldBefore:      {before: holdRequest},
	InProgress:      {},
	JavaAmounts:     {after: formed(javaAmounts)},
	Latin1:          {after: formed(latin1)},
	NoDigestLine:    {after: signedAs(signedNoDigest)},
	NoSignature:     {after: signedAs(signedNot)},
	NumbersAsText:   {after: formed(numbersAsText)},
	PaddingRemoved:  {after: signedAs(signedUnpadded)},
	Redirect:        {before: func(_ *Server, x *exchange) (answer, bool) { return redirect(x), true }},
	Refuse:          {before: func(s *Server, x *exchange) (answer, bool) { return s.refusal(x), true }},
	RefuseAfter:     {after: func(s *Server, x *exchange, _ answer) answer { return s.refusal(x) }},
	ResetAfter:      {after: func(*Server, *exchange, answer) answer { return answer{cut: cutReset} }},
	ResetBefore:     {before: func(*Server, *exchange) (answer, bool) { return answer{cut: cutReset}, true }},
	Respond:         {before: func(_ *Server, x *exchange) (answer, bool) { return x.fault.scripted(), true }},
	RespondAfter:    {after: func(_ *Server, x *exchange, _ answer) answer { return x.fault.scripted() }},
	TextAsNumbers:   {after: formed(textAsNumbers)},
	TooMany:         {before: func(s *Server, x *exchange) (answer, bool) { return s.tooMany(x), true }},
	Truncated:       {after: func(_ *Server, _ *exchange, a answer) answer { a.cut = cutHalf; return a }},
}

// Kinds returns the names of all faults, in order.
func Kinds() []Kind {
	names := make([]Kind, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func delayAfter(s *Server, x *exchange, a answer) answer {
	if !s.pause(x.fault.Delay) {
		a.cut = cutReset
	}
	return a
}

func (s *Server) brokenDown(x *exchange) answer {
	return s.plainError(x, or(x.fault.Status, http.StatusInternalServerError))
}

func (f Fault) page() answer { return gatewayPage(or(f.Status, http.StatusOK)) }

func formed(f form) func(*Server, *exchange, answer) answer {
	return func(_ *Server, _ *exchange, a answer) answer { return f(a) }
}

func signedAs(how signing) func(*Server, *exchange, answer) answer {
	return func(_ *Server, _ *exchange, a answer) answer { a.signing = how; return a }
}

// refusal is an error of x's family with the code that the fault names.
func (s *Server) refusal(x *exchange) answer {
	f := x.fault
	if x.family != snap {
		return cardRefusal(or(f.Status, http.StatusBadRequest), f.Code, or(f.Message, f.Code))
	}
	code := f.Code
	if digits(code, 2) && len(code) == 2 {
		_, code = s.snapHead(x, or(f.Status, http.StatusBadRequest), f.Code)
	}
	status := or(f.Status, http.StatusBadRequest)
	if of, err := strconv.Atoi(code[:min(3, len(code))]); err == nil && f.Status == 0 && len(code) == 7 {
		status = of
	}
	return jsonAnswer(status, code, snapHead{s.snapCode(code), or(f.Message, snapWordsOf(code))})
}

// redirect is a 307, on which a client that follows it repeats its POST.
func redirect(x *exchange) answer {
	return answer{status: http.StatusTemporaryRedirect, headers: map[string]string{"Location": x.q.URL.EscapedPath()}}
}

func (s *Server) tooMany(x *exchange) answer {
	a := s.plainError(x, http.StatusTooManyRequests)
	a.headers = retryAfter(or(x.fault.RetryAfter, time.Second))
	return a
}

func (f Fault) scripted() answer {
	return answer{status: or(f.Status, http.StatusOK), body: []byte(f.Body), headers: retryAfter(f.RetryAfter), verbatim: true}
}

func retryAfter(d time.Duration) map[string]string {
	if d <= 0 {
		return nil
	}
	return map[string]string{"Retry-After": strconv.Itoa(int(math.Ceil(d.Seconds())))}
}

func holdAnswer(s *Server, x *exchange, a answer) answer {
	if !s.held.wait(x.seen, true, x.q.Context().Done(), s.closed) {
		return answer{cut: cutReset}
	}
	return a
}

// holdRequest outlives its client: what DOKU has received may run much later.
func holdRequest(s *Server, x *exchange) (answer, bool) {
	released := s.held.wait(x.seen, false, nil, s.closed)
	return answer{cut: cutReset}, !released
}

// Held is a request that waits to be released.
type Held struct {
	Request   Request `json:"request"`
	Committed bool    `json:"committed"` // hold, not hold_before
	release   chan struct{}
}

// holds is what is held at the moment.
type holds struct {
	mu      sync.Mutex
	waiting map[int]Held  // by Seq
	changed chan struct{} // closed and replaced when one is added
}

func newHolds() *holds { return &holds{waiting: map[int]Held{}, changed: make(chan struct{})} }

// wait is true when released, false when gone or closed comes first.
func (h *holds) wait(r Request, committed bool, gone, closed <-chan struct{}) bool {
	held := Held{Request: r, Committed: committed, release: make(chan struct{})}
	h.mu.Lock()
	h.waiting[r.Seq] = held
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiting, r.Seq)
	}()
	select {
	case <-held.release:
		return true
	case <-gone:
	case <-closed:
	}
	return false
}

// WaitHeld waits until at least one request that matches is held and returns
// those that are, oldest first. An empty operation fits all. Its error is ctx's.
func (s *Server) WaitHeld(ctx context.Context, m Match) ([]Held, error) {
	for {
		found, changed := s.held.find(m)
		if len(found) > 0 {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Release lets the held requests that match go on and says how many they were.
func (s *Server) Release(m Match) int {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	released := 0
	for seq, held := range s.held.waiting {
		if m.fits(held.Request) {
			close(held.release)
			delete(s.held.waiting, seq)
			released++
		}
	}
	return released
}

func (h *holds) find(m Match) ([]Held, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := []Held{}
	for _, held := range h.waiting {
		if m.fits(held.Request) {
			found = append(found, held)
		}
	}
	slices.SortFunc(found, func(a, b Held) int { return a.Request.Seq - b.Request.Seq })
	return found, h.changed
}
