package operator

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// Match is what a caller has in hand. Empty fields ask for nothing; texts are compared
// as they are, in full.
type Match struct {
	Invoice         string    // invoice number of the payment
	RequestID       string    // of ours, an X-EXTERNAL-ID of ours, or the payment's
	PartnerRefundNo string    // of ours
	DOKURef         string    // DOKU's refundNo, referenceNo or approval code
	Amount          int64     // rupiah
	From, To        time.Time // enqueued from then on, and before
}

// fits reports whether a record is what the caller means.
func (m Match) fits(r *refund.Record) bool {
	enqueued := r.EnqueuedAt.Time()
	if r.EnqueuedAt == 0 { // cancelled before a job came
		enqueued = r.At.Time()
	}
	said := refund.Response{}
	if r.Response != nil {
		said = *r.Response
	}
	return asked(m.Invoice, r.Job.InvoiceNumber) && asked(m.PartnerRefundNo, r.Identity.PartnerRefundNo) &&
		asked(m.RequestID, r.Identity.RequestID, r.Identity.ExternalID, r.Job.OriginalRequestID) &&
		asked(m.DOKURef, said.RefundNo, said.ReferenceNo, said.ApprovalCode) &&
		(m.Amount == 0 || m.Amount == r.Job.Amount) &&
		(m.From.IsZero() || !enqueued.Before(m.From)) && (m.To.IsZero() || enqueued.Before(m.To))
}

func asked(text string, has ...string) bool { return text == "" || slices.Contains(has, text) }

// texts are what the JSON of a record that fits must hold. One that JSON may spell in
// another way is left out: only the whole comparison can say.
func (m Match) texts() [][]byte {
	var all [][]byte
	for _, text := range []string{m.Invoice, m.RequestID, m.PartnerRefundNo, m.DOKURef} {
		plain := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }) < 0
		if text != "" && plain {
			all = append(all, []byte(text))
		}
	}
	if m.Amount != 0 {
		all = append(all, strconv.AppendInt(nil, m.Amount, 10))
	}
	return all
}

// search is one reading of the whole ledger for a [Match]. No filter of NATS sees what
// stands in a record, so every message is read, without its body: a result carries its
// record in a header. Of a step before the result there is the subject alone, which
// says that the refund is open; those that are still open at the end are looked up. So
// the memory that it takes is that of the refunds open at one time, and of one page.
type search struct {
	Operator
	filter Filter
	texts  [][]byte
	before uint64 // sequence of the last refund of the page before
	open   map[string]bool
	found  map[string]hit

	pruneAt int // how many are found before some are forgotten
}

type hit struct {
	seq   uint64
	view  View
	final bool
}

// search returns a page of refunds that match, the one that changed last first.
func (o Operator) search(ctx context.Context, f Filter) (Page, error) {
	s := &search{Operator: o, filter: f, texts: f.Match.texts(), before: math.MaxUint64, open: map[string]bool{}, found: map[string]hit{}}
	s.pruneAt = 2*f.Limit + spare
	if f.After != "" { // what moves while the first page is read stands on it all the same
		_, last, err := o.stretch(ctx, f.After)
		if err != nil {
			return Page{}, fmt.Errorf("search refunds: %w", err)
		}
		s.before = last + 1
	}
	span := Span{Subject: subjects(f), headersOnly: true}
	if !f.Match.From.IsZero() {
		span.From = f.Match.From.Add(-time.Minute) // a minute for clocks
	}
	done := uint64(0)
	err := o.read(ctx, span, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if done++; f.Progress != nil && (done%progressEvery == 0 || meta.NumPending == 0) {
			f.Progress(done, done+meta.NumPending)
		}
		return s.take(m, meta.Sequence.Stream)
	})
	if err == nil {
		err = s.lookUpOpen(ctx)
	}
	if err != nil {
		return Page{}, fmt.Errorf("search refunds: %w", err)
	}
	return s.page(), nil
}

// progressEvery is how many messages apart the progress of a search is told.
const progressEvery = 4096

func subjects(f Filter) string { return "refunds.*." + cmp.Or(string(f.Channel), "*") + ".*.*" }

// take looks at one message.
func (s *search) take(m jetstream.Msg, seq uint64) error {
	id := m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]
	text := m.Headers().Get(jobs.HeaderRecord)
	if text == "" {
		s.open[id] = true
		delete(s.found, id)
		return nil
	}
	delete(s.open, id)
	delete(s.found, id) // settled by a person after it was unresolved
	for _, part := range s.texts {
		if !bytes.Contains([]byte(text), part) {
			return nil
		}
	}
	r, err := s.cfg.Ledger.Decode(m.Subject(), m.Headers(), nil)
	if err != nil {
		return fmt.Errorf("sequence %d: %w", seq, err)
	}
	s.keep(&r, seq)
	return nil
}

// keep notes a refund where it is wanted, and forgets those that no page can show.
func (s *search) keep(r *refund.Record, seq uint64) {
	if seq >= s.before || !s.filter.fitsRecord(r, s.cfg.Now()) {
		return
	}
	s.found[r.Job.RefundID] = hit{seq, ViewOf(*r), r.State.Final()}
	if s.filter.Limit > 0 && len(s.found) > s.pruneAt {
		s.prune()
	}
}

// prune forgets final results beyond those of one page. They alone stay as they are, so
// that the newest of them fill the page whatever comes later; an unresolved one may be
// settled by a record further on.
func (s *search) prune() {
	final := 0
	for _, h := range s.newest() {
		if !h.final {
			continue
		}
		if final++; final > s.filter.Limit+1 {
			delete(s.found, h.view.RefundID)
		}
	}
	s.pruneAt = len(s.found) + s.filter.Limit + spare
}

// spare keeps prunings apart: each sorts all that is found.
const spare = 1000

func (s *search) newest() []hit {
	return slices.SortedFunc(maps.Values(s.found), func(a, b hit) int { return cmp.Compare(b.seq, a.seq) })
}

// lookUpOpen reads the last records of the refunds that had no result.
func (s *search) lookUpOpen(ctx context.Context) error {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(s.open)), atOnce) {
		entries, err := s.lasts(ctx, chunk)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Seq != 0 {
				s.keep(&e.Record, e.Seq)
			}
		}
	}
	return nil
}

func (s *search) page() Page {
	page := Page{Refunds: []View{}}
	for i, h := range s.newest() {
		if s.filter.Limit > 0 && i == s.filter.Limit {
			page.Next = strconv.FormatUint(s.before, 10)
			break
		}
		s.before = h.seq
		page.Refunds = append(page.Refunds, h.view)
	}
	return page
}
