package retry

import "slices"

// streak counts bad outcomes in a row.
type streak struct {
	n        int
	channel  int      // those that speak of the channel whatever they were about
	subjects []string // of the others, each once; no more than are needed
}

// add counts o, which was about subject. Subjects beyond enough tell nothing
// new, so that a row of any length takes little memory.
func (r *streak) add(o Outcome, subject string, enough int) {
	r.n++
	switch {
	case o.kind != failing:
		r.channel++
	case len(r.subjects) < enough && !slices.Contains(r.subjects, subject):
		r.subjects = append(r.subjects, subject)
	}
}

// different returns how many witnesses both rows have: subjects, each once, and
// outcomes that need none.
func different(a, b streak) int {
	n := a.channel + b.channel + len(a.subjects)
	for _, s := range b.subjects {
		if !slices.Contains(a.subjects, s) {
			n++
		}
	}
	return n
}
