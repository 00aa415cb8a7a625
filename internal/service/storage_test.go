package service_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// accountLimit sets the storage of the account; -1: none.
func (f fixture) accountLimit(t *testing.T, bytes int64) {
	t.Helper()
	acc, err := f.NATS.Nodes()[0].LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
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

func (f fixture) dropStreams(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := f.JS.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

var allStreams = []string{stream.Jobs, stream.Waits, stream.Refunds, stream.Dead}

// Producers may publish until they are refused: there is still room for what
// becomes of their jobs.
func TestJobsThatFillTheirStreamAreAllWorkedOff(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.dropStreams(t, allStreams...)
	f.accountLimit(t, 16<<20)
	if _, err := (stream.SetupConfig{}).Run(t.Context(), f.JS); err != nil {
		t.Fatal(err)
	}
	published := 0
	for refused := false; !refused; {
		d := scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial(fmt.Sprintf("fill%d", published))
		_, err := f.JS.Publish(t.Context(), "refunds.jobs.credit_card", []byte(d.body(t, time.Now())))
		var full *jetstream.APIError
		if refused = errors.As(err, &full); !refused {
			if err != nil {
				t.Fatal(err)
			}
			published++
		}
	}
	if published < 1000 || published > 10_000 {
		t.Fatalf("%d jobs in 1 MiB", published)
	}
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) { cfg.HTTPAddr = addr })
	for _, e := range f.journal.waitResults(t, published) {
		if r := e.result(t); r.Status != refund.Succeeded {
			t.Fatalf("result = %+v", r)
		}
	}
	readiness(t, addr, http.StatusOK, "ready")
	f.settled(t)
}

func TestFullStorageIsNotReadyAndHealsByItself(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: 2 * time.Second})
	if _, err := f.JS.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"other"}}); err != nil {
		t.Fatal(err)
	}
	addr, log := freeAddr(t), &lines{}
	f.worker(t, func(cfg *service.Config) {
		cfg.HTTPAddr, cfg.Log = addr, slog.New(slog.NewJSONHandler(log, nil))
	})
	readiness(t, addr, http.StatusOK, "ready")
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("d")
	f.accountLimit(t, 1<<20)
	for size := 64 << 10; size > 2<<10; {
		if _, err := f.JS.Publish(t.Context(), "other", make([]byte, size)); err != nil {
			size /= 2
		}
	}
	readiness(t, addr, http.StatusServiceUnavailable, "storage is full")
	if _, text := fetch(t, addr, "/metrics"); !strings.Contains(text, "refund_storage_full 1") {
		t.Error("refund_storage_full does not show it")
	}
	f.accountLimit(t, -1)
	readiness(t, addr, http.StatusOK, "ready")
	if _, text := fetch(t, addr, "/metrics"); !strings.Contains(text, "refund_storage_full 0") {
		t.Error("refund_storage_full does not show that it is over")
	}
	for _, once := range []string{"storage is full: nothing is sent until there is room", "storage has room again"} {
		if n := strings.Count(log.String(), `"`+once+`"`); n != 1 {
			t.Errorf("%d times in the log: %s", n, once)
		}
	}
	d.begin(t, f)
	d.check(t, f)
}

// 600 messages that cannot be parsed are more than the 512 that a consumer may
// have unacknowledged.
func TestFullDeadLetterStreamStopsNoChannelAndLosesNoLetter(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: 2 * time.Second})
	f.changeStream(t, stream.Dead, func(c *jetstream.StreamConfig, _ jetstream.StreamState) {
		c.MaxBytes, c.Discard = 1, jetstream.DiscardNew
	})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) { cfg.HTTPAddr = addr })
	const flood = 600
	for i := range flood {
		f.publish(t, channel.CreditCard, fmt.Sprintf("no job %d", i))
	}
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("behind")
	d.begin(t, f)
	d.check(t, f)
	readiness(t, addr, http.StatusOK, "dead letters cannot be stored and wait in REFUND_WAITS")
	if _, text := fetch(t, addr, "/metrics"); !strings.Contains(text, "refund_dead_letters_refused 1") || !strings.Contains(text, `refund_dead_letters_total{reason="unreadable"} 0`) {
		t.Error("the metrics do not show it")
	}
	f.changeStream(t, stream.Dead, func(c *jetstream.StreamConfig, _ jetstream.StreamState) { c.MaxBytes = -1 })
	found := map[string]bool{}
	for _, letter := range f.dead(t, flood) {
		seq := letter.Header.Get("Refund-Dead-Sequence")
		found[seq] = true
		var n int
		if _, err := fmt.Sscanf(string(letter.Data), "no job %d", &n); err != nil || seq != fmt.Sprint(n+1) ||
			letter.Header.Get("Refund-Dead-Subject") != "refunds.jobs.credit_card" || letter.Header.Get("Nats-Msg-Id") != "REFUND_JOBS."+seq {
			t.Fatalf("%s: %v %s", letter.Subject, letter.Header, letter.Data)
		}
	}
	if len(found) != flood {
		t.Errorf("%d letters of %d messages", len(found), flood)
	}
	eventually(t, "a notice of each", func() bool { return len(f.notices(t)) >= flood })
	eventually(t, "no remark any more", func() bool {
		_, text := fetch(t, addr, "/readyz")
		return !strings.Contains(text, "dead letters")
	})
	f.settled(t)
}

func (f fixture) notices(t *testing.T) map[string]int {
	t.Helper()
	texts := map[string]int{}
	for _, msg := range f.stored(t, stream.Dead) {
		if strings.HasPrefix(msg.Subject, "refunds.notices.") {
			texts[msg.Subject+" "+string(msg.Data)]++
		}
	}
	return texts
}

func TestProducersLearnOfTheirDeadLetters(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	f.worker(t, nil)
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("first")
	d.begin(t, f)
	d.check(t, f)
	f.publish(t, channel.CreditCard, strings.Replace(d.body(t, time.Now()), "10000", "20000", 1))
	f.publish(t, channel.EmoneyOVO, `{"refund_id":"planted`)
	f.dead(t, 2)
	eventually(t, "two notices", func() bool { return len(f.notices(t)) == 2 })
	queue, err := f.JS.Stream(t.Context(), stream.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	texts := fmt.Sprint(f.notices(t))
	for _, want := range []string{
		`refunds.notices.credit_card {"v":1,"channel":"credit_card","reason":"refund_id_conflict","stream":"REFUND_JOBS","sequence":2,"refund_id":"first","stored_at":"`,
		`refunds.notices.emoney_ovo {"v":1,"channel":"emoney_ovo","reason":"unreadable","stream":"REFUND_JOBS","sequence":3,"refund_id":null,"stored_at":"`,
	} {
		if !strings.Contains(texts, want) {
			t.Errorf("%s is not among %s", want, texts)
		}
	}
	if strings.Contains(texts, "planted") || queue.CachedInfo().State.LastSeq != 3 {
		t.Errorf("%s", texts)
	}
}

func TestServerWhoseMessagesAreTooSmallIsUnfit(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.NATS.LimitPayload(2500)
	f.restart(t)
	f.refuses(t, nothing, "max_payload", "2500", fmt.Sprint(ledger.LargestRecord))
}

// After a reconnect the server may be another. An answer that it refuses for its
// size keeps nothing standing, the stop included.
func TestAnswerTooLargeForAnotherServerHoldsNothingUp(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	w := f.start(t, func(cfg *service.Config) {
		cfg.HTTPAddr = addr
		cfg.Policy.Timeout = 20 * time.Second
	})
	d := heldCall(t, f, "held")
	f.NATS.LimitPayload(600)
	f.restart(t)
	f.DOKU.Release(d.refundCalls())
	readiness(t, addr, http.StatusServiceUnavailable, "max_payload of the NATS server is 600 bytes")
	if err := w.Stop(); err != nil {
		t.Errorf("worker ended with %v", err)
	}
	f.NATS.LimitPayload(1 << 20)
	f.restart(t)
	f.worker(t, nil)
	if r := f.journal.result(t, "held"); r.Status != refund.Succeeded {
		t.Errorf("%+v", r)
	}
	f.audit(t)
}

func TestOwnerIsReadBeforeTheFirstJob(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.dropStreams(t, allStreams...)
	if _, err := (stream.SetupConfig{Owner: stream.Owner{ClientID: "BRN-OTHER", Environment: "simulator"}}).Run(t.Context(), f.JS); err != nil {
		t.Fatal(err)
	}
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial("d")
	d.begin(t, f)
	f.refuses(t, nothing, "BRN-OTHER", devstack.ClientID)
	f.refuses(t, func(cfg *service.Config) { cfg.Setup = true }, "BRN-OTHER", devstack.ClientID)
	f.refuses(t, func(cfg *service.Config) { cfg.ClientID, cfg.Environment = "BRN-OTHER", "sandbox" }, `"sandbox"`, `"simulator"`)
	if f.queued(t) != 1 {
		t.Error("a worker that refused to start took a job")
	}
}

func TestOfTwoMerchantsOnAnEmptyServerOneWorks(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.dropStreams(t, allStreams...)
	var workers []*devstack.Worker
	for _, id := range []string{devstack.ClientID, "BRN-OTHER"} {
		workers = append(workers, f.start(t, func(cfg *service.Config) { cfg.Setup, cfg.ClientID = true, id }))
	}
	winner, loser := workers[0], workers[1]
	select {
	case <-workers[0].Ended():
		winner, loser = loser, winner
	case <-workers[1].Ended():
	}
	if err := loser.Stop(); !errors.Is(err, service.ErrUnfit) {
		t.Errorf("the other ended with %v", err)
	}
	if err := winner.Stop(); err != nil {
		t.Errorf("the owner ended with %v", err)
	}
}

func TestNewLedgerIsRefusedWhereOneWasAndWarnedOfElsewhere(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.dropStreams(t, allStreams...)
	var log lines
	logged := func(cfg *service.Config) {
		cfg.Setup, cfg.Log = true, slog.New(slog.NewJSONHandler(&log, nil))
	}
	f.refuses(t, func(cfg *service.Config) { cfg.Setup, cfg.LedgerMustExist = true, true }, "LEDGER_MUST_EXIST", "restore REFUNDS")
	w := f.start(t, logged)
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("first")
	eventually(t, "streams", func() bool { _, err := f.JS.Stream(t.Context(), stream.Jobs); return err == nil })
	d.begin(t, f)
	f.settled(t)
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Count(text, "a new ledger began") != 1 || !strings.Contains(text, `"level":"WARN","msg":"streams were set up"`) {
		t.Errorf("%s", text)
	}
	f.dropStreams(t, stream.Refunds)
	f.refuses(t, logged, "refused to begin a new ledger", "REFUND_JOBS has taken 1 messages", "restore REFUNDS from a backup")
	f.refuses(t, nothing, "missing: stream REFUNDS")
}
