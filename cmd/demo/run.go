package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/interrupt"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1 // book and results do not agree, or the show could not be given
	exitUsage = 2
)

const description = `Shows the whole way of a refund job on this machine: an embedded NATS server, the DOKU simulator and a worker, with every channel, every status and every way that a refund can go. It needs nothing and leaves nothing behind.

At the end it compares the simulator's book with the results, to the rupiah. Exit status 0 means that they agree.`

type flags struct {
	Keep    bool             `help:"Stay up after the show, on NATS port 4222, with the simulator on 127.0.0.1:9465 and the worker's metrics on 127.0.0.1:9464, and print commands to try."`
	Version kong.VersionFlag `help:"Print the version and exit."`
	Doomed  string           `hidden:"" help:"The worker that the demo kills."`
}

// run is the program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runWith(ctx, defaults(), args, stdin, stdout, stderr)
}

func runWith(ctx context.Context, o options, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var f flags
	p := config.Program{Name: "demo", Description: description, Version: version}
	if status, ok := p.Parse(&f, args, stdout, stderr); !ok {
		return status
	}
	ctx, stop := interrupt.Context(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if f.Doomed != "" {
		return runDoomed(ctx, f.Doomed, stdin, stderr)
	}
	if f.Keep {
		o = o.kept()
	}
	agreed, err := present(ctx, o, f.Keep, stdout)
	switch {
	case err == nil && agreed:
		return exitOK
	case err != nil && ctx.Err() != nil:
		config.Report(stderr, "demo", []string{"interrupted"})
	case err != nil:
		config.Report(stderr, "demo", strings.Split(err.Error(), "\n"))
	}
	return exitError
}

func logPath(dir string) string { return filepath.Join(dir, "worker.log") }

// present gives the show in a directory of its own, which is removed unless
// there is something to look into.
func present(ctx context.Context, o options, keep bool, stdout io.Writer) (agreed bool, err error) {
	if err := o.vacant(ctx); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp(o.parent, "refund-demo-")
	if err != nil {
		return false, fmt.Errorf("make a directory: %w", err)
	}
	agreed, err = presentIn(ctx, o, dir, keep, stdout)
	if (err == nil && agreed) || ctx.Err() != nil {
		return agreed, errors.Join(err, os.RemoveAll(dir))
	}
	_, _ = fmt.Fprintf(stdout, "\nThe worker's log, the book and NATS's files are left in %s\n", dir)
	return agreed, err
}

func presentIn(ctx context.Context, o options, dir string, keep bool, stdout io.Writer) (agreed bool, err error) {
	scr := newScreen(stdout, os.Getenv)
	s, err := newShow(ctx, o, dir, stdout, scr)
	defer func() { err = errors.Join(err, s.stop()) }()
	if err != nil {
		return false, err
	}
	_, _ = fmt.Fprintf(stdout, "NATS, the DOKU simulator and a worker run in this process. %d messages are published.\n\n", len(o.acts))
	if err := s.perform(ctx); err != nil {
		return false, err
	}
	s.curtain()
	if !keep {
		if err := s.stopWorker(); err != nil {
			return false, err
		}
	}
	agreed, err = s.conclude(ctx)
	if err != nil {
		return false, err
	}
	if !keep {
		_, _ = io.WriteString(stdout, next)
		return agreed, nil
	}
	return agreed, s.stay(ctx)
}

// curtain replaces the live table by the whole of it, with all that was staged.
func (s *show) curtain() {
	if s.screen == nil {
		return
	}
	s.screen.erase()
	s.screen.release()
	for _, text := range s.board.whole(s.width()-1, true) {
		_, _ = fmt.Fprintln(s.stdout, text)
	}
}

// width is that of the terminal; elsewhere lines may be as long as they are.
func (s *show) width() int {
	if s.screen == nil {
		return proofFrom
	}
	width, _ := s.screen.size()
	return width
}

// conclude compares book and results, and prints both.
func (s *show) conclude(ctx context.Context) (agreed bool, err error) {
	results, err := readResults(ctx, s.stack.JS)
	if err != nil {
		return false, err
	}
	book := s.stack.DOKU.Book()
	if s.alter != nil {
		s.alter(&book)
	}
	a := reconcile(s.asked(), book, results)
	calls := make([]int, len(a.accounts))
	for i, acc := range a.accounts {
		calls[i] = len(s.stack.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund, Channel: string(acc.channel), Key: key(acc.published)}))
	}
	summary(s.stdout, a, calls, s.width(), paint(s.screen != nil))
	for _, r := range s.board.otherwise() {
		_, _ = fmt.Fprintf(s.stdout, "Note: %s was staged to end as %q and ended as %q, as it can on a slow machine or near midnight.\n", r.name, r.want, r.ended)
	}
	_, _ = fmt.Fprintf(s.stdout, "The show took %.1f s.\n", time.Since(s.began).Seconds())
	return a.agrees(), nil
}

// asked lists the refunds of the show.
func (s *show) asked() []published {
	var all []published
	for _, a := range s.acts {
		if a.refund() {
			all = append(all, published{a.job.RefundID, a.job.Channel, a.job.Amount})
		}
	}
	return all
}

// key is what DOKU knows a refund by, sent or not.
func key(p published) string {
	facts := p.channel.Facts()
	if facts.SNAPName == "" {
		return refund.RequestID(clientID, p.id)
	}
	return refund.PartnerRefundNo(clientID, p.id, facts.PartnerRefundNo)
}
