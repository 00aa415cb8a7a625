package observe

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// linesHeld is how much may wait for the reader of the log: some thousand
	// lines. What comes beyond is lost, and counted.
	linesHeld = 1 << 20

	// linePiece is how much is written at once. A pipe takes so much in one
	// piece, so that lines of several processes on one pipe do not mix.
	linePiece = 4096

	// linesApart is the least time between two writes while lines keep coming: a
	// write for each line would cost more than the line.
	linesApart = 5 * time.Millisecond

	// LinesFlush is how long [LineWriter.Close] waits at most.
	LinesFlush = time.Second
)

// LineWriter is a log that never blocks its writers. A goroutine of its own
// writes the lines out; while that one stands still, for nobody reads, lines are
// held up to a bound, and lost and counted beyond. Refunds go on.
//
// It is safe for concurrent use. Close it.
type LineWriter struct {
	out     io.Writer
	report  slog.Handler // writes to out, past the bound
	limit   int
	wake    chan struct{} // of capacity one
	closing chan struct{}
	ended   chan struct{}
	dropped atomic.Uint64

	mu     sync.Mutex
	held   []byte
	lost   uint64 // behind what is held
	closed bool
}

// NewLineWriter writes to out, as text where a person reads along. A line about
// lost lines looks like those of [NewLogger].
func NewLineWriter(out io.Writer, text bool) *LineWriter {
	return newLineWriter(out, text, linesHeld)
}

func newLineWriter(out io.Writer, text bool, limit int) *LineWriter {
	l := &LineWriter{
		out: out, report: NewLogger(out, slog.LevelInfo, text).Handler(), limit: limit,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go l.run()
	return l
}

// Lost returns how many lines nobody will ever read.
func (l *LineWriter) Lost() uint64 { return l.dropped.Load() }

// Write implements [io.Writer] for a logger, which writes whole lines. It
// neither blocks nor fails.
func (l *LineWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	if l.closed || len(l.held)+len(line) > l.limit {
		n := countLines(line)
		l.lost += n
		l.dropped.Add(n)
	} else {
		l.held = append(l.held, line...)
	}
	l.mu.Unlock()
	l.wakeWriter()
	return len(line), nil
}

func (l *LineWriter) wakeWriter() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Close writes out what is held, if that takes no longer than limit, and ends
// the writing. A reader that does not read keeps nobody from stopping: its
// goroutine then ends with the process.
func (l *LineWriter) Close(limit time.Duration) {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	l.mu.Unlock()
	l.wakeWriter()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-l.ended:
	case <-t.C:
	}
}

func (l *LineWriter) run() {
	defer close(l.ended)
	var spare []byte
	apart := time.NewTimer(linesApart)
	defer apart.Stop()
	missing := uint64(0) // lost, and not told yet
	for {
		batch, lost, closed := l.take(spare)
		if len(batch) == 0 && lost == 0 {
			if closed {
				return
			}
			spare = batch
			<-l.wake
			continue
		}
		failed := l.writeOut(batch)
		if missing += lost + failed; missing > 0 && failed == 0 && l.reportLost(missing) {
			missing = 0
		}
		spare = batch
		apart.Reset(linesApart)
		select {
		case <-apart.C:
		case <-l.closing:
		}
	}
}

// take returns what is held, and how many lines were lost right behind it.
func (l *LineWriter) take(spare []byte) (batch []byte, lost uint64, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, l.held = l.held, spare[:0]
	lost, l.lost = l.lost, 0
	return batch, lost, l.closed
}

// writeOut writes a batch in pieces of whole lines and returns how many lines
// could not be written. A reader may come back, so each piece is tried.
func (l *LineWriter) writeOut(batch []byte) (failed uint64) {
	for len(batch) > 0 {
		n := pieceOf(batch)
		if _, err := l.out.Write(batch[:n]); err != nil {
			failed += countLines(batch[:n])
		}
		batch = batch[n:]
	}
	l.dropped.Add(failed)
	return failed
}

// reportLost writes that lines are missing at this place.
func (l *LineWriter) reportLost(missing uint64) bool {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines lost", 0)
	r.Add("count", missing)
	return l.report.Handle(context.Background(), r) == nil
}

// pieceOf returns the length of the longest piece of whole lines that fits, of
// the first line where that alone is longer.
func pieceOf(batch []byte) int {
	if len(batch) <= linePiece {
		return len(batch)
	}
	if end := bytes.LastIndexByte(batch[:linePiece], '\n'); end >= 0 {
		return end + 1
	}
	if end := bytes.IndexByte(batch, '\n'); end >= 0 {
		return end + 1
	}
	return len(batch)
}

func countLines(b []byte) uint64 { return uint64(max(1, bytes.Count(b, []byte{'\n'}))) }
