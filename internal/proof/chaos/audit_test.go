//go:build unix

package chaos

import (
	"slices"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// testimony is what both witnesses say about a card refund that was paid and one
// of the other family that stays in doubt, and no more.
func testimony() (*Audit, dokusim.Snapshot) {
	paid, doubtful := card(1), mandiri(1)
	a := newAudit([]jobs.Job{paid, doubtful}, "key-of-the-merchant")
	r := a.Refunds[paid.RefundID]
	r.States = []refund.State{refund.Sending, refund.Succeeded}
	r.Results = []jobs.Result{{Status: refund.Succeeded}}
	r = a.Refunds[doubtful.RefundID]
	r.States = []refund.State{refund.Sending, refund.Unknown, refund.Unresolved}
	r.Results = []jobs.Result{{Status: refund.Unresolved}}
	book := dokusim.Snapshot{
		Movements: []dokusim.Movement{
			{Channel: string(paid.Channel), Invoice: paid.InvoiceNumber, Amount: paid.Amount},
			{Channel: string(doubtful.Channel), Invoice: doubtful.InvoiceNumber, Amount: doubtful.Amount},
		},
		Total: dokusim.Sum{Movements: 2, Amount: paid.Amount + doubtful.Amount},
	}
	return a, book
}

func TestAuditIsSilentWhereBothWitnessesAgree(t *testing.T) {
	t.Parallel()
	a, book := testimony()
	a.judge(book)
	a.search("log", []byte("refund settled"))
	a.searchCrash("log", []byte(`{"msg":"handler panicked","stack":"panic({0x1})"}`))
	if len(a.Problems) > 0 {
		t.Error(a.Problems)
	}
}

// move adds a movement to the book.
func move(book *dokusim.Snapshot, m dokusim.Movement) {
	book.Movements = append(book.Movements, m)
	book.Total.Movements, book.Total.Amount = book.Total.Movements+1, book.Total.Amount+m.Amount
}

func TestAuditTellsEveryPromiseThatIsBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want   string
		spoils func(a *Audit, r *Refund, book *dokusim.Snapshot)
	}{
		"paid twice": {
			"card-00001: " + check.PaidTwice.String(),
			func(_ *Audit, _ *Refund, book *dokusim.Snapshot) { move(book, book.Movements[0]) },
		},
		"paid for nobody": {
			"credit_card INV-X: nobody published",
			func(_ *Audit, _ *Refund, book *dokusim.Snapshot) {
				move(book, dokusim.Movement{Channel: "credit_card", Invoice: "INV-X", Amount: 1})
			},
		},
		"no result": {
			"card-00001: " + check.NotEnded.String(),
			func(_ *Audit, r *Refund, _ *dokusim.Snapshot) { r.States, r.Results = r.States[:1], nil },
		},
		"two results": {
			"card-00001: " + check.NoPath.String(),
			func(_ *Audit, r *Refund, _ *dokusim.Snapshot) {
				r.States, r.Results = append(r.States, refund.Succeeded), append(r.Results, r.Results[0])
			},
		},
		"another word in the event": {
			"card-00001: " + check.ResultAmiss.String(),
			func(_ *Audit, r *Refund, _ *dokusim.Snapshot) { r.Results[0].Status = refund.Failed },
		},
		"paid and called failed": {
			"card-00001: " + check.PaidUnseen.String(),
			func(_ *Audit, r *Refund, _ *dokusim.Snapshot) {
				r.States[1], r.Results[0].Status = refund.Failed, refund.Failed
			},
		},
		"another amount": {
			check.SumDiffers.String(),
			func(_ *Audit, _ *Refund, book *dokusim.Snapshot) { book.Movements[0].Amount++; book.Total.Amount++ },
		},
		"a book that does not add up": {
			"the book shows", func(_ *Audit, _ *Refund, book *dokusim.Snapshot) { book.Total.Amount++ },
		},
		"a customer's token in a log": {
			check.SecretVisible.String(),
			func(a *Audit, _ *Refund, _ *dokusim.Snapshot) { a.search("log", []byte("Bearer token-of-a-customer")) },
		},
		"a worker that crashed": {
			"the log of process 7: panic: close of closed channel",
			func(a *Audit, _ *Refund, _ *dokusim.Snapshot) {
				a.searchCrash("the log of process 7", []byte("{}\npanic: close of closed channel\n\ngoroutine 1 [running]:\n"))
			},
		},
		"a worker that raced": {
			"WARNING: DATA RACE",
			func(a *Audit, _ *Refund, _ *dokusim.Snapshot) { a.searchCrash("log", []byte("WARNING: DATA RACE\n")) },
		},
		"the merchant's key in a record": {
			check.SecretVisible.String(),
			func(a *Audit, _ *Refund, _ *dokusim.Snapshot) { a.search("log", []byte("key-of-the-merchant")) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, book := testimony()
			c.spoils(a, a.Refunds[card(1).RefundID], &book)
			a.judge(book)
			if !slices.ContainsFunc(a.Problems, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("want %q among %q", c.want, a.Problems)
			}
		})
	}
}
