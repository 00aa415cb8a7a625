package main

import (
	"context"
	"io"
	"iter"

	"refundworker.example/refundworker/internal/jobs/stream"
)

const name = "enqueue"

// Exit statuses (docs/contract.md, "Programs").
const (
	exitOK    = 0 // all published or already queued; with --wait: all succeeded
	exitSome  = 1 // some were not
	exitUsage = 2
)

// run is the program. It ends early, in good order, when ctx does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p, status, ok := parse(args, stdout, stderr)
	if !ok {
		return status
	}
	say := newConsole(stderr)
	e := &enqueuer{plan: p, say: say, wait: newWaiter(say, stdout), repeats: newRepeats()}
	src, err := p.source(ctx, stdin)
	if err != nil {
		say.line("FILE: %s", err)
		return exitUsage
	}
	defer src.close()
	all := e.all(ctx, src)
	say.totals()
	if all {
		return exitOK
	}
	return exitSome
}

// enqueuer is one run over some jobs.
type enqueuer struct {
	plan    plan
	say     *console
	wait    *waiter
	repeats *repeats
	broker  broker
	sender  *sender // nil until the first sound job: bad input needs no NATS
	sound   int
}

// all reports whether all went as the contract's exit status 0 says.
func (e *enqueuer) all(ctx context.Context, src source) bool {
	whole := e.twice(ctx, src)
	defer e.close()
	if e.sender != nil {
		e.sender.finish()
	}
	e.advise(ctx, whole)
	if e.plan.Wait && e.sender != nil {
		whole = e.wait.wait(ctx, e.plan.timeout) && whole
	}
	return whole && e.say.complete()
}

// twice looks through an input that can be read again before it takes it, and
// reports whether it got through.
func (e *enqueuer) twice(ctx context.Context, src source) bool {
	items, err := src.items()
	if err == nil && src.twice {
		e.repeats.lookThrough(ctx, items)
		items, err = src.items()
	}
	if err != nil {
		e.say.line("FILE: %s", err)
		return false
	}
	return e.take(ctx, items)
}

// take checks and sends job after job, and reports whether it got through.
func (e *enqueuer) take(ctx context.Context, items iter.Seq[item]) bool {
	for it := range items {
		if ctx.Err() != nil {
			return false
		}
		j, problem := examine(it)
		if problem == "" {
			problem = e.repeats.problem(j)
		}
		if problem != "" {
			e.say.reject(j, problem)
			continue
		}
		e.sound++
		if !e.plan.DryRun && !e.repeats.contradicts() && !e.send(ctx, j) {
			return false
		}
	}
	return true
}

// send reports whether it makes sense to continue.
func (e *enqueuer) send(ctx context.Context, j job) bool {
	if e.sender == nil {
		b, err := dial(ctx, e.plan.NATS)
		if err != nil {
			e.say.line("%s", err)
			return false
		}
		e.broker = b
		e.sender = b.sender(e.say, e.stored)
		e.sender.start(ctx)
		e.wait.denied, e.wait.reader = b.denied, stream.DirectReader{NC: b.nc, Prefix: e.plan.NATSAPIPrefix}
		if e.plan.Wait {
			e.wait.notices.listen(b.nc)
		}
	}
	if e.sender.gone() {
		e.say.line("stopped before %s: what follows was not read", j)
		return false
	}
	e.sender.send(j)
	return true
}

func (e *enqueuer) stored(j job) {
	if e.plan.Wait {
		e.wait.add(j)
	}
}

// advise says what counts alone do not. whole: all of the input was read.
func (e *enqueuer) advise(ctx context.Context, whole bool) {
	switch {
	case e.repeats.contradicts():
		e.say.line("nothing was published: the input contradicts itself, and of one refund_id nobody can say which job is meant; correct it and run again")
	case e.plan.DryRun:
		e.say.line("dry run: jobs that keep every rule: %d; none was published", e.sound)
	case e.say.failures() > 0:
		e.say.line("not published: %d; run again with the same input, no refund is made twice", e.say.failures())
	case !whole && ctx.Err() != nil:
		e.say.line("interrupted: what was not read yet is not published; run again with the same input, no refund is made twice")
	}
}

func (e *enqueuer) close() {
	if e.sender != nil {
		e.broker.nc.Close()
	}
}
