package model

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// Outcome is what an exploration saw.
type Outcome struct {
	Worlds int                  // different ones
	Moves  int                  // between them
	Rows   map[string]int       // how often each row of the table decided
	Ends   map[refund.State]int // worlds by the state of the record
	Paid   int                  // worlds in which money moved
	Lost   bool                 // the refund is open, and nothing will ever look at it again
	Rule   check.Rule           // what was broken, if anything
	Path   []string             // the shortest path to it
}

// Broken says what was broken, and is empty if nothing was.
func (o Outcome) Broken() string {
	switch {
	case o.Rule != check.Kept:
		return o.Rule.String()
	case o.Lost:
		return forgotten
	}
	return ""
}

// parent leads back to where a world was first reached from.
type parent struct {
	from uint64
	what step
	who  int8
	now  int8
	swap bool // the executions changed places on the way
}

// explorer keeps of a world only 64 bits of a hash: at three million worlds the
// odds that any two share theirs are one to four million.
type explorer struct {
	*model
	seed  maphash.Seed
	seen  map[uint64]parent
	limit int
	out   Outcome
}

// Explore visits every world that can be reached, or the limit nearest ones (0:
// all), until a rule is broken.
func Explore(d DOKU, mutation Mutation, limit int) Outcome {
	x := &explorer{model: newModel(d, mutation), seed: maphash.MakeSeed(), seen: map[uint64]parent{}, limit: limit}
	x.out.Ends = map[refund.State]int{}
	x.walk()
	x.out.Worlds, x.out.Rows = len(x.seen), x.rows
	return x.out
}

func (x *explorer) walk() {
	first := world{now: x.first(), message: true, spare: x.Spare}
	x.seen[maphash.Comparable(x.seed, first)] = parent{}
	for level := []world{first}; len(level) > 0; {
		var next []world
		for i := range level {
			var stop bool
			if next, stop = x.step(&level[i], next); stop {
				return
			}
		}
		level = next
	}
}

// step adds the new worlds that follow w to next, until one is broken or there
// are enough.
func (x *explorer) step(w *world, next []world) (_ []world, stop bool) {
	from := maphash.Comparable(x.seed, *w)
	moves := x.successors(w)
	x.out.Moves += len(moves)
	for i := range moves {
		mv := &moves[i]
		swapped := x.tidy(&mv.to)
		trace := parent{from, mv.what, mv.who, mv.to.now, swapped}
		if x.check(mv) {
			x.out.Path = x.path(trace)
			return next, true
		}
		id := maphash.Comparable(x.seed, mv.to)
		if _, known := x.seen[id]; known {
			continue
		}
		x.seen[id] = trace
		x.out.Ends[mv.to.ledger.state]++
		next = append(next, mv.to)
	}
	return next, x.limit > 0 && len(x.seen) >= x.limit
}

// check reports whether a rule is broken in the world that mv leads to.
func (x *explorer) check(mv *move) bool {
	w := &mv.to
	rule := check.Standing(w.ledger.state, int(w.moved))
	if rule == check.Kept {
		rule = mv.wrong
	}
	if x.Twice && rule != check.PaidTwice {
		rule = check.Kept
	}
	x.out.Rule = rule
	x.out.Lost = !x.Loses && w.forgotten()
	return x.out.Lost || rule != check.Kept
}

// path leads from the beginning to the move c. The executions that tidy swapped on
// the way are told apart again.
func (x *explorer) path(c parent) []string {
	var crumbs []parent
	for ; c.what != nothing; c = x.seen[c.from] {
		crumbs = append(crumbs, c)
	}
	slices.Reverse(crumbs)
	steps := make([]string, len(crumbs))
	swapped := false
	for i, c := range crumbs {
		if swapped && c.who >= 0 {
			c.who = 1 - c.who
		}
		swapped = swapped != c.swap
		steps[i] = c.String()
	}
	return steps
}

// String tells the move as a person reads it.
func (c parent) String() string {
	who := ""
	if c.who >= 0 && c.what < operatorAsks {
		who = "worker " + string(rune('A'+c.who)) + " "
	}
	return fmt.Sprintf("%3ds  %s%s", 10*(int(c.now)-1), who, c.what)
}

// String names what was done.
func (d step) String() string {
	switch {
	case d >= operatorAsks:
		return "operator: asks and " + findingNames[d-operatorAsks]
	case d >= asks:
		return strings.Replace("asks and "+findingNames[d-asks], "and in vain", "in vain", 1)
	case d >= storesUnsure:
		return "stores " + refund.State(d-storesUnsure).String() + ", and is not told"
	case d >= stores:
		return "stores " + refund.State(d-stores).String()
	}
	return stepNames[d]
}
