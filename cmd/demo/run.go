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
	exitError = 1 // book and results do not agree, or the demo could not be run
	exitUsage = 2
)

const description = `Shows the whole way of a refund job on this machine: an embedded NATS server, the DOKU simulator and a worker, with every channel, every status and every way that a refund can go. It needs nothing and leaves nothing behind.

At the end it compares the simulator's book with the results, to the rupiah. Exit status 0 means that they agree.`

type flags struct {
	Keep         bool             `help:"Stay up after the demo, on NATS port 4222, with the simulator on 127.0.0.1:9465, the worker's metrics on 127.0.0.1:9464 and the HTTP gateway on 127.0.0.1:9467, and print commands to try."`
	Settings     string           `help:"With --keep: write the settings for the other programs to this file, once they can be used. By default a file that is named on the screen." placeholder:"FILE"`
	Version      kong.VersionFlag `help:"Print the version and exit."`
	KilledWorker string           `hidden:"" help:"The worker that the demo kills."`
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
	if f.KilledWorker != "" {
		return runKilledWorker(ctx, f.KilledWorker, stdin, stderr)
	}
	if f.Settings != "" && !f.Keep {
		config.Report(stderr, "demo", []string{"--settings: goes with --keep"})
		return exitUsage
	}
	if f.Keep {
		o = o.kept()
		o.settings = f.Settings
	}
	agreed, err := runDemo(ctx, o, f.Keep, stdout)
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

// runDemo gives the show in a directory of its own, which is removed unless
// there is something to look into.
func runDemo(ctx context.Context, o options, keep bool, stdout io.Writer) (agreed bool, err error) {
	if err := o.vacant(ctx); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp(o.parent, "refund-demo-")
	if err != nil {
		return false, fmt.Errorf("make a directory: %w", err)
	}
	agreed, err = runDemoIn(ctx, o, dir, keep, stdout)
	if (err == nil && agreed) || ctx.Err() != nil {
		return agreed, errors.Join(err, os.RemoveAll(dir))
	}
	_, _ = fmt.Fprintf(stdout, "\nThe worker's log, the book and NATS's files are left in %s\n", dir)
	return agreed, err
}

func runDemoIn(ctx context.Context, o options, dir string, keep bool, stdout io.Writer) (agreed bool, err error) {
	scr := newScreen(stdout, os.Getenv)
	s, err := newDemo(ctx, o, dir, stdout, scr)
	defer func() { err = errors.Join(err, s.stop()) }()
	if err != nil {
		return false, err
	}
	_, _ = fmt.Fprintf(stdout, "NATS, the DOKU simulator and a worker run in this process. %d messages are published.\n\n", len(o.scenarios))
	if err := s.run(ctx); err != nil {
		return false, err
	}
	s.printTable()
	if !keep {
		if err := s.stopWorker(); err != nil {
			return false, err
		}
	}
	agreed, err = s.summarize(ctx)
	if err != nil {
		return false, err
	}
	if !keep {
		_, _ = io.WriteString(stdout, next)
		return agreed, nil
	}
	return agreed, s.stay(ctx)
}

// printTable replaces the live table by the whole of it, with all that was staged.
func (d *demo) printTable() {
	if d.screen == nil {
		return
	}
	d.screen.erase()
	d.screen.release()
	for _, text := range d.progress.whole(d.width()-1, true) {
		_, _ = fmt.Fprintln(d.stdout, text)
	}
}

// width is that of the terminal; elsewhere lines may be as long as they are.
func (d *demo) width() int {
	if d.screen == nil {
		return proofFrom
	}
	width, _ := d.screen.size()
	return width
}

// summarize compares book and results, and prints both.
func (d *demo) summarize(ctx context.Context) (agreed bool, err error) {
	stored, err := readHistories(ctx, d.stack.JS)
	if err != nil {
		return false, err
	}
	book := d.stack.DOKU.Book()
	if d.alter != nil {
		d.alter(&book)
	}
	a := reconcile(d.asked(), book, stored)
	calls := make([]int, len(a.accounts))
	for i, acc := range a.accounts {
		calls[i] = len(d.stack.DOKU.RequestsFor(dokusim.Match{Operation: dokusim.OpRefund, Channel: string(acc.channel), Key: key(acc.requested)}))
	}
	summary(d.stdout, a, calls, d.width(), paint(d.screen != nil))
	for _, r := range d.progress.otherwise() {
		_, _ = fmt.Fprintf(d.stdout, "Note: %s ended as %[3]q, not as %[2]q, as it can on a slow machine or near midnight.\n", r.name, r.want, r.ended)
	}
	_, _ = fmt.Fprintf(d.stdout, "The demo took %.1f s.\n", time.Since(d.began).Seconds())
	return a.agrees(), nil
}

// asked lists the refunds of the demo.
func (d *demo) asked() []requested {
	var all []requested
	for _, a := range d.scenarios {
		if a.refund() {
			all = append(all, requested{a.job.RefundID, a.job.Channel, a.job.Amount})
		}
	}
	return all
}

// key is what DOKU knows a refund by, sent or not.
func key(p requested) string {
	facts := p.channel.Facts()
	if facts.SNAPName == "" {
		return refund.RequestID(clientID, p.id)
	}
	return refund.PartnerRefundNo(clientID, p.id, facts.PartnerRefundNo)
}
