package service_test

import (
	"testing"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// audit is the one check at the end of everything: it holds the stream REFUNDS
// against the simulator's book. Every refund must have an invoice of its own.
func (f fixture) audit(t *testing.T) {
	t.Helper()
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	book := f.DOKU.Book()
	var all []check.Refund
	accounted := 0
	for id, entries := range f.journal.byID {
		r := check.Refund{ID: id, Amount: entries[0].Job.Amount, Results: []refund.State{}}
		for _, m := range book.MovedFor(string(entries[0].Job.Channel), entries[0].Job.InvoiceNumber) {
			r.Movements++
			r.Moved += m.Amount
		}
		for _, e := range entries {
			r.States = append(r.States, e.State)
			if e.State.Result() {
				r.Results = append(r.Results, e.result(t).Status)
			}
		}
		accounted += r.Movements
		all = append(all, r)
		f.checkRecords(t, id, entries)
	}
	for _, v := range check.All(all) {
		t.Error(v)
	}
	if accounted != book.Total.Movements {
		t.Errorf("%d movements of money, %d belong to refunds of the ledger", book.Total.Movements, accounted)
	}
}

// checkRecords holds what docs/architecture.md, "States and transitions" says
// of the records of one refund, and of the identifiers of its sends.
func (f fixture) checkRecords(t *testing.T, id string, entries []entry) {
	t.Helper()
	var before entry
	for _, e := range entries {
		sends := before.Sends
		if e.State == refund.Sending {
			sends++
		}
		switch {
		case e.Prev != before.seq:
			t.Errorf("%s: %s follows %d, not %d", id, e.State, e.Prev, before.seq)
		case e.Sends != sends:
			t.Errorf("%s: %s counts %d sends, not %d", id, e.State, e.Sends, sends)
		case before.FirstUnknown > 0 && (e.FirstUnknown != before.FirstUnknown || e.Identity != before.Identity):
			t.Errorf("%s: %s after a doubt forgets it or changes an identifier", id, e.State)
		case before.FirstUnknown > 0 && e.State == refund.Waiting:
			t.Errorf("%s: waiting after a doubt", id)
		case sends > 1 && (e.Identity.RequestID != before.Identity.RequestID || e.Identity.PartnerRefundNo != before.Identity.PartnerRefundNo):
			t.Errorf("%s: %s changes an identifier that is for ever", id, e.State)
		case e.State == refund.Sending && sends > 1 && before.FirstUnknown == 0 && before.Identity.ExternalID != "" && e.Identity.ExternalID == before.Identity.ExternalID:
			t.Errorf("%s: an X-EXTERNAL-ID that was refused is used again", id)
		case e.State == refund.Sending && before.FirstUnknown > 0 && e.At < before.AskFrom:
			t.Errorf("%s: sent again at %v, before %v", id, e.At.Time(), before.AskFrom.Time())
		case e.State == refund.Sending && e.At < before.Due:
			t.Errorf("%s: sends at %v, due was %v", id, e.At.Time(), before.Due.Time())
		}
		before = e
	}
}

// settled waits until every job has been acknowledged: work that is left in the
// queue would be done again.
func (f fixture) settled(t *testing.T) {
	t.Helper()
	eventually(t, "an empty queue", func() bool { return f.queued(t) == 0 })
}

// queued counts the jobs that have not been acknowledged.
func (f fixture) queued(t *testing.T) uint64 {
	t.Helper()
	s, err := f.JS.Stream(t.Context(), stream.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}
