package dokusim

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever a rightly signed body holds, the answer is one of DOKU's, and money
// moves only for an amount that the body gives in plain digits.
func FuzzCardBody(f *testing.F) {
	f.Add(seedBody)
	f.Add(`{"refund":{"amount":1e999}}`)
	f.Add(cardBodyText("i", "o", largestAmount))
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" {
			t.Skip("a card refund has a body")
		}
		m := &merchant{clock: &clock{}}
		sim, err := New(Config{ClientID: testClient, SecretKey: testSecret, MerchantKey: &testKey.PublicKey, Now: m.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close()
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, cardPath, strings.NewReader(body))
		for name, value := range m.cardHeader("r-1", cardPath, body) {
			q.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		sim.Handler().ServeHTTP(w, q)
		total := sim.Book().Total
		switch {
		case w.Code == http.StatusOK && total.Movements == 1 && total.Amount > 0 && strings.Contains(body, itoa(total.Amount)):
		case w.Code == http.StatusBadRequest && total == Sum{}:
		default:
			t.Fatalf("%d %s, moved %+v", w.Code, w.Body, total)
		}
	})
}

// A journal cut at any byte gives a book that is a beginning of the whole one.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"at":"2026-11-21T09:00:00Z","payment":{"channel":"credit_card","invoice":"i","amount":5,"at":"2026-11-21T09:00:00Z"}}` + "\n"))
	f.Add([]byte("{}\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		size, err := replay(bytes.NewReader(text), newBook(nil).restore)
		if err == nil && size > int64(len(text)) {
			t.Fatalf("read %d of %d bytes", size, len(text))
		}
		if err == nil && size > 0 && text[size-1] != '\n' {
			t.Fatal("half a line was read")
		}
	})
}
