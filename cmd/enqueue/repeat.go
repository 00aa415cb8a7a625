package main

import (
	"context"
	"crypto/sha256"
	"iter"
)

// repeats knows the jobs of an input by their refund_id, to find the same id
// with other content. It keeps hashes: some 100 bytes for each job.
type repeats struct {
	seen     map[hash]first
	clashing map[hash]string // where the id stands with other content
	whole    bool            // all of the input was looked through before
}

// hash is half of a SHA-256: two texts with the same one will not be met.
type hash [sha256.Size / 2]byte

func hashOf(text string) hash { return half(sha256.Sum256([]byte(text))) }

func half(sum [sha256.Size]byte) hash { return hash(sum[:len(hash{})]) }

// first is the first job with an id.
type first struct {
	place   string
	content hash
}

func newRepeats() *repeats { return &repeats{seen: map[hash]first{}, clashing: map[hash]string{}} }

// lookThrough notes every sound job of an input that can be read again.
func (r *repeats) lookThrough(ctx context.Context, items iter.Seq[item]) {
	for it := range items {
		if ctx.Err() != nil {
			return
		}
		if j, problem := examine(it); problem == "" {
			r.note(j)
		}
	}
	r.whole = true
}

// note returns what is wrong with the job's refund_id among those that came
// before; empty where nothing is.
func (r *repeats) note(j job) string {
	id := hashOf(j.refundID)
	before, known := r.seen[id]
	switch {
	case !known:
		r.seen[id] = first{j.place, j.content}
		return ""
	case before.content == j.content:
		return ""
	}
	if _, noted := r.clashing[id]; !noted {
		r.clashing[id] = j.place
	}
	return clash(before.place)
}

// problem is what [repeats.note] found. Where the input was looked through, it
// is the same for every job with the id, and a job that was not there then is
// refused: the file is not finished.
func (r *repeats) problem(j job) string {
	if !r.whole {
		return r.note(j)
	}
	id := hashOf(j.refundID)
	before, known := r.seen[id]
	other, clashes := r.clashing[id]
	switch {
	case clashes && before.content == j.content:
		return clash(other)
	case clashes:
		return clash(before.place)
	case !known, before.content != j.content:
		return "the input has changed while it was read"
	}
	return ""
}

func clash(place string) string {
	return "refund_id: " + place + " has the same one with other content"
}

// contradicts reports whether an input that was looked through has an id with
// two contents. Which of them is meant, nobody can say, and the ids of the
// others may be wrong as well.
func (r *repeats) contradicts() bool { return r.whole && len(r.clashing) > 0 }
