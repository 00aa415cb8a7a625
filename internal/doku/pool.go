package doku

import (
	"sync"
	"time"
)

// pool keeps connections between two card refunds. Nothing else shares
// connections: see [transport].
type pool struct {
	size int

	mu     sync.Mutex
	idle   []*connection // the one used last is the last
	timer  *time.Timer   // closes what has been idle for too long; nil: none is
	closed bool
}

// take returns a connection on which nothing has happened since its last
// answer, or nil.
func (p *pool) take() *connection {
	for {
		c := p.pop()
		if c == nil || time.Since(c.idle) < idleTimeout && c.rest() == nothing {
			return c
		}
		_ = c.Close()
	}
}

func (p *pool) pop() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// put keeps c, or closes it where there is no room.
func (p *pool) put(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.size {
		_ = c.Close()
		return
	}
	c.idle = time.Now()
	p.idle = append(p.idle, c)
	if p.timer == nil {
		p.timer = time.AfterFunc(idleTimeout, p.expire)
	}
}

// expire closes what has been idle for too long.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].idle) >= idleTimeout {
		_ = p.idle[old].Close()
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(idleTimeout-time.Since(p.idle[0].idle), p.expire)
	}
}

// close closes every idle connection, and those still to come.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
}
