//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/chaos"
)

type bench struct {
	Config

	programs chaos.Programs
	dir      string
	progress io.Writer // a line for each run: a table shows nothing until it is whole
}

// setup is what a row is measured with.
type setup struct {
	concurrency int
	delay       time.Duration // of each of DOKU's answers
	replicas    int
	sync        bool // every write of NATS
}

// String names the row.
func (s setup) String() string {
	return fmt.Sprintf("concurrency %d, fsync %t, %d replicas, DOKU's delay %s", s.concurrency, s.sync, s.replicas, s.delay)
}

// row is what one run gave.
type row struct {
	perSecond                float64
	program, nats, simulator time.Duration // processor time of one job; 0: not known here
}

// row publishes all jobs, starts the program and measures from the first result
// to the last. Startup is in the processor time: some 2 µs a job of 20,000.
func (b bench) row(ctx context.Context, name string, what setup) (r row, err error) {
	s, published, remove, err := b.loaded(ctx, what)
	if err != nil {
		return row{}, err
	}
	defer remove()
	before := used(s)
	p, err := launch(s, name, what)
	if err != nil {
		return row{}, err
	}
	if err := ended(ctx, s, len(published), p); err != nil {
		return row{}, err
	}
	count := time.Duration(len(published))
	after := used(s)
	r.program, _ = p.CPU()
	r.program /= count
	r.nats, r.simulator = (after.nats-before.nats)/count, (after.simulator-before.simulator)/count
	if r.perSecond, err = speed(ctx, s, len(published)); err != nil {
		return row{}, err
	}
	return r, check(ctx, s, name, published)
}

// launch starts what is measured.
func launch(s *chaos.Stack, name string, what setup) (*chaos.Process, error) {
	settings := settings(what.concurrency)
	if v, ok := variants[name]; ok {
		name, settings[v.setting] = v.program, v.value
	}
	return s.LaunchProgram(name, settings)
}

// used is the processor time that the others have used so far.
func used(s *chaos.Stack) (r row) {
	for _, n := range s.Nodes {
		cpu, _ := n.CPU()
		r.nats += cpu
	}
	r.simulator, _ = s.DOKU.CPU()
	return r
}

// settings are a worker's at their defaults, but for what is measured.
func settings(concurrency int) map[string]string {
	return map[string]string{
		"CONCURRENCY": strconv.Itoa(concurrency), "CHANNELS": "credit_card,direct_debit_mandiri",
		"DOKU_TIMEOUT": "60s", "INQUIRY_DELAY": "60s", "RETRY_INITIAL": "2s", "RETRY_MAX": "15m", "RETRY_DEADLINE": "24h",
	}
}

// stack starts NATS and a simulator in a directory of their own. remove stops
// them and removes it.
func (b bench) stack(ctx context.Context, what setup) (s *chaos.Stack, remove func(), err error) {
	dir, err := os.MkdirTemp(b.dir, "row-")
	if err != nil {
		return nil, nil, err
	}
	log, err := os.Create(filepath.Join(dir, "worker.log"))
	if err != nil {
		return nil, nil, err
	}
	s, err = chaos.Start(ctx, chaos.Config{
		Dir: dir, LogFile: log, Nodes: what.replicas, Programs: b.programs,
		Simulator: []string{"--delay", what.delay.String()}, SyncAlways: what.sync,
	})
	if err != nil {
		_ = log.Close()
		return nil, nil, err
	}
	return s, func() {
		s.Stop()
		_ = log.Close()
		_ = os.RemoveAll(dir)
	}, nil
}

var errProgram = errors.New("the program has ended by itself")

// ended waits until all refunds have ended. It gives up on a program that has
// ended by itself; nil: none is watched.
func ended(ctx context.Context, s *chaos.Stack, count int, program *chaos.Process) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := stored(ctx, s, uint64(2*count), program); err != nil { //nolint:gosec // a count of ours
		return err
	}
	return s.WaitEnded(ctx, count)
}

// stored waits until the ledger holds so many messages, two a refund, which costs
// NATS nothing.
func stored(ctx context.Context, s *chaos.Stack, messages uint64, program *chaos.Process) error {
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		info, err := stream.Info(ctx)
		if err != nil {
			return err
		}
		if info.State.Msgs >= messages {
			return nil
		}
		if program != nil && !program.Running() {
			log, _ := s.Log(program)
			return fmt.Errorf("%w: %s", errProgram, log[max(0, len(log)-500):])
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages: %w", info.State.Msgs, messages, ctx.Err())
		}
	}
}

const results = jobs.ResultsPrefix + ">"

// speed is jobs a second between the first result and the last, by NATS's own
// clock.
func speed(ctx context.Context, s *chaos.Stack, count int) (float64, error) {
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	if err != nil {
		return 0, err
	}
	first, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(results))
	if err != nil {
		return 0, fmt.Errorf("first result: %w", err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, results)
	if err != nil {
		return 0, fmt.Errorf("last result: %w", err)
	}
	return float64(count-1) / last.Time.Sub(first.Time).Seconds(), nil
}

var errMoney = errors.New("the money is not right")

// check compares the simulator's book with what was published, and with the
// ledger, which the floor keeps in a form of its own.
func check(ctx context.Context, s *chaos.Stack, name string, published []jobs.Job) error {
	if strings.HasPrefix(name, floor) {
		return checkBook(ctx, s, published)
	}
	audit, err := s.Audit(ctx, published)
	if err != nil {
		return err
	}
	if len(audit.Problems) > 0 {
		return fmt.Errorf("%w: %d problems, the first: %s", errMoney, len(audit.Problems), audit.Problems[0])
	}
	return nil
}

func checkBook(ctx context.Context, s *chaos.Stack, published []jobs.Job) error {
	book, err := s.DOKU.Book(ctx)
	if err != nil {
		return err
	}
	paid := make(map[string]int64, len(book.Movements))
	for _, m := range book.Movements {
		paid[m.Invoice] += m.Amount
	}
	for _, j := range published {
		if paid[j.InvoiceNumber] != j.Amount {
			return fmt.Errorf("%w: Rp %d moved for %s, not %d", errMoney, paid[j.InvoiceNumber], j.InvoiceNumber, j.Amount)
		}
	}
	if len(book.Movements) != len(published) {
		return fmt.Errorf("%w: %d movements for %d refunds", errMoney, len(book.Movements), len(published))
	}
	return nil
}
