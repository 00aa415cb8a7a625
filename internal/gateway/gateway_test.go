package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/gateway"
	"refundworker.example/refundworker/internal/observe"
)

type refundState struct {
	RefundID string `json:"refund_id"`
	State    string
	Result   *struct{ Status, Environment string }
}

// Ids have slashes, colons and hashes, which a path needs escaped.
func TestAJobEndsInAResult(t *testing.T) {
	t.Parallel()
	f := with(t, true)
	for _, id := range []string{"rf-1", "RINV/2026/00012:a#b", "a//b/", "/", "#", "//"} {
		answer := f.post(card(id, 90000), func(r *http.Request) { r.Header.Set("traceparent", "00-trace") })
		if answer.status != http.StatusAccepted || answer.header.Get("Location") != "/v1/refunds/"+url.PathEscape(id) {
			t.Fatalf("%s: %d %s", id, answer.status, answer.body)
		}
		var state refundState
		f.refund(url.PathEscape(id)+"?wait=30s").into(t, &state)
		if state.RefundID != id || state.State != "succeeded" || state.Result == nil || state.Result.Status != "succeeded" {
			t.Errorf("%s: %+v", id, state)
		}
	}
	var state refundState // some proxies unescape slashes
	f.refund("RINV/2026/00012:a%23b").into(t, &state)
	if state.RefundID != "RINV/2026/00012:a#b" {
		t.Errorf("%+v", state)
	}
	for _, id := range []string{"a//b/", "/", "//"} { // and would be led to another refund by a redirect
		if f.refund(id).into(t, &state); state.RefundID != id {
			t.Errorf("%s, unescaped: %+v", id, state)
		}
	}
	msg, err := f.stack.JS.Stream(f.ctx, "REFUNDS")
	if err != nil {
		t.Fatal(err)
	}
	last, err := msg.GetLastMsgForSubject(f.ctx, "refunds.results.*.*.rf-1")
	if err != nil || last.Header.Get("traceparent") != "00-trace" {
		t.Errorf("traceparent %q, %v", last.Header.Get("traceparent"), err)
	}
}

func TestTheSameJobTwiceIsOneRefund(t *testing.T) {
	t.Parallel()
	f := with(t, true)
	var first, second struct {
		Sequence  uint64
		Duplicate bool
	}
	f.post(card("rf-1", 90000)).into(t, &first)
	f.post(card("rf-1", 90000)).into(t, &second)
	if first.Duplicate || !second.Duplicate || first.Sequence != second.Sequence {
		t.Errorf("%+v, %+v", first, second)
	}
	f.refund("rf-1?wait=30s")
	// The worker, not the window for duplicates, makes it one: another spelling of it.
	if answer := f.post(strings.Replace(card("rf-1", 90000), "{", `{"currency":"IDR",`, 1)); answer.status != http.StatusAccepted {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if moved := f.stack.DOKU.Book().Total.Movements; moved != 1 {
		t.Errorf("money moved %d times", moved)
	}
}

func TestAnIDThatIsUsedUpConflicts(t *testing.T) {
	t.Parallel()
	f := with(t, true)
	f.post(card("rf-1", 90000))
	f.refund("rf-1?wait=30s")
	answer := f.post(card("rf-1", 90001))
	if kind, _ := answer.problem(t); answer.status != http.StatusConflict || kind != "refund-id-conflict" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	jobs, err := f.stack.JS.Stream(f.ctx, "REFUND_JOBS")
	if err != nil || jobs.CachedInfo().State.LastSeq != 1 {
		t.Errorf("%d jobs published, %v", jobs.CachedInfo().State.LastSeq, err)
	}
}

// A conflict that the ledger does not show yet arrives as a notice of that sequence.
func TestAConflictThatShowsLaterArrivesAsANotice(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	var first, second struct{ Sequence uint64 }
	f.post(card("rf-1", 90000)).into(t, &first)
	f.post(card("rf-1", 90001)).into(t, &second)
	w := f.stack.StartWorker(f.ctx, f.stack.WorkerConfig(slog.New(slog.DiscardHandler)))
	defer func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var page struct {
		Notices []struct {
			Notice struct {
				Sequence uint64
				Reason   string
				RefundID string `json:"refund_id"`
			}
		}
		Next uint64
		More bool
	}
	for len(page.Notices) == 0 {
		f.list("notices", "").into(t, &page)
	}
	n := page.Notices[0].Notice
	if (n.Sequence != first.Sequence && n.Sequence != second.Sequence) || n.Reason != "refund_id_conflict" || n.RefundID != "rf-1" || page.More {
		t.Errorf("%+v", page)
	}
	f.list("notices", "?after=1000000").into(t, &page)
	if len(page.Notices) != 0 || page.Next != 1000000 {
		t.Errorf("after the end: %+v", page)
	}
}

func TestABodyThatIsNoJobIsRefused(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	const token = "t0ken-of-a-customer"
	for _, try := range []struct {
		name, body, kind string
		status           int
		fields           []string
	}{
		{"no JSON", `{"refund_id"`, "unreadable-job", 400, nil},
		{"not UTF-8", "{\"refund_id\":\"\xff\"}", "unreadable-job", 400, nil},
		{"a list", `[]`, "unreadable-job", 400, nil},
		{"no id", `{"channel":"credit_card"}`, "unreadable-job", 400, nil},
		{"a bad id", `{"refund_id":"rf 1","channel":"credit_card"}`, "unreadable-job", 400, nil},
		{"two ids", `{"refund_id":"a","refund_id":"b","channel":"credit_card"}`, "unreadable-job", 400, nil},
		{"nothing", ``, "unreadable-job", 400, nil},
		{"no channel", `{"refund_id":"rf-1","amount":1}`, "invalid-job", 422, []string{"channel"}},
		{"another channel", strings.Replace(card("rf-1", 1), "credit_card", "paper", 1), "invalid-job", 422, []string{"channel"}},
		{"two channels", strings.Replace(card("rf-1", 1), "{", `{"channel":"emoney_ovo",`, 1), "invalid-job", 422, []string{"channel"}},
		{"another case", strings.Replace(card("rf-1", 1), "channel", "CHANNEL", 1), "invalid-job", 422, []string{`"CHANNEL"`, "channel"}},
		{"no amount", card("rf-1", 0), "invalid-job", 422, []string{"amount"}},
		{"too large", card(strings.Repeat("r", 16<<10), 1), "too-large", 413, nil},
		{"a token in a bad job", `{"refund_id":"rf-1","channel":"emoney_ovo","customer":{"access_token":"` + token + `","other":1}}`, "invalid-job", 422,
			[]string{"amount", `customer."other"`, "invoice_number"}},
	} {
		answer := f.post(try.body)
		kind, fields := answer.problem(t)
		slices.Sort(fields)
		if answer.status != try.status || kind != try.kind || !slices.Equal(slices.Compact(fields), try.fields) {
			t.Errorf("%s: %d %s %q: %s", try.name, answer.status, kind, fields, answer.body)
		}
		if strings.Contains(string(answer.body), token) {
			t.Errorf("%s: the answer repeats the token", try.name)
		}
	}
	if answer := f.post(card("rf-1", 1), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }); answer.status != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d", answer.status)
	}
	if strings.Contains(f.log.String(), token) {
		t.Error("the log has the token")
	}
	jobs, err := f.stack.JS.Stream(f.ctx, "REFUND_JOBS")
	if err != nil || jobs.CachedInfo().State.LastSeq != 0 {
		t.Errorf("%d jobs published, %v", jobs.CachedInfo().State.LastSeq, err)
	}
}

func TestResultsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	f := with(t, true)
	want := []string{"rf-1", "rf-2", "rf-3", "rf-4", "rf-5"}
	for _, id := range want {
		f.post(card(id, 1))
	}
	for _, id := range want {
		f.refund(id + "?wait=30s")
	}
	type results struct {
		Results []struct {
			Sequence uint64
			EventID  string `json:"event_id"`
			Result   struct {
				RefundID string `json:"refund_id"`
			}
		}
		Next uint64
		More bool
	}
	var got []string
	after := "0"
	for pages := 1; ; pages++ {
		var page results
		answer := f.list("results", "?limit=2&after="+after)
		answer.into(t, &page)
		for _, r := range page.Results {
			got = append(got, r.Result.RefundID)
			if r.EventID != r.Result.RefundID+".succeeded" || r.Sequence > page.Next {
				t.Errorf("%+v", r)
			}
		}
		if !page.More {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		after = strings.Trim(strings.Split(string(answer.body), `"next":`)[1], "}\n")
		after, _, _ = strings.Cut(after, ",")
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("read %q", got)
	}
}

func TestParametersThatBreakARuleAreNamed(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	for target, field := range map[string]string{
		"?after=-1": "after", "?after=x": "after", "?after=18446744073709551615": "after", "?limit=0": "limit", "?limit=1001": "limit", "?limit=1e2": "limit",
	} {
		for _, what := range []string{"results", "notices"} {
			answer := f.list(what, target)
			if kind, fields := answer.problem(t); answer.status != http.StatusBadRequest || kind != "bad-query" || !slices.Equal(fields, []string{field}) {
				t.Errorf("%s: %d %s", target, answer.status, answer.body)
			}
		}
	}
	for target, field := range map[string]string{"rf-1?wait=61s": "wait", "rf-1?wait=-1s": "wait", "rf-1?wait=30": "wait", "*": "refund_id", "a.b": "refund_id", "%3E": "refund_id"} {
		answer := f.refund(target)
		if _, fields := answer.problem(t); answer.status != http.StatusBadRequest || !slices.Equal(fields, []string{field}) {
			t.Errorf("%s: %d %s", target, answer.status, answer.body)
		}
	}
}

func TestAnUnknownRefundIsNotFound(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	for _, target := range []string{"rf-1", "rf-1?wait=50ms"} {
		answer := f.refund(target)
		if kind, _ := answer.problem(t); answer.status != http.StatusNotFound || kind != "unknown-refund" {
			t.Errorf("%s: %d %s", target, answer.status, answer.body)
		}
	}
}

// Where as many wait as may, the next is answered at once.
func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	f := with(t, false, func(cfg *gateway.Config) { cfg.MaxWaits = 0 })
	began := time.Now()
	if answer := f.refund("rf-1?wait=60s"); answer.status != http.StatusNotFound || time.Since(began) > 30*time.Second {
		t.Errorf("%d after %s", answer.status, time.Since(began))
	}
}

// A wait is longer than the server's limits for reading a request and writing an answer,
// which would cut it off.
func TestAWaitOutlastsTheServersLimits(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	const limit, patience = 100 * time.Millisecond, 700 * time.Millisecond
	l, err := observe.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- observe.Serve(ctx, l, f.handler, slog.New(slog.DiscardHandler), observe.Limits{Connections: 4, Read: limit, Write: limit, ShutDown: time.Second})
	}()
	f.url = "http://" + l.Addr().String()
	began := time.Now()
	if answer := f.refund("rf-1?wait=" + patience.String()); answer.status != http.StatusNotFound || time.Since(began) < patience {
		t.Errorf("%d after %s: %s", answer.status, time.Since(began), answer.body)
	}
	// With the end of the program it ends at once.
	answered := make(chan reply, 1)
	go func() { answered <- f.refund("rf-1?wait=60s") }()
	for f.metrics.Waiting() == 0 {
		runtime.Gosched()
	}
	stop()
	if answer := <-answered; answer.status != http.StatusNotFound {
		t.Errorf("at the end: %d %s", answer.status, answer.body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOnlyWhoHasATokenIsLetIn(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + f.token, f.token, "Bearer " + f.token + "x", "Bearer  " + f.token} {
		change := func(r *http.Request) { r.Header.Set("Authorization", authorization) }
		for _, answer := range []reply{
			f.post(card("rf-1", 1), change), f.do(http.MethodGet, "/v1/refunds/{id}", "/v1/refunds/rf-1", nil, change),
			f.do(http.MethodGet, "/v1/results", "/v1/results", nil, change), f.do(http.MethodGet, "/v1/notices", "/v1/notices", nil, change),
		} {
			if answer.status != http.StatusUnauthorized || answer.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%q: %d %s", authorization, answer.status, answer.body)
			}
		}
	}
	if strings.Contains(f.log.String(), f.token) {
		t.Error("the log has the token")
	}
}

func TestEachTokenHasItsRate(t *testing.T) {
	t.Parallel()
	var token string
	f := with(t, false, func(cfg *gateway.Config) { cfg.Tokens, token = tokens(t, "0.5", cfg.Log) })
	f.token = token
	if answer := f.list("results", ""); answer.status != http.StatusOK {
		t.Fatalf("%d", answer.status)
	}
	for _, answer := range []reply{f.list("results", ""), f.list("notices", ""), f.post(card("rf-1", 1)), f.refund("rf-1")} {
		if answer.status != http.StatusTooManyRequests {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
}

func TestOtherMethodsAndPathsAreProblems(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	for target, want := range map[string]int{"DELETE /v1/refunds": 405, "GET /v1/refunds": 405, "PUT /v1/refunds/rf-1": 405, "POST /v1/results": 405, "GET /v1/": 404, "GET /v1/other": 404} {
		method, path, _ := strings.Cut(target, " ")
		answer := f.do(method, "", path, nil)
		if kind, _ := answer.problem(t); answer.status != want || kind == "" || answer.status == 405 && answer.header.Get("Allow") == "" {
			t.Errorf("%s: %d %s", target, answer.status, answer.body)
		}
	}
}

func TestWhileNATSIsAwayRequestsAreToBeRepeated(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	f.stack.NATS.Stop()
	for _, answer := range []reply{f.post(card("rf-1", 1)), f.list("results", ""), f.list("notices", ""), f.refund("rf-1")} {
		if answer.status != http.StatusServiceUnavailable || answer.header.Get("Retry-After") == "" {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	if err := f.stack.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	for answer := f.post(card("rf-1", 1)); answer.status != http.StatusAccepted; answer = f.post(card("rf-1", 1)) {
		t.Logf("%s", answer.body)
	}
}

func TestAFullQueueIsToBeRepeatedLater(t *testing.T) {
	t.Parallel()
	f := with(t, false)
	jobs, err := f.stack.JS.Stream(f.ctx, "REFUND_JOBS")
	if err != nil {
		t.Fatal(err)
	}
	cfg := jobs.CachedInfo().Config
	cfg.MaxBytes = 1
	if _, err := f.stack.JS.UpdateStream(f.ctx, cfg); err != nil {
		t.Fatal(err)
	}
	answer := f.post(card("rf-1", 1))
	if kind, _ := answer.problem(t); answer.status != http.StatusServiceUnavailable || kind != "not-stored" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

// What a newer version wrote ends a page before it: nothing is passed over.
func TestWhatANewerVersionWroteIsNotPassedOver(t *testing.T) {
	t.Parallel()
	f := with(t, true)
	f.post(card("rf-1", 1))
	f.refund("rf-1?wait=30s")
	for _, subject := range []string{"refunds.results.credit_card.succeeded.rf-2", "refunds.notices.credit_card"} {
		if _, err := f.stack.JS.Publish(f.ctx, subject, []byte(`{"v":2}`)); err != nil {
			t.Fatal(err)
		}
	}
	var page struct {
		Results []any
		Next    uint64
		More    bool
	}
	f.list("results", "").into(t, &page)
	if len(page.Results) != 1 || !page.More {
		t.Errorf("%+v", page)
	}
	for _, answer := range []reply{f.list("results", "?after=2"), f.refund("rf-2")} {
		if kind, _ := answer.problem(t); answer.status != http.StatusInternalServerError || kind != "newer-version" {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	answer := f.list("notices", "")
	for answer.status == http.StatusOK { // the mirror is some moments late
		answer = f.list("notices", "")
	}
	if kind, _ := answer.problem(t); kind != "newer-version" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

// Many at once: each job is accepted once, and ends.
func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	f := with(t, true)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			id := "rf-" + strings.Repeat("x", i+1)
			if answer := f.post(card(id, 1)); answer.status != http.StatusAccepted {
				t.Errorf("%s: %d", id, answer.status)
			}
			for answer := f.refund(id + "?wait=30s"); ; answer = f.refund(id + "?wait=30s") {
				if strings.Contains(string(answer.body), `"succeeded"`) {
					return
				}
			}
		})
	}
	group.Wait()
}
