package doku

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/secret"
)

// A key is changed in two steps: the new one is put before the old one, and the
// old one is taken away later. DOKU may sign with either in between.
func TestKeyIsChangedWithoutAGap(t *testing.T) {
	t.Parallel()
	signs := "old"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := []byte(`{"order":{"invoice_number":"INV-1"},"payment":{"original_request_id":"p"},"refund":{"amount":1,"type":"VOID","status":"SUCCESS"}}`)
		stamp := timestamp(time.Now())
		text := cardText{clientID: "C", requestID: r.Header.Get("Request-Id"), timestamp: stamp, target: r.URL.Path, digest: cardDigest(body)}
		w.Header().Set("Client-Id", "C")
		w.Header().Set("Request-Id", r.Header.Get("Request-Id"))
		w.Header().Set("Response-Timestamp", stamp)
		w.Header().Set("Signature", cardSignature(secret.New(signs), text.response()))
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{BaseURL: server.URL, ClientID: "C", Secret: secret.New("old"), Timeout: 5 * time.Second, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	refund := func() Class {
		return c.Refund(t.Context(), Order{
			Channel: "credit_card", InvoiceNumber: "INV-1", OriginalRequestID: "p", Amount: 1, RequestID: "r",
			SendBy: time.Now().Add(5 * time.Second),
		}).Class
	}
	for _, step := range []struct {
		keys, signs string
		want        Class
	}{
		{"old", "old", Succeeded},
		{"new\nold", "old", Succeeded},
		{"new\nold", "new", Succeeded},
		{"new", "new", Succeeded},
		{"new", "old", Unknown},
	} {
		if err := c.Rekey(secret.New(step.keys), nil); err != nil {
			t.Fatal(err)
		}
		signs = step.signs
		if got := refund(); got != step.want {
			t.Errorf("keys %s, answer signed with the %s one: %s, want %s", mustJSON(t, step.keys), step.signs, got, step.want)
		}
	}
}

func TestUnfitKeysChangeNothing(t *testing.T) {
	t.Parallel()
	c, err := New(Config{BaseURL: "https://doku.test", ClientID: "C", Secret: secret.New("old"), Timeout: time.Second, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rekey(secret.New("\n"), nil) == nil || c.Rekey(secret.New("new"), short) == nil {
		t.Error("unfit keys were taken")
	}
	if c.keys.Load().shared[0].Reveal() != "old" {
		t.Error("the keys in use changed")
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
