package main

import (
	"fmt"
	"strings"
	"sync"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// denials are what NATS does not let this user do. NATS tells the connection,
// not the one who waits for an answer: to that one a denial looks like a
// timeout, or like nothing at all.
type denials struct{ gates map[string]*gate }

// gate shuts, once, when its subject is denied.
type gate struct {
	once sync.Once
	shut chan struct{}
	what string // readable when shut
}

// results stands for all subjects on which results are asked for.
const results = "results"

func newDenials() denials {
	d := denials{gates: map[string]*gate{results: {shut: make(chan struct{})}}}
	for _, ch := range channel.All() {
		d.gates[jobs.JobSubject(ch)] = &gate{shut: make(chan struct{})}
	}
	return d
}

// note takes the server's words, which hold the subject in quotes.
func (d denials) note(what string) {
	subject := ""
	if parts := strings.Split(what, `"`); len(parts) > 1 {
		subject = parts[1]
	}
	if strings.Contains(subject, stream.DirectGet) {
		subject = results
	}
	if g, ours := d.gates[subject]; ours {
		g.once.Do(func() { g.what = what; close(g.shut) })
	}
}

// of returns a channel that is closed once the subject is denied.
func (d denials) of(subject string) <-chan struct{} { return d.gates[subject].shut }

// err returns [errDenied] if the subject is denied.
func (d denials) err(subject string) error {
	g := d.gates[subject]
	select {
	case <-g.shut:
		return fmt.Errorf("%w: %s", errDenied, g.what)
	default:
		return nil
	}
}
