package dokusim

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind names what goes wrong with a request.
type Kind string

// The closed set of kinds; [Kind.About] says what each does.
const (
	BadSignature    Kind = "bad_signature"
	ByteOrderMark   Kind = "byte_order_mark"
	Delay           Kind = "delay"
	DelayAfter      Kind = "delay_after"
	Edit            Kind = "edit"
	ErrorAfter      Kind = "error_after"
	ErrorBefore     Kind = "error_before"
	ExtraAnswer     Kind = "extra_answer"
	ExtraAnswerLate Kind = "extra_answer_late"
	Gzip            Kind = "gzip"
	GzipSigned      Kind = "gzip_signed"
	HTMLAfter       Kind = "html_after"
	HTMLBefore      Kind = "html_before"
	Hold            Kind = "hold"
	HoldBefore      Kind = "hold_before"
	InProgress      Kind = "in_progress"
	JavaAmounts     Kind = "java_amounts"
	Latin1          Kind = "latin1"
	NoSignature     Kind = "no_signature"
	NumbersAsText   Kind = "numbers_as_text"
	PaddingRemoved  Kind = "padding_removed"
	Redirect        Kind = "redirect"
	Refuse          Kind = "refuse"
	RefuseAfter     Kind = "refuse_after"
	ResetAfter      Kind = "reset_after"
	ResetBefore     Kind = "reset_before"
	Respond         Kind = "respond"
	RespondAfter    Kind = "respond_after"
	NoDigestLine    Kind = "no_digest_line"
	TextAsNumbers   Kind = "text_as_numbers"
	TooMany         Kind = "too_many"
	Truncated       Kind = "truncated"
)

// Fault is one thing that goes wrong. The zero value of a field is its default.
type Fault struct {
	Kind Kind `json:"kind"`
	// Count is how many requests it meets: 0 is one, negative is every one.
	Count int `json:"count,omitzero"`
	// Delay is how long delay and delay_after wait, and how long in_progress
	// lasts by the server's clock.
	Delay time.Duration `json:"delay,omitzero"`
	// Looks is how many inquiries still see in_progress, besides Delay.
	Looks int `json:"looks,omitzero"`
	// Fails ends in_progress with a refund that failed.
	Fails bool `json:"fails,omitzero"`
	// RetryAfter goes with too_many (default 1s, negative: none) and respond.
	RetryAfter time.Duration `json:"retry_after,omitzero"`
	// Status is the HTTP status of error_* (default 500), respond* and html_*
	// (200), and refuse* (cards 400, SNAP the first three digits of Code).
	Status int `json:"status,omitzero"`
	// Body is what respond* answer, as JSON unless it begins with "<", and the
	// second answer of extra_answer* (default: the first again).
	Body string `json:"body,omitzero"`
	// Code of refuse*: error.code, or responseCode in seven digits. Two digits
	// are a case, completed by Status (default 400) and the service.
	Code string `json:"code,omitzero"`
	// Message of refuse*. Default: what goes with Code.
	Message string `json:"message,omitzero"`
	// Move, Drop and Set change the JSON of an edit, in this order, by JSON
	// pointers. A place that is not there is made by Set, and passed over by the
	// others.
	Move map[string]string         `json:"move,omitzero"`
	Drop []string                  `json:"drop,omitzero"`
	Set  map[string]jsontext.Value `json:"set,omitzero"`
	// Headers are added to whatever answer the fault leaves, or replace its own.
	Headers map[string]string `json:"headers,omitzero"`
	// Remember uses up the request's id though a "before" kind refused it: its
	// answer is what a repeated Request-Id gets, its X-EXTERNAL-ID is used.
	Remember bool `json:"remember,omitzero"`
}

// Match says which requests a rule is for; an empty field fits all.
type Match struct {
	// Operation; empty in a script means [OpRefund], so that a fault meant for a
	// refund is not spent on the token before it.
	Operation Operation `json:"operation,omitzero"`
	Channel   string    `json:"channel,omitzero"`
	Invoice   string    `json:"invoice,omitzero"`
	// Key of the refund: its Request-Id (cards, also the one that an inquiry asks
	// about) or its partnerRefundNo (SNAP refunds).
	Key string `json:"key,omitzero"`
	// ID is the request's own Request-Id or X-EXTERNAL-ID.
	ID string `json:"id,omitzero"`
}

func (m Match) fits(r Request) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return (m.Operation == OpAny || fits(string(m.Operation), string(r.Operation))) && fits(m.Channel, r.Channel) &&
		fits(m.Invoice, r.Invoice) && fits(m.Key, r.Key) && fits(m.ID, r.ID)
}

// Rule is a match and its faults. Without a probability the matching requests
// meet the faults one after the other, then none; with one (0 < p ≤ 1) each
// matching request meets, forever, one of them or none, as the seed's dice say.
// For ends the rule that long after it was added, by the server's clock.
type Rule struct {
	Match       Match         `json:"match"`
	Faults      []Fault       `json:"faults"`
	Probability float64       `json:"probability,omitzero"`
	For         time.Duration `json:"for,omitzero"`

	ends time.Time // zero: never
}

// Script adds a rule: requests that match meet these faults, in this order.
// Rules are tried in the order in which they came; the first that has a fault
// left decides.
func (s *Server) Script(m Match, faults ...Fault) error {
	return s.AddRule(Rule{Match: m, Faults: faults})
}

// AddRule adds a rule. It wraps [ErrFault] if any part of it makes no sense.
func (s *Server) AddRule(r Rule) error {
	checked, err := r.checked(s.cfg.Now())
	if err != nil {
		return err
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = append(s.faults.rules, checked)
	return nil
}

// Rules returns the rules that have faults left.
func (s *Server) Rules() []Rule {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.expire(s.cfg.Now())
	left := make([]Rule, len(s.faults.rules))
	for i, r := range s.faults.rules {
		left[i] = r
		left[i].Faults = slices.Clone(r.Faults)
	}
	return left
}

// ClearRules forgets all rules. Requests that met theirs already are not helped.
func (s *Server) ClearRules() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = nil
}

func (r Rule) checked(now time.Time) (Rule, error) {
	if r.For < 0 {
		return r, fmt.Errorf("%w: a rule ends before it begins", ErrFault)
	}
	if r.For > 0 {
		r.ends = now.Add(r.For)
	}
	if r.Probability < 0 || r.Probability > 1 || r.Probability != r.Probability {
		return r, fmt.Errorf("%w: probability is not between 0 and 1", ErrFault)
	}
	if len(r.Faults) == 0 {
		return r, fmt.Errorf("%w: a rule has no faults", ErrFault)
	}
	if r.Match.Operation == "" {
		r.Match.Operation = OpRefund
	}
	if !slices.Contains(operations, r.Match.Operation) {
		return r, fmt.Errorf("%w: no operation is called %.40q", ErrFault, string(r.Match.Operation))
	}
	r.Faults = slices.Clone(r.Faults)
	for i := range r.Faults {
		if err := r.Faults[i].check(); err != nil {
			return r, err
		}
		r.Faults[i].Count = or(r.Faults[i].Count, 1)
	}
	return r, nil
}

func (f Fault) check() error {
	if _, ok := kinds[f.Kind]; !ok {
		return fmt.Errorf("%w: no kind is called %.40q", ErrFault, string(f.Kind))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("%w: status %d is not between 200 and 599", ErrFault, f.Status)
	}
	if f.Delay < 0 {
		return fmt.Errorf("%w: delay is negative", ErrFault)
	}
	if (f.Kind == Refuse || f.Kind == RefuseAfter) && f.Code == "" {
		return fmt.Errorf("%w: %s has no code", ErrFault, f.Kind)
	}
	return f.checkEdit()
}

func (f Fault) checkEdit() error {
	places := slices.Concat(f.Drop, slices.Collect(maps.Keys(f.Set)), slices.Collect(maps.Keys(f.Move)), slices.Collect(maps.Values(f.Move)))
	if (f.Kind == Edit) != (len(places) > 0) {
		return fmt.Errorf("%w: move, drop and set are what edit does", ErrFault)
	}
	for _, place := range places {
		if !strings.HasPrefix(place, "/") {
			return fmt.Errorf("%w: %.40q is no place in an answer", ErrFault, place)
		}
	}
	for place, value := range f.Set {
		if !value.IsValid() {
			return fmt.Errorf("%w: the value of %.40q is no JSON", ErrFault, place)
		}
	}
	return nil
}

// script is the rules that are left.
type script struct {
	mu    sync.Mutex
	seed  uint64
	rules []Rule
}

// expire forgets the rules whose time is over. The caller holds the lock.
func (s *script) expire(now time.Time) {
	s.rules = slices.DeleteFunc(s.rules, func(r Rule) bool { return !r.ends.IsZero() && !now.Before(r.ends) })
}

// draw returns the fault that r meets; the zero Fault is none.
func (s *script) draw(r Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(r.At)
	for i := range s.rules {
		rule := &s.rules[i]
		if !rule.Match.fits(r) {
			continue
		}
		if rule.Probability > 0 {
			if fault, ok := rule.roll(s.seed, r); ok {
				return fault
			}
			continue
		}
		fault := rule.take()
		if len(rule.Faults) == 0 {
			s.rules = slices.Delete(s.rules, i, i+1)
		}
		return fault
	}
	return Fault{}
}

// take uses up one meeting of the first fault.
func (r *Rule) take() Fault {
	fault := r.Faults[0]
	switch {
	case fault.Count == 1:
		r.Faults = r.Faults[1:]
	case fault.Count > 1:
		r.Faults[0].Count--
	}
	return fault
}

// roll throws dice that depend on the seed and on the request alone, so that a
// run can be had again though requests come in another order.
func (r *Rule) roll(seed uint64, q Request) (Fault, bool) {
	h := fnv.New64a()
	for _, part := range []string{string(q.Operation), q.Channel, q.Invoice, q.Key, strconv.Itoa(q.Repeat)} {
		_, _ = h.Write([]byte(part + "\n"))
	}
	dice := rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // dice, not secrets
	if dice.Float64() >= r.Probability {
		return Fault{}, false
	}
	return r.Faults[dice.IntN(len(r.Faults))], true
}
