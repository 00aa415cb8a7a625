// Package check is the one judge of every proof: the model, the simulation, the
// tests in a bubble of time and the killed processes all end with it.
//
// It reads only what stands outside the worker: the book of what stands in for
// DOKU, and the records and results in the streams. What a worker believes,
// logs or counts is no evidence. All of it is pure functions over values.
//
// Invariant: a refund about which [All] is silent was paid at most once, ended
// in exactly one final result or in doubt, and was reported as what happened.
package check

import (
	"fmt"
	"slices"

	"refundworker.example/refundworker/internal/refund"
)

// Refund is what stands outside the worker about one refund. Whoever collects
// it lists every refund that any of the sources knows: one that is in the book
// alone is the worst of all.
type Refund struct {
	ID        string
	Amount    int64          // rupiah that the job asks for; 0: no sound job was ever published
	Movements int            // how often the book says that money moved
	Moved     int64          // rupiah that the book says moved
	States    []refund.State // of its records, oldest first
	Results   []refund.State // its results as a consumer read them, in that order; nil: nobody looked
}

// Last returns the state of the last record; [refund.None] if there is none.
func (r Refund) Last() refund.State {
	if len(r.States) == 0 {
		return refund.None
	}
	return r.States[len(r.States)-1]
}

// Rule names what was broken. The zero value means that nothing was.
type Rule uint8

// The rules, by what breaks them.
const (
	Kept          Rule = iota
	PaidTwice          // money moved more than once
	PaidUnseen         // money moved, and the last word is that it did not
	PaidNever          // reported as paid, and no money moved
	PaidOther          // another amount moved than the one asked for
	PaidUnbid          // money moved for a refund that has no record
	NotEnded           // no result though all is over
	NoPath             // a record follows one that the table does not lead from
	ResultAmiss        // results and records of the refund do not agree
	SumDiffers         // the succeeded do not add up to the money moved
	SecretVisible      // a secret stands where it must not
)

var ruleNames = [...]string{
	"kept", "paid twice", "paid, and reported as not paid", "reported as paid, and not paid", "paid another amount",
	"paid without a record", "not ended", "no path of the table", "results and records differ",
	"sum of succeeded is not the money moved", "secret visible",
}

// String returns what went wrong, in a few words.
func (r Rule) String() string { return ruleNames[r] }

// Violation is one broken rule.
type Violation struct {
	ID     string // refund id, or what was searched; empty: all together
	Rule   Rule
	Detail string // never holds a secret
}

// String returns one line.
func (v Violation) String() string {
	if v.ID == "" {
		return fmt.Sprintf("%v: %s", v.Rule, v.Detail)
	}
	return fmt.Sprintf("%s: %v: %s", v.ID, v.Rule, v.Detail)
}

// Standing judges a last state against the movements of money so far. It holds
// at every moment, if the book is read after the state; it allocates nothing.
func Standing(last refund.State, movements int) Rule {
	switch {
	case movements > 1:
		return PaidTwice
	case movements == 1 && (last == refund.Failed || last == refund.Rejected):
		return PaidUnseen
	case movements == 0 && last == refund.Succeeded:
		return PaidNever
	}
	return Kept
}

// Now returns what is wrong with the refunds at any moment, whether they have
// ended or not.
func Now(refunds []Refund) []Violation {
	var found []Violation
	for _, r := range refunds {
		found = append(found, r.now()...)
	}
	return found
}

// All returns what is wrong with the refunds when everything is over.
func All(refunds []Refund) []Violation {
	found := Now(refunds)
	var succeeded, moved int64
	for _, r := range refunds {
		switch last := r.Last(); {
		case !last.Result():
			found = append(found, r.broke(NotEnded, "last record is %v", last))
		case last == refund.Succeeded:
			succeeded += r.Amount
		case last == refund.Unresolved:
			moved -= r.Moved // in doubt: a person settles it
		}
		moved += r.Moved
	}
	if succeeded != moved {
		found = append(found, Violation{Rule: SumDiffers, Detail: fmt.Sprintf("succeeded %d, moved %d rupiah", succeeded, moved)})
	}
	return found
}

func (r Refund) now() []Violation {
	found := append(r.path(), r.results()...)
	if rule := Standing(r.Last(), r.Movements); rule != Kept {
		found = append(found, r.broke(rule, "%d movements, last record is %v", r.Movements, r.Last()))
	}
	if want := int64(r.Movements) * r.Amount; r.Moved != want {
		found = append(found, r.broke(PaidOther, "%d rupiah in %d movements of %d", r.Moved, r.Movements, r.Amount))
	}
	if r.Movements > 0 && len(r.States) == 0 {
		found = append(found, r.broke(PaidUnbid, "%d movements", r.Movements))
	}
	return found
}

// path follows the records through the table.
func (r Refund) path() []Violation {
	var found []Violation
	from := refund.None
	for _, to := range r.States {
		if !refund.MayFollow(from, to) {
			found = append(found, r.broke(NoPath, "%v after %v", to, from))
		}
		from = to
	}
	return found
}

// results compares what a consumer read with the records: a result is a record,
// so one that the ledger does not hold was never true.
func (r Refund) results() []Violation {
	if r.Results == nil {
		return nil
	}
	var recorded []refund.State
	for _, s := range r.States {
		if s.Result() {
			recorded = append(recorded, s)
		}
	}
	if slices.Equal(recorded, r.Results) {
		return nil
	}
	return []Violation{r.broke(ResultAmiss, "read %v, recorded %v", r.Results, recorded)}
}

func (r Refund) broke(rule Rule, format string, args ...any) Violation {
	return Violation{ID: r.ID, Rule: rule, Detail: fmt.Sprintf(format, args...)}
}
