package main

import (
	"context"
	"io"
)

// interruptible ends with ctx although the read under it continues: nothing else
// wakes a program that waits for a line from a terminal. The read is ended too
// where closing can do that; else the process ends with it.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	if c, ok := r.(io.Closer); ok {
		context.AfterFunc(ctx, func() { _ = c.Close() })
	}
	return &abandoning{done: ctx, from: r, buffer: make([]byte, 64<<10)}
}

type abandoning struct {
	done   interface{ Done() <-chan struct{} }
	from   io.Reader
	buffer []byte // never the caller's: an abandoned read may still write to it
}

type chunk struct {
	n   int
	err error
}

func (a *abandoning) Read(p []byte) (int, error) {
	got := make(chan chunk, 1)
	room := a.buffer[:min(len(p), len(a.buffer))]
	go func() {
		n, err := a.from.Read(room)
		got <- chunk{n, err}
	}()
	select {
	case c := <-got:
		return copy(p, room[:c.n]), c.err
	case <-a.done.Done():
		return 0, context.Canceled
	}
}
