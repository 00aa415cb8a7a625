package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// trouble counts tries that went wrong.
func trouble() (tell func(error), once <-chan error) {
	first := make(chan error, 1)
	return func(err error) {
		select {
		case first <- err:
		default:
		}
	}, first
}

// A read and a wait were tried once, and each failure cost their message a whole
// AckWait.
func TestReadsAndWaitsOutliveAServerThatIsAway(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if _, err := f.ledger.Append(t.Context(), record("rf-1", refund.Sending, 0, "a")); err != nil {
		t.Fatal(err)
	}
	f.nats.Stop()
	readTrouble, notRead := trouble()
	waitTrouble, notStored := trouble()
	read, scheduled := make(chan error, 1), make(chan error, 1)
	go func() {
		last, err := f.ledger.ReadUntilAnswered(t.Context(), "rf-1", readTrouble)
		if err == nil && last.Record.State != refund.Sending {
			err = errors.New("read another record")
		}
		read <- err
	}()
	go func() {
		scheduled <- f.ledger.ScheduleUntilStored(t.Context(), scheduledMessage(time.Now().Add(time.Hour), "job"), waitTrouble)
	}()
	<-notRead
	<-notStored
	if err := f.nats.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	if err := <-scheduled; err != nil {
		t.Error(err)
	}
	select {
	case <-f.ledger.Recovered():
	default:
		t.Error("nobody was told that it has healed")
	}
}

func TestRetriesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.nats.Stop()
	for name, do := range map[string]func(context.Context, func(error)) error{
		"read": func(ctx context.Context, tell func(error)) error {
			_, err := f.ledger.ReadUntilAnswered(ctx, "rf-1", tell)
			return err
		},
		"wait": func(ctx context.Context, tell func(error)) error {
			return f.ledger.ScheduleUntilStored(ctx, scheduledMessage(time.Now().Add(time.Hour), "job"), tell)
		},
		"append": func(ctx context.Context, tell func(error)) error {
			_, err := f.ledger.AppendUntilStored(ctx, time.Time{}, record("rf-1", refund.Sending, 0, "a"), tell)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			tell, told := trouble()
			if err := do(ctx, tell); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v", err)
			}
			select {
			case <-told:
			default:
				t.Error("nothing was told")
			}
		})
	}
}

func TestWhatCannotSucceedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	never := func(err error) { t.Errorf("tried again after %v", err) }
	if err := f.ledger.ScheduleUntilStored(t.Context(), scheduledMessage(time.Time{}, "job"), never); err == nil {
		t.Error("a wait without a time was stored")
	}
	if _, err := f.ledger.AppendUntilStored(t.Context(), time.Time{}, record("rf-1", refund.Sending, 0, "a"), never); err != nil {
		t.Fatal(err)
	}
	var moved *ledger.MovedError
	if _, err := f.ledger.AppendUntilStored(t.Context(), time.Time{}, record("rf-1", refund.Sending, 0, "b"), never); !errors.As(err, &moved) {
		t.Errorf("err = %v", err)
	}
}

// Many records wait for a stream that refuses them, each for an hour: what wakes
// them is that the stream has stored another.
func TestAllThatWaitIsStoredWhenTheFirstIs(t *testing.T) {
	t.Parallel()
	const n = 40
	f := setup(t, func(cfg *ledger.Config) { cfg.FirstRetry, cfg.LastRetry = time.Hour, time.Hour })
	stream, err := f.js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	full := stream.CachedInfo().Config
	roomy := full
	full.Discard, full.MaxMsgs = jetstream.DiscardNew, 1
	if _, err := f.ledger.Append(t.Context(), record("first", refund.Sending, 0, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	stored, refused := make(chan error, n), make(chan struct{}, n*100)
	for i := range n {
		go func() {
			// What the stream's own limit refuses is asked about, and asked again.
			_, err := f.ledger.AppendUntilStored(t.Context(), time.Time{}, record(fmt.Sprintf("rf-%d", i), refund.Succeeded, 0, "a"), func(error) {
				refused <- struct{}{}
			})
			stored <- err
		}()
	}
	for range n {
		<-refused
	}
	if _, err := f.js.UpdateStream(t.Context(), roomy); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ledger.Append(t.Context(), record("another", refund.Sending, 0, "a")); err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := <-stored; err != nil {
			t.Error(err)
		}
	}
}

// deafDialer makes connections that hear nothing any more once they are deaf.
type deafDialer struct{ deaf atomic.Bool }

type deafConn struct {
	net.Conn
	dialer *deafDialer
}

// Dial implements [nats.CustomDialer].
func (d *deafDialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return deafConn{c, d}, nil
}

// Read implements [net.Conn].
func (c deafConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.dialer.deaf.Load() {
			return n, err
		}
	}
}

// deaf is another ledger on the same streams, over a connection that can be made
// to hear nothing; a request has 200 ms there.
func (f fixture) deaf(t *testing.T, change ...func(*ledger.Config)) (*deafDialer, *ledger.Ledger) {
	t.Helper()
	d := &deafDialer{}
	nc, js, err := f.nats.Connect(nats.SetCustomDialer(d))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	cfg := ledger.Config{
		JS: js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
		RequestTimeout: 200 * time.Millisecond,
	}
	for _, c := range change {
		c(&cfg)
	}
	return d, ledger.New(cfg)
}

// The first attempt got no answer; that the second was certainly not stored says
// nothing about the first.
func TestRefusalAfterAnAttemptWithoutAnAnswerLeavesItOpen(t *testing.T) {
	t.Parallel()
	f := setup(t)
	d, l := f.deaf(t)
	d.deaf.Store(true)
	// Without a callback, as an operator appends: it returns, though ctx has no end.
	appended := make(chan error, 1)
	go func() {
		_, err := l.Append(t.Context(), record("rf-1", refund.Sending, 0, "a"))
		appended <- err
	}()
	for last := (ledger.Entry{}); last.Seq == 0; { // the first attempt is stored, and nobody hears of it
		var err error
		if last, err = f.ledger.Last(t.Context(), "rf-1"); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(300 * time.Millisecond) // until it has timed out
	f.nats.Stop()
	if err := <-appended; !errors.Is(err, ledger.ErrUncertain) || errors.Is(err, ledger.ErrNotStored) {
		t.Errorf("err = %v", err)
	}
}
