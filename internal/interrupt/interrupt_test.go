package interrupt

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The second signal comes as early as it can: the first has not even been looked
// at. With signal.NotifyContext and a stop of its own accord it was swallowed.
func TestNoSecondSignalIsSwallowed(t *testing.T) {
	t.Parallel()
	for range 1000 {
		came, exited := make(chan os.Signal, 2), make(chan int, 1)
		ctx, stop := watch(t.Context(), came, func(status int) { exited <- status })
		came <- syscall.SIGTERM
		came <- syscall.SIGTERM
		select {
		case status := <-exited:
			if status != Status || ctx.Err() == nil {
				t.Fatalf("exit status %d, context %v", status, ctx.Err())
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the second signal was swallowed")
		}
		stop()
		stop()
	}
}

func TestOneSignalEndsTheContextAndNothingElse(t *testing.T) {
	t.Parallel()
	came := make(chan os.Signal, 2)
	ctx, stop := watch(t.Context(), came, func(int) { t.Error("the process was ended") })
	came <- syscall.SIGTERM
	<-ctx.Done()
	stop()
}

func TestSignalAfterTheParentEndedEndsTheProcess(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithCancel(t.Context())
	came, exited := make(chan os.Signal, 2), make(chan int, 1)
	ctx, stop := watch(parent, came, func(status int) { exited <- status })
	defer stop()
	cancel()
	<-ctx.Done()
	came <- syscall.SIGINT
	select {
	case <-exited:
	case <-time.After(10 * time.Second):
		t.Fatal("a signal during the stop was swallowed")
	}
}

func TestRealSignalEndsTheContext(t *testing.T) {
	t.Parallel()
	ctx, stop := Context(t.Context(), syscall.SIGUSR1)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the signal ended nothing")
	}
}
