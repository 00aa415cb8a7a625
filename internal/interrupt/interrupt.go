// Package interrupt is how our programs stop: the first signal ends their
// context, the second ends the process at once.
//
// Invariant: no signal is lost between the two. [signal.NotifyContext] continues
// catching signals, and dropping them, until its stop function has run: a second
// one in that moment would be swallowed, and the program would take its whole
// time to drain.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"sync"
)

// Status is the exit status of a process that a second signal ends.
const Status = 1

// Context returns a copy of parent that the first of signals ends. Once it has
// ended, for whatever reason, the next signal ends the process with [Status].
// stop ends the context and gives the signals back.
func Context(parent context.Context, signals ...os.Signal) (ctx context.Context, stop context.CancelFunc) {
	came := make(chan os.Signal, 2)
	signal.Notify(came, signals...)
	ctx, release := watch(parent, came, os.Exit)
	return ctx, func() {
		signal.Stop(came)
		release()
	}
}

// watch is Context for signals that come through a channel.
func watch(parent context.Context, came <-chan os.Signal, exit func(int)) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(parent)
	over := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		defer end()
		select {
		case <-came:
			if ctx.Err() != nil { // this signal is not the first reason to stop
				exit(Status)
			}
			end()
		case <-ctx.Done():
		}
		select {
		case <-came:
			exit(Status)
		case <-over:
		}
	})
	return ctx, sync.OnceFunc(func() {
		end()
		close(over)
		group.Wait()
	})
}
