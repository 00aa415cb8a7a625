package ledger_test

import (
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// serve starts a server with options of its own and sets it up.
func serve(t *testing.T, alter func(*server.Options)) (*server.Server, jetstream.JetStream, *ledger.Ledger) {
	t.Helper()
	opts := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}
	alter(opts)
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server is not ready")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"other"}}); err != nil {
		t.Fatal(err)
	}
	return srv, js, ledger.New(ledger.Config{
		JS: js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
}

// What takes most room in JSON: two bytes for one of a text's bytes, six for
// one of its characters.
const (
	dearByte      = `"`
	dearCharacter = "\u2028"
)

// largest is a record with every text as long as it may be; a field that is new
// and not counted here makes the test below fail.
func largest(t *testing.T, state refund.State) *refund.Record {
	t.Helper()
	const (
		said  = 512 // the worker cuts DOKU's texts to this
		words = 255 // refundctl takes no longer ones
	)
	now := refund.At(time.Now())
	r := &refund.Record{
		V: refund.RecordVersion, ClientID: strings.Repeat("c", 128), Environment: "production",
		Fingerprint: strings.Repeat("f", 64), EnqueuedAt: now, Traceparent: strings.Repeat(dearByte, 256),
		Core:     refund.Core{State: state, Sends: 1 << 30, Nonce: 1 << 63, Deadline: now, SendBy: now, AskFrom: now, Due: now},
		Evidence: refund.ByOperator, At: now, By: strings.Repeat("b", 64),
		Note: strings.Repeat(dearByte, 4096), Operator: strings.Repeat(dearCharacter, words), Because: strings.Repeat(dearCharacter, words),
		Response: &refund.Response{HTTPStatus: 500}, SentReason: new(strings.Repeat("&", 255)), Rules: 1 << 30,
		Job: refund.Job{
			RefundID: strings.Repeat("r", 64), Channel: channel.DirectDebitMandiri, InvoiceNumber: strings.Repeat(dearByte, 64),
			OriginalRequestID: strings.Repeat(dearByte, 128), Amount: 9999999999999999, Currency: "IDR",
			Reason: strings.Repeat(dearCharacter, 255), NotBefore: now, Deadline: now, Metadata: map[string]string{},
		},
	}
	r.Identity = refund.Identity{RequestID: strings.Repeat("i", 128), PartnerRefundNo: strings.Repeat("p", 64), ExternalID: strings.Repeat("e", 36)}
	for i := range 16 { // 1,024 bytes in all
		r.Job.Metadata[strconv.Itoa(10+i)] = strings.Repeat(dearByte, 62)
	}
	texts := reflect.ValueOf(r.Response).Elem()
	for i := range texts.NumField() {
		if texts.Field(i).Kind() == reflect.String {
			texts.Field(i).SetString(strings.Repeat(dearByte, said))
		}
	}
	for i, v := 0, reflect.ValueOf(r.Job); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the largest record lacks Job.%s", v.Type().Field(i).Name)
		}
	}
	for i, v := 0, reflect.ValueOf(*r); i < v.NumField(); i++ {
		if v.Field(i).IsZero() && v.Type().Field(i).Name != "Prev" {
			t.Errorf("the largest record lacks %s", v.Type().Field(i).Name)
		}
	}
	return r
}

// size is what the server counts of the last message: headers and body.
func size(t *testing.T, js jetstream.JetStream, seq uint64) (header, all int) {
	t.Helper()
	stream, err := js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	header = len("NATS/1.0\r\n\r\n")
	for name, values := range msg.Header {
		header += len(name) + len(": \r\n") + len(values[0])
	}
	return header, header + len(msg.Data)
}

func TestLargestRecordFitsWhereTheWorkerStarts(t *testing.T) {
	t.Parallel()
	_, js, l := serve(t, func(o *server.Options) { o.MaxPayload = ledger.LargestRecord })
	for _, state := range []refund.State{refund.Sending, refund.Unresolved, refund.Failed} {
		r := largest(t, state)
		r.Job.RefundID = r.Job.RefundID[:60] + state.String()[:3]
		seq, err := l.Append(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		header, all := size(t, js, seq)
		t.Logf("%s: %d bytes, %d of them headers", state, all, header)
		if header >= 64<<10 || all > ledger.LargestRecord {
			t.Errorf("%s: %d bytes, %d of them headers", state, all, header)
		}
		if state == refund.Failed && all < ledger.LargestRecord*3/5 {
			t.Errorf("LargestRecord is far above the largest, %d", all)
		}
	}
	if err := l.CheckPayload(); err != nil {
		t.Error(err)
	}
}

func TestServerWithASmallPayloadIsNamedWithBothNumbers(t *testing.T) {
	t.Parallel()
	_, _, l := serve(t, func(o *server.Options) { o.MaxPayload = 2500 })
	err := l.CheckPayload()
	if !errors.Is(err, ledger.ErrTooLarge) || !strings.Contains(err.Error(), "2500") || !strings.Contains(err.Error(), strconv.Itoa(ledger.LargestRecord)) {
		t.Fatalf("%v", err)
	}
	if _, err := l.Append(t.Context(), record("rf-1", refund.Sending, 0, "a")); !errors.Is(err, ledger.ErrTooLarge) {
		t.Errorf("a send was announced: %v", err)
	}
	if err := l.CheckStorage(t.Context()); err != nil {
		t.Errorf("there is room: %v", err)
	}
}

// A record that is refused for its size is refused again: to continue trying would
// hold the answer, its channel and the process forever.
func TestRecordThatIsTooLargeIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	_, js, l := serve(t, func(o *server.Options) { o.MaxPayload = 6000 })
	r := record("rf-1", refund.Failed, 0, "a")
	r.Response = &refund.Response{HTTPStatus: 400, Code: strings.Repeat("c", 512), Message: strings.Repeat("m", 512), ErrorMessage: strings.Repeat("e", 512), RefundNo: strings.Repeat("n", 512)}
	r.Note = strings.Repeat("n", 4000)
	seq, err := l.AppendUntilStored(t.Context(), time.Time{}, r, func(err error) { t.Errorf("tried again after %v", err) })
	if !errors.Is(err, ledger.ErrTooLarge) || seq != 0 {
		t.Fatalf("%d, %v", seq, err)
	}
	short := ledger.WithoutTexts(*r)
	if seq, err = l.Append(t.Context(), &short); err != nil {
		t.Fatal(err)
	}
	if _, all := size(t, js, seq); all > 3000 {
		t.Errorf("%d bytes are left", all)
	}
	if last, err := l.Last(t.Context(), "rf-1"); err != nil || last.Record.State != refund.Failed || last.Record.Response.Code != strings.Repeat("c", 64) {
		t.Errorf("%+v, %v", last, err)
	}
	if r.Note == "" || len(r.Response.Code) != 512 {
		t.Error("the record itself was changed")
	}
	large := record("rf-2", refund.Waiting, 0, "b")
	large.Note = strings.Repeat("n", 70_000)
	stream, err := js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgSize = 1000
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	large.Note = strings.Repeat("n", 2000)
	if _, err := l.Append(t.Context(), large); !errors.Is(err, ledger.ErrTooLarge) {
		t.Errorf("refused by the stream: %v", err)
	}
}

func accountLimit(t *testing.T, srv *server.Server, bytes int64) {
	t.Helper()
	acc, err := srv.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]server.JetStreamAccountLimits{"": {
		MaxMemory: -1, MaxStore: bytes, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
	}}
	if err := acc.UpdateJetStreamLimits(limits); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, js jetstream.JetStream) jetstream.StreamState {
	t.Helper()
	stream, err := js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State
}

// fill publishes until not even a small message is stored any more.
func fill(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for size := 64 << 10; size > 0; {
		_, err := js.Publish(t.Context(), "other", make([]byte, size))
		var refused *jetstream.APIError
		if errors.As(err, &refused) {
			size /= 8
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullStorageIsSeenWithoutStoringAnything(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(*server.Options)
		full  func(*testing.T, *server.Server, jetstream.JetStream)
		free  func(*testing.T, *server.Server, jetstream.JetStream)
	}{
		"account": {
			func(*server.Options) {},
			func(t *testing.T, srv *server.Server, js jetstream.JetStream) {
				t.Helper()
				accountLimit(t, srv, 1<<20)
				fill(t, js)
			},
			func(t *testing.T, srv *server.Server, _ jetstream.JetStream) { t.Helper(); accountLimit(t, srv, -1) },
		},
		"server": {
			func(o *server.Options) { o.JetStreamMaxStore = 4 << 20 },
			func(t *testing.T, _ *server.Server, js jetstream.JetStream) { t.Helper(); fill(t, js) },
			func(t *testing.T, _ *server.Server, js jetstream.JetStream) {
				t.Helper()
				if err := js.DeleteStream(t.Context(), "OTHER"); err != nil {
					t.Fatal(err)
				}
			},
		},
		"the stream's own size": {
			func(*server.Options) {},
			func(t *testing.T, _ *server.Server, js jetstream.JetStream) { t.Helper(); ownSize(t, js, 1000) },
			func(t *testing.T, _ *server.Server, js jetstream.JetStream) { t.Helper(); ownSize(t, js, 1<<20) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, js, l := serve(t, c.alter)
			if err := l.CheckStorage(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Append(t.Context(), record("rf-1", refund.Waiting, 0, "a")); err != nil {
				t.Fatal(err)
			}
			before := state(t, js)
			c.full(t, srv, js)
			if err := l.CheckStorage(t.Context()); !errors.Is(err, ledger.ErrStorageFull) {
				t.Errorf("full: %v", err)
			}
			if _, err := l.Append(t.Context(), record("rf-2", refund.Waiting, 0, "b")); !errors.Is(err, ledger.ErrNotStored) {
				t.Errorf("append: %v", err)
			}
			c.free(t, srv, js)
			if err := l.CheckStorage(t.Context()); err != nil {
				t.Errorf("room again: %v", err)
			}
			if after := state(t, js); after.LastSeq != before.LastSeq || after.Msgs != before.Msgs {
				t.Errorf("the look has stored something: %+v, before %+v", after, before)
			}
		})
	}
}

func ownSize(t *testing.T, js jetstream.JetStream, bytes int64) {
	t.Helper()
	stream, err := js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes, cfg.Discard = bytes, jetstream.DiscardNew
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// A stream as older versions have set it up allows no batches: the look must
// not mistake that for full storage, nor miss it.
func TestFullStorageIsSeenOnAStreamWithoutBatches(t *testing.T) {
	t.Parallel()
	srv, js, l := serve(t, func(*server.Options) {})
	stream, err := js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckStorage(t.Context()); err != nil {
		t.Fatal(err)
	}
	accountLimit(t, srv, 1<<20)
	fill(t, js)
	if err := l.CheckStorage(t.Context()); !errors.Is(err, ledger.ErrStorageFull) {
		t.Errorf("full: %v", err)
	}
}

// Something answers the probe, and the stream itself cannot be looked at: nobody
// knows then whether a record can be stored.
func TestStorageIsNotCalledGoodWhereTheLedgerCannotBeLookedAt(t *testing.T) {
	t.Parallel()
	_, js, l := serve(t, func(*server.Options) {})
	if err := js.DeleteStream(t.Context(), stream.Refunds); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Conn().Subscribe("refunds.ledger.>", func(msg *nats.Msg) { _ = msg.Respond([]byte("{}")) }); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckStorage(t.Context()); err == nil || errors.Is(err, ledger.ErrStorageFull) {
		t.Errorf("err = %v", err)
	}
}
