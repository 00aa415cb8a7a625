package main

import (
	"fmt"
	"strings"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// published is a refund that was asked for.
type published struct {
	id      string
	channel channel.Channel
	amount  int64 // rupiah; 0: the job's amount was no amount
}

// account is one refund: what its results say, and what the book says.
type account struct {
	published
	status   refund.State // of the last result
	proof    string       // the error's code, or how success was proven
	says     int64        // rupiah that moved, by the results
	moved    int64        // rupiah that moved, by the book
	times    int          // how often money moved
	problems []string
}

// audit is the comparison of the simulator's book with the results.
type audit struct {
	accounts  []account
	counts    map[refund.State]int
	succeeded int64    // rupiah, by the results
	moved     int64    // rupiah, by the book
	doubtful  int64    // part of moved: under refunds that a person must settle
	problems  []string // of no single refund
}

// agrees reports whether book and results tell the same story.
func (a audit) agrees() bool {
	for _, acc := range a.accounts {
		if len(acc.problems) > 0 {
			return false
		}
	}
	return len(a.problems) == 0
}

// reconcile compares, refund by refund and to the rupiah: at most one movement
// of money each, exactly one final result or unresolved, and money moved for
// every `succeeded` and for no other result but, perhaps, an unresolved one.
func reconcile(asked []published, book dokusim.Snapshot, results []jobs.Result) audit {
	a := audit{counts: map[refund.State]int{}}
	byID := map[string][]jobs.Result{}
	for _, r := range results {
		byID[r.RefundID] = append(byID[r.RefundID], r)
	}
	claimed := make([]bool, len(book.Movements))
	for _, p := range asked {
		acc := settle(p, byID[p.id], book.Movements, claimed)
		delete(byID, p.id)
		a.add(acc)
	}
	for id := range byID {
		a.problems = append(a.problems, "a result for "+id+", which nobody asked for")
	}
	a.total(book, claimed)
	return a
}

func (a *audit) add(acc account) {
	a.accounts = append(a.accounts, acc)
	a.counts[acc.status]++
	a.succeeded += acc.says
	if acc.status == refund.Unresolved {
		a.doubtful += acc.moved
	}
}

// total compares the sums, which would show what no single refund does.
func (a *audit) total(book dokusim.Snapshot, claimed []bool) {
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
	if a.succeeded != a.moved-a.doubtful {
		a.problems = append(a.problems, fmt.Sprintf("succeeded results say %s, the book moved %s", rupiah(a.succeeded), rupiah(a.moved-a.doubtful)))
	}
}

// settle is the account of one refund. It claims the movements that its own
// identifier caused.
func settle(p published, results []jobs.Result, movements []dokusim.Movement, claimed []bool) account {
	acc := account{published: p}
	if len(results) == 0 {
		acc.complain("no result")
		return acc
	}
	last := results[len(results)-1]
	acc.status, acc.proof = last.Status, proof(last)
	if last.Status == refund.Succeeded {
		acc.says = last.Amount
	}
	acc.checkResults(results)
	key := identifier(last)
	for i, m := range movements {
		if key == "" || m.Key != key || m.Channel != string(p.channel) {
			continue
		}
		claimed[i] = true
		acc.times++
		acc.moved += m.Amount
		if m.Invoice != last.InvoiceNumber {
			acc.complain("money moved on another invoice, " + m.Invoice)
		}
	}
	acc.checkMoney(last)
	return acc
}

// identifier is what DOKU knows the refund by; empty if it was never sent.
func identifier(r jobs.Result) string {
	if r.Channel.Facts().Family == channel.SNAP {
		return r.PartnerRefundNo
	}
	return r.RequestID
}

func (acc *account) complain(text string) { acc.problems = append(acc.problems, text) }

// checkResults: exactly one, or an unresolved one and what settled it.
func (acc *account) checkResults(results []jobs.Result) {
	var statuses []string
	for _, r := range results {
		statuses = append(statuses, r.Status.String())
		if r.Channel != acc.channel || r.Environment != "simulator" {
			acc.complain("a result of another channel or environment")
		}
	}
	switch all := strings.Join(statuses, ", "); all {
	case "succeeded", "failed", "rejected", "unresolved", "unresolved, succeeded", "unresolved, failed":
	default:
		acc.complain("results " + all)
	}
}

func (acc *account) checkMoney(last jobs.Result) {
	if acc.times > 1 {
		acc.complain(fmt.Sprintf("money moved %d times", acc.times))
	}
	if last.Status == refund.Succeeded && last.Amount != acc.amount {
		acc.complain("asked for " + rupiah(acc.amount))
	}
	switch {
	case last.Status == refund.Unresolved && (acc.moved == 0 || acc.moved == acc.amount):
	case last.Status == refund.Unresolved:
		acc.complain("moved another amount than was asked for")
	case acc.says != acc.moved:
		acc.complain("result and book differ")
	}
}
