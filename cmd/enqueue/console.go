package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/printable"
)

// console is stderr: lines for people and, on a terminal, a line of progress
// below them. It keeps the counts that both show.
type console struct {
	now      func() time.Time
	terminal bool

	mu          sync.Mutex
	out         io.Writer
	drawn       time.Time
	visible     bool // the line of progress stands there
	published   int
	queued      int // already
	rejected    int
	unpublished int
}

// redraw is how often the line of progress changes.
const redraw = 100 * time.Millisecond

func newConsole(out io.Writer) *console {
	return &console{now: time.Now, terminal: config.IsTerminal(out), out: out}
}

// line prints one line.
func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(format, args...)
}

// print prints one line; its arguments may quote the input, or the server.
func (c *console) print(format string, args ...any) {
	c.erase()
	_, _ = fmt.Fprintf(c.out, name+": %s\n", printable.Text(fmt.Sprintf(format, args...)))
}

// reject counts and names a job that breaks a rule.
func (c *console) reject(j job, problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejected++
	c.print("%s: %s", labelled(j), problem)
}

// publish counts a job that is stored, now or already.
func (c *console) publish(duplicate bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if duplicate {
		c.queued++
	} else {
		c.published++
	}
	c.progress()
}

// fail counts and names a sound job that was not published.
func (c *console) fail(j job, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unpublished++
	c.print("%s: not published: %s", j, err)
}

func labelled(j job) string {
	if j.refundID == "" {
		return j.place
	}
	return j.String()
}

// totals prints the last line, as the contract has it.
func (c *console) totals() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	_, _ = fmt.Fprintf(c.out, "%s\n", c.counts())
}

// complete reports whether every job was published or already queued.
func (c *console) complete() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rejected == 0 && c.unpublished == 0
}

// failures returns how many sound jobs were not published.
func (c *console) failures() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unpublished
}

func (c *console) counts() string {
	return fmt.Sprintf("published %d, already queued %d, rejected %d", c.published, c.queued, c.rejected)
}

func (c *console) progress() {
	if now := c.now(); c.terminal && now.Sub(c.drawn) >= redraw {
		c.erase()
		c.drawn, c.visible = now, true
		_, _ = fmt.Fprint(c.out, c.counts())
	}
}

// erase takes the line of progress away.
func (c *console) erase() {
	if c.visible {
		_, _ = fmt.Fprint(c.out, "\r\x1b[K")
		c.visible = false
	}
}
