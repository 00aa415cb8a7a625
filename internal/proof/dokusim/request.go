package dokusim

import (
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// Operation is what a request asks for.
type Operation string

// The operations; OpAny is for matches only.
const (
	OpRefund     Operation = "refund"
	OpInquiry    Operation = "inquiry"
	OpTokenB2B   Operation = "b2b"
	OpTokenB2B2C Operation = "b2b2c"
	OpOther      Operation = "other"
	OpAny        Operation = "any"
)

var operations = []Operation{OpRefund, OpInquiry, OpTokenB2B, OpTokenB2B2C, OpOther, OpAny}

// Request is what is kept of a request that arrived: nothing secret.
type Request struct {
	Seq       int       `json:"seq"` // 1 for the first
	At        time.Time `json:"at"`
	Operation Operation `json:"operation"`
	Target    string    `json:"target"`            // method and path
	ID        string    `json:"id,omitempty"`      // Request-Id or X-EXTERNAL-ID
	Channel   string    `json:"channel,omitempty"` // if it could be read, as all below
	Invoice   string    `json:"invoice,omitempty"`
	Key       string    `json:"key,omitempty"`         // of the refund: see Match.Key
	Amount    int64     `json:"amount,omitzero"`       // rupiah
	BodyHash  string    `json:"body_sha256,omitempty"` // hex
	Repeat    int       `json:"repeat"`                // 1 for the first of this operation, channel, invoice and key
	Fault     Kind      `json:"fault,omitempty"`       // that it met
	Status    int       `json:"status,omitzero"`       // that was answered; 0: none (yet)
	Code      string    `json:"code,omitempty"`        // DOKU's, of the answer
}

// Requests returns the last Config.KeepRequests requests, oldest first.
func (s *Server) Requests() []Request { return s.seen.list(Match{Operation: OpAny}, -1) }

// RequestsFor returns those that match. An empty operation fits all.
func (s *Server) RequestsFor(m Match) []Request { return s.seen.list(m, -1) }

// Seen counts all requests ever, by operation.
func (s *Server) Seen() map[Operation]int {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	counts := make(map[Operation]int, len(s.seen.counts))
	for op, n := range s.seen.counts {
		counts[op] = n
	}
	return counts
}

// register is the log of requests: a ring of the newest.
type register struct {
	mu      sync.Mutex
	keep    int
	ring    []Request // Seq is at (Seq-1) mod keep
	total   int
	counts  map[Operation]int
	repeats map[repeatKey]int
}

type repeatKey struct {
	op                    Operation
	channel, invoice, key string
}

func newRegister(keep int) *register {
	return &register{keep: keep, counts: map[Operation]int{}, repeats: map[repeatKey]int{}}
}

// arrive numbers the request and keeps it.
func (g *register) arrive(r Request) Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total++
	g.counts[r.Operation]++
	key := repeatKey{r.Operation, r.Channel, r.Invoice, r.Key}
	g.repeats[key]++
	r.Seq, r.Repeat = g.total, g.repeats[key]
	if len(g.ring) < g.keep {
		g.ring = append(g.ring, r)
	} else {
		g.ring[(r.Seq-1)%g.keep] = r
	}
	return r
}

// update replaces what is kept of r, unless it is gone.
func (g *register) update(r Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := (r.Seq - 1) % g.keep; g.ring[at].Seq == r.Seq {
		g.ring[at] = r
	}
}

// list returns the last n that match, oldest first; all of them if n < 0.
func (g *register) list(m Match, n int) []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := []Request{}
	for seq := g.total; seq > g.total-len(g.ring) && len(found) != n; seq-- {
		if r := g.ring[(seq-1)%g.keep]; m.fits(r) {
			found = append(found, r)
		}
	}
	slices.Reverse(found)
	return found
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
