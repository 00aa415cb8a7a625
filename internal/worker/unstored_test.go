package worker

import (
	"context"
	"testing"
)

func TestNoJobIsTakenWhileAnAnswerIsNotStored(t *testing.T) {
	t.Parallel()
	var h unstored
	if err := h.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.add(1)
	h.shut()
	h.add(1)
	h.shut()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.wait(ctx); err == nil {
		t.Fatal("the gate was open with two answers in flight")
	}
	opened := make(chan error, 1)
	go func() { opened <- h.wait(t.Context()) }()
	h.open() // one of them is stored: so will the other be
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	if h.add(-1) != 1 {
		t.Fatal("one answer is still in flight")
	}
	h.shut() // it could not be stored after all
	go func() { opened <- h.wait(t.Context()) }()
	h.add(-1)
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	h.shut()
	if err := h.wait(t.Context()); err != nil {
		t.Fatal("the gate is shut for an answer that nobody holds")
	}
}

func TestOneHandlingARefund(t *testing.T) {
	t.Parallel()
	w := inFlight{ids: map[string]struct{}{}}
	if !w.begin("rf-1") || w.begin("rf-1") || !w.begin("rf-2") {
		t.Error("two handlings have one refund, or one keeps another out")
	}
	w.end("rf-1")
	if !w.begin("rf-1") {
		t.Error("a refund is never let go")
	}
}
