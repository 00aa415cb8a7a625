package dokusim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func (m *merchant) ask(method, path, body string) reply {
	return m.do(m.t.Context(), method, path, body, nil)
}

func TestFaultsAndPaymentsCanBeGivenAsJSON(t *testing.T) {
	t.Parallel()
	m := setup(t, func(c *Config) { c.AutoPayments = -1 })
	m.want(m.ask(http.MethodPost, "/_sim/payments", `{"channel":"credit_card","invoice":"INV-1","amount":90000}`), http.StatusOK, "")
	m.want(m.ask(http.MethodPost, "/_sim/faults",
		`{"match":{"channel":"credit_card"},"faults":[{"kind":"too_many","retry_after":"3s","count":2}]}`), http.StatusOK, "")
	if r := m.card("r-1", cardFaultBody); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "3" {
		t.Errorf("got %d %v", r.status, r.header)
	}
	if r := m.ask(http.MethodGet, "/_sim/faults", ""); !strings.Contains(r.body, `"retry_after": "3s"`) {
		t.Errorf("rules: %s", r.body)
	}
	m.ask(http.MethodDelete, "/_sim/faults", "")
	m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
}

func TestMisspeltControlIsRefused(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for path, body := range map[string]string{
		"/_sim/faults":   `{"match":{},"faults":[{"kind":"hold","tims":3}]}`,
		"/_sim/payments": `{"channel":"cash","invoice":"i","amount":1}`,
		"/_sim/release":  `{"invoise":"i"}`,
	} {
		if r := m.ask(http.MethodPost, path, body); r.status != http.StatusBadRequest || !strings.Contains(r.body, `"error"`) {
			t.Errorf("%s: got %d %s", path, r.status, r.body)
		}
	}
	if r := m.ask(http.MethodPost, "/_sim/faults", `{"match":{},"faults":[{"kind":"delay","delay":"soon"}]}`); r.status != http.StatusBadRequest {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestBookRequestsAndHeldAnswersAreJSON(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{Key: "r-2"}, Fault{Kind: Hold})
	m.card("r-1", cardFaultBody)
	answered := make(chan reply, 1)
	go func() { answered <- m.card("r-2", cardFaultBody) }()
	if _, err := m.sim.WaitHeld(t.Context(), Match{}); err != nil {
		t.Fatal(err)
	}
	var book Snapshot
	if err := json.Unmarshal([]byte(m.ask(http.MethodGet, "/_sim/book?last=1", "").body), &book); err != nil {
		t.Fatal(err)
	}
	if book.Total != (Sum{2, 180000}) || len(book.Movements) != 1 || book.Movements[0].Key != "r-2" {
		t.Errorf("book: %+v", book)
	}
	var held []Held
	if err := json.Unmarshal([]byte(m.ask(http.MethodGet, "/_sim/held", "").body), &held); err != nil || len(held) != 1 || !held[0].Committed {
		t.Errorf("held: %+v %v", held, err)
	}
	if r := m.ask(http.MethodPost, "/_sim/release", ""); !strings.Contains(r.body, `"released": 1`) {
		t.Errorf("released: %s", r.body)
	}
	m.want(<-answered, http.StatusOK, "")
	var seen []Request
	if err := json.Unmarshal([]byte(m.ask(http.MethodGet, "/_sim/requests?key=r-2", "").body), &seen); err != nil || len(seen) != 1 || seen[0].Fault != Hold {
		t.Errorf("requests: %+v %v", seen, err)
	}
}

func TestTokensCanBeEndedByControl(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.bearer()
	m.ask(http.MethodPost, "/_sim/tokens/expire", "")
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusUnauthorized, "4010701")
}

func TestAnotherSitesPageCannotSteer(t *testing.T) {
	t.Parallel()
	m := setup(t)
	r := m.do(t.Context(), http.MethodPost, "/_sim/tokens/expire", "", map[string]string{"Sec-Fetch-Site": "cross-site"})
	if r.status != http.StatusForbidden {
		t.Errorf("got %d", r.status)
	}
}

func TestThePageShowsTheBookAndRunsNobodysScript(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.card("r-1", cardBodyText("<script>alert(1)</script>", "o-1", 1234567))
	m.script(Match{Invoice: "INV-9"}, Fault{Kind: ErrorAfter, Count: -1})
	page := m.ask(http.MethodGet, "/", "")
	for _, part := range []string{"Rp 1.234.567", "&lt;script&gt;alert(1)", "credit card", "error after always", "PARTIAL REFUND"} {
		if !strings.Contains(page.body, part) {
			t.Errorf("%q is not on the page", part)
		}
	}
	if strings.Contains(page.body, "<script>alert") || strings.Contains(page.body, "https://") {
		t.Error("the page runs or loads what is not its own")
	}
}

func TestNothingSecretIsShown(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	h := m.snapHeader(snapPath, body, "1")
	h["Authorization-customer"] = "Bearer planted-customer-token"
	m.want(m.do(t.Context(), http.MethodPost, snapPath, body, h), http.StatusOK, "2000700")
	for _, path := range []string{"/", "/_sim/book", "/_sim/requests", "/_sim/held", "/_sim/faults"} {
		shown := m.ask(http.MethodGet, path, "").body
		for _, secret := range []string{testSecret, m.token, "planted-customer-token", h["X-SIGNATURE"]} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s shows %s", path, secret)
			}
		}
	}
}

func TestRupiahIsWrittenAsInIndonesia(t *testing.T) {
	t.Parallel()
	for amount, want := range map[int64]string{0: "Rp 0", 999: "Rp 999", 1000: "Rp 1.000", 9999999999999999: "Rp 9.999.999.999.999.999"} {
		if got := rupiahText(amount); got != want {
			t.Errorf("%d: got %s", amount, got)
		}
	}
}
