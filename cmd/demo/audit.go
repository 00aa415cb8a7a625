package main

import (
	"fmt"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// requested is a refund that was asked for.
type requested struct {
	id      string
	channel channel.Channel
	amount  int64 // rupiah; 0: the job's amount was no amount
}

// history is what the stream REFUNDS holds of one refund, oldest first.
type history struct {
	states  []refund.State // of its records
	results []jobs.Result
}

// account is one refund: what its results say, and what the book says.
type account struct {
	requested
	history

	proof    string // the error's code, or how success was proven
	says     int64  // rupiah that moved, by the last result
	moved    int64  // rupiah that moved, by the book
	times    int    // how often money moved
	problems []string
}

// audit is the comparison of the simulator's book with the results.
type audit struct {
	accounts   []account
	counts     map[refund.State]int
	succeeded  int64    // rupiah, by the results
	moved      int64    // rupiah, by the book
	unresolved int64    // part of moved: under refunds that a person must settle
	problems   []string // of no single refund
}

// agrees reports whether book and results tell the same.
func (a audit) agrees() bool {
	for _, acc := range a.accounts {
		if len(acc.problems) > 0 {
			return false
		}
	}
	return len(a.problems) == 0
}

// reconcile compares ledger, results and book. Package check decides about each
// refund and the sum, as for every other proof; what it is not told is compared
// here: channels, environments, invoices, and the book's own total.
func reconcile(asked []requested, book dokusim.Snapshot, stored map[string]history) audit {
	a := audit{counts: map[refund.State]int{}}
	claimed := make([]bool, len(book.Movements))
	refunds := make([]check.Refund, 0, len(asked))
	byID := map[string]int{}
	for i, p := range asked {
		acc := newAccount(p, stored[p.id])
		acc.claim(book.Movements, claimed)
		byID[p.id] = i
		refunds = append(refunds, acc.outside())
		a.add(acc)
	}
	for _, v := range check.All(refunds) {
		if i, one := byID[v.ID]; one {
			a.accounts[i].complain(fmt.Sprintf("%v: %s", v.Rule, v.Detail))
		} else {
			a.problems = append(a.problems, v.String())
		}
	}
	for id := range stored {
		if _, known := byID[id]; !known {
			a.problems = append(a.problems, "records of "+id+", which nobody asked for")
		}
	}
	a.compareTotal(book, claimed)
	return a
}

func newAccount(p requested, h history) account {
	acc := account{requested: p, history: h}
	if len(h.results) == 0 {
		return acc
	}
	last := acc.last()
	acc.proof = proof(last)
	if last.Status == refund.Succeeded {
		acc.says = last.Amount
	}
	for _, r := range h.results {
		if r.Channel != p.channel || r.Environment != "simulator" {
			acc.complain("a result of another channel or environment")
		}
		if r.Amount != p.amount && r.Status != refund.Rejected {
			acc.complain("a result of " + rupiah(r.Amount) + ", asked for " + rupiah(p.amount))
		}
	}
	return acc
}

// last returns the last result; the zero value where there is none.
func (acc *account) last() jobs.Result {
	if len(acc.results) == 0 {
		return jobs.Result{}
	}
	return acc.results[len(acc.results)-1]
}

// claim takes the movements of money that the refund's own identifier caused.
func (acc *account) claim(movements []dokusim.Movement, claimed []bool) {
	last := acc.last()
	key := identifier(last)
	for i, m := range movements {
		if key == "" || m.Key != key || m.Channel != string(acc.channel) {
			continue
		}
		claimed[i] = true
		acc.times++
		acc.moved += m.Amount
		if m.Invoice != last.InvoiceNumber {
			acc.complain("money moved on another invoice, " + m.Invoice)
		}
	}
}

// outside is the account as package check judges it.
func (acc *account) outside() check.Refund {
	r := check.Refund{
		ID: acc.id, Amount: acc.amount, Movements: acc.times, Moved: acc.moved, States: acc.states, Results: []refund.State{},
	}
	for _, result := range acc.results {
		r.Results = append(r.Results, result.Status)
	}
	return r
}

func (a *audit) add(acc account) {
	a.accounts = append(a.accounts, acc)
	a.counts[acc.last().Status]++
	a.succeeded += acc.says
	if acc.last().Status == refund.Unresolved {
		a.unresolved += acc.moved
	}
}

// compareTotal finds money that moved for nobody, and a total that is not the
// sum of its rows.
func (a *audit) compareTotal(book dokusim.Snapshot, claimed []bool) {
	for i, m := range book.Movements {
		a.moved += m.Amount
		if !claimed[i] {
			a.problems = append(a.problems, fmt.Sprintf("%s moved on %s, invoice %s, for no refund of ours", rupiah(m.Amount), m.Channel, m.Invoice))
		}
	}
	if book.Total.Amount != a.moved || book.Total.Movements != len(book.Movements) {
		a.problems = append(a.problems, fmt.Sprintf("the book's total is %s in %d movements, its rows are %s in %d",
			rupiah(book.Total.Amount), book.Total.Movements, rupiah(a.moved), len(book.Movements)))
	}
}

// identifier is what DOKU knows the refund by; empty if it was never sent.
func identifier(r jobs.Result) string {
	if r.Channel.Facts().Family == channel.SNAP {
		return r.PartnerRefundNo
	}
	return r.RequestID
}

func (acc *account) complain(text string) { acc.problems = append(acc.problems, text) }
