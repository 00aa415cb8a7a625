package dokusim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkCardRefund is the simulator's own cost of a refund, without the
// network: verify, commit, sign.
func BenchmarkCardRefund(b *testing.B) {
	m := &merchant{clock: &clock{}}
	sim, err := New(Config{ClientID: testClient, SecretKey: testSecret, MerchantKey: &testKey.PublicKey, Now: m.clock.now})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	handler := sim.Handler()
	b.ReportAllocs()
	for b.Loop() {
		id := m.nextID()
		body := cardBodyText("INV-"+id, "o-"+id, 90000)
		q := httptest.NewRequestWithContext(b.Context(), http.MethodPost, cardPath, strings.NewReader(body))
		for name, value := range m.cardHeader(id, cardPath, body) {
			q.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, q)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
