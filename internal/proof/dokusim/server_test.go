package dokusim

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNothingOfOursIsImported(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range parsed.Imports {
			if strings.HasPrefix(imported.Path.Value, `"refundworker`) {
				t.Errorf("%s imports %s: the witness must read the documents itself", name, imported.Path.Value)
			}
		}
	}
}

func TestBadSettingsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Delay: -1, Quirks: []Quirk{"odd"}})
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"client id", "secret key", "merchant key", "delay", `"odd"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

func TestTheBookOutlivesItsServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "book.ndjson")
	book := func(c *Config) { c.BookFile = file }
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	first := setup(t, book)
	first.script(Match{Key: "r-2"}, Fault{Kind: InProgress, Delay: time.Minute})
	stored := first.card("r-1", cardFaultBody)
	first.card("r-2", cardBodyText("INV-1", "o-1", 7))
	first.want(first.snap("1", body), http.StatusOK, "2000700")
	before := first.sim.Book()
	if err := first.sim.Close(); err != nil {
		t.Fatal(err)
	}

	second := setup(t, book)
	if got := fmt.Sprint(second.sim.Book()); got != fmt.Sprint(before) {
		t.Errorf("before: %v\nafter: %s", before, got)
	}
	if r := second.card("r-1", cardFaultBody); r.status != http.StatusConflict || r.body != stored.body {
		t.Errorf("the repeat got %d %s", r.status, r.body)
	}
	second.want(second.snap("1", body), http.StatusConflict, "4090700")
	second.want(second.snap("2", body), http.StatusConflict, "4090701")
	second.moved(2, 100000)
	second.clock.advance(time.Minute)
	second.moved(3, 100007)
}

func TestALineThatAKillCutShortIsForgotten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "book.ndjson")
	book := func(c *Config) { c.BookFile = file }
	first := setup(t, book)
	first.card("r-1", cardFaultBody)
	first.card("r-2", cardFaultBody)
	if err := first.sim.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := append(whole[:len(whole)-10], strings.Repeat(" ", 4096)...) // longer than the line that takes its place
	if err := os.WriteFile(file, cut, 0o600); err != nil {
		t.Fatal(err)
	}
	second := setup(t, book)
	second.moved(1, 90000)
	second.want(second.card("r-2", cardFaultBody), http.StatusOK, "")
	if err := second.sim.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.HasSuffix(string(text), "}\n") || strings.Contains(string(text), "  ") {
		t.Errorf("the cut line is still there: %v", err)
	}
	third := setup(t, book)
	third.moved(2, 180000)
}

func TestABookThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	const at = `"at":"2026-11-21T09:00:00Z"`
	paid := `{` + at + `,"payment":{"channel":"credit_card","invoice":"i","amount":5,` + at + `}}` + "\n"
	refunded := func(seq, key, rest string) string {
		return `{` + at + `,"refund":{"seq":` + seq + `,"channel":"credit_card","invoice":"i","key":"` + key + `","amount":1,"state":"done",` + at + `}` + rest + "}\n"
	}
	for name, text := range map[string]string{
		"no JSON":           "hello\n",
		"another's JSON":    `{` + at + `,"colour":"red"}` + "\n",
		"no payment":        refunded("1", "k", ""),
		"another's payment": refunded("1", "k", `,"payment":{"channel":"credit_card","invoice":"j","amount":5,`+at+`}`),
		"a refund left out": paid + refunded("2", "k", ""),
		"a refund changed":  paid + refunded("1", "k", "") + refunded("1", "l", ""),
	} {
		file := filepath.Join(t.TempDir(), "book.ndjson")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Config{ClientID: "c", SecretKey: "s", MerchantKey: &testKey.PublicKey, BookFile: file})
		if !errors.Is(err, ErrBook) || !strings.Contains(err.Error(), fmt.Sprintf("line %d", strings.Count(text, "\n"))) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMoneyThatCannotBeJournalledDoesNotMove(t *testing.T) {
	t.Parallel()
	m := setup(t, func(c *Config) { c.BookFile = filepath.Join(t.TempDir(), "book.ndjson") })
	if err := m.sim.book.journal.file.Close(); err != nil {
		t.Fatal(err)
	}
	m.want(m.card("r-1", cardFaultBody), http.StatusInternalServerError, "")
	m.moved(0, 0)
	m.sim.book.journal = nil // so that closing finds nothing wrong
	m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
	m.moved(1, 90000)
}

func TestPaymentsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for name, p := range map[string]Payment{
		"unknown channel": {Channel: "cash", Invoice: "i", Amount: 1},
		"no invoice":      {Channel: CreditCard, Amount: 1},
		"long invoice":    {Channel: DirectDebitBRI, Invoice: "INV-000000001", Amount: 1},
		"no amount":       {Channel: CreditCard, Invoice: "i"},
	} {
		if err := m.sim.AddPayment(p); !errors.Is(err, ErrPayment) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheLogOfRequestsKeepsTheNewest(t *testing.T) {
	t.Parallel()
	m := setup(t, func(c *Config) { c.KeepRequests = 2 })
	for _, id := range []string{"r-1", "r-2", "r-3"} {
		m.card(id, cardFaultBody)
	}
	seen := m.sim.Requests()
	if len(seen) != 2 || seen[0].ID != "r-2" || seen[1].ID != "r-3" || seen[1].Status != http.StatusOK {
		t.Errorf("kept %+v", seen)
	}
	if counts := m.sim.Seen(); counts[OpRefund] != 3 {
		t.Errorf("counted %v", counts)
	}
}

func TestTrafficCountsBytesThatNeverBecameARequest(t *testing.T) {
	t.Parallel()
	m := setup(t)
	if got := m.sim.Traffic(); got != (Traffic{}) {
		t.Fatalf("before: %+v", got)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for m.sim.Traffic().Bytes != 4 {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatalf("counted %+v", m.sim.Traffic())
		}
	}
	if len(m.sim.Requests()) != 0 {
		t.Error("four bytes are a request")
	}
}

func TestUnknownPathsAreCountedAndRefused(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.want(m.do(t.Context(), http.MethodGet, cardPath, "", nil), http.StatusNotFound, "")
	if counts := m.sim.Seen(); counts[OpOther] != 1 {
		t.Errorf("counted %v", counts)
	}
}

func TestServeEndsWithItsContextAndItsHeldRequests(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: Hold})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan reply, 1)
	go func() { served <- m.sim.Serve(ctx, l) }()
	go func() { answered <- m.card("r-1", cardFaultBody) }()
	if _, err := m.sim.WaitHeld(t.Context(), Match{}); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if r := <-answered; r.err == nil {
		t.Errorf("answered %+v", r)
	}
	m.moved(1, 90000)
}

func TestTheDelayIsOnBothSidesOfTheCommit(t *testing.T) {
	t.Parallel()
	m := setup(t, func(c *Config) { c.Delay = 20 * time.Millisecond })
	start := time.Now()
	m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// A recorder cannot be hijacked: the fallback must abort, not answer.
func TestAResetWithoutAConnectionAborts(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{Operation: OpOther}, Fault{Kind: ResetBefore})
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			t.Errorf("recovered %v", got)
		}
	}()
	m.sim.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nowhere", nil))
	t.Error("answered")
}
