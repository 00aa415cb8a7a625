package dokusim

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestInAnOutageNothingIsExecuted(t *testing.T) {
	t.Parallel()
	for status, words := range map[int]string{0: "503 Service Unavailable", 502: "502 Bad Gateway", 504: "504", 403: "Request blocked", 200: "improving our service"} {
		m := setup(t)
		m.script(Match{}, Fault{Kind: TooMany})
		body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
		header := m.snapHeader(snapPath, body, "1")
		if err := m.sim.Outage(Outage{Status: status, For: time.Minute}); err != nil {
			t.Fatal(err)
		}
		want := or(status, http.StatusServiceUnavailable)
		for name, r := range map[string]reply{
			"card":    m.card("r-1", cardFaultBody),
			"inquiry": m.cardInquiry("r-1"),
			"snap":    m.do(t.Context(), http.MethodPost, snapPath, body, header),
			"token":   m.do(t.Context(), http.MethodPost, b2bPath, `{"grantType":"client_credentials"}`, m.tokenHeader()),
		} {
			if r.status != want || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.body, words) || r.header.Get("Signature") != "" {
				t.Errorf("%s: got %d %s", name, r.status, r.body)
			}
		}
		m.moved(0, 0)
		m.clock.advance(time.Minute)
		m.want(m.card("r-1", cardFaultBody), http.StatusTooManyRequests, "TOO_MANY_REQUESTS") // the fault was not spent
		m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
		if left := m.sim.Rules(); len(left) != 0 {
			t.Errorf("rules left: %+v", left)
		}
	}
}

func TestAnOutageOfOneChannelSparesTheOthers(t *testing.T) {
	t.Parallel()
	m := setup(t)
	r := m.ask(http.MethodPost, "/_sim/outage", `{"match":{"channel":"credit_card"},"status":502,"for":"1m30s"}`)
	if r.status != http.StatusOK || !strings.Contains(r.body, `"for": "1m30s"`) {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusOK, "2000700")
	m.want(m.card("r-1", cardFaultBody), http.StatusBadGateway, "")
	m.clock.advance(90 * time.Second)
	m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
	for _, bad := range []Outage{{Status: 99}, {For: -1}, {Match: Match{Operation: "pay"}}} {
		if err := m.sim.Outage(bad); !errors.Is(err, ErrFault) {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

func TestARuleEndsWithItsTime(t *testing.T) {
	t.Parallel()
	m := setup(t)
	if err := m.sim.AddRule(Rule{Faults: []Fault{{Kind: Refuse, Code: "invalid_client_id", Count: -1}}, For: time.Second}); err != nil {
		t.Fatal(err)
	}
	m.want(m.card("r-1", cardFaultBody), http.StatusBadRequest, "invalid_client_id")
	m.clock.advance(time.Second - 1)
	m.want(m.card("r-1", cardFaultBody), http.StatusBadRequest, "invalid_client_id")
	m.clock.advance(1)
	m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
}

func TestARefusalIsWhateverItsCodeSays(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	for name, c := range map[string]struct {
		fault  Fault
		status int
		code   string
		words  string
	}{
		"a case alone":        {Fault{Code: "17", Status: 404}, 404, "4040717", "Invalid Terminal"},
		"no status":           {Fault{Code: "02", Message: "Invalid Mandatory Field X-TIMESTAMP"}, 400, "4000702", "Field X-TIMESTAMP"},
		"seven digits":        {Fault{Code: "4040708"}, 404, "4040708", "Invalid Merchant"},
		"a no inside a 200":   {Fault{Code: "4040713", Status: 200}, 200, "4040713", "Invalid Amount"},
		"six digits":          {Fault{Code: "500700", Status: 500}, 500, "500700", "Error"},
		"no code of anybody":  {Fault{Code: `"odd`}, 400, `"odd`, "Error"},
		"another's Retry":     {Fault{Code: "00", Status: 429, Headers: map[string]string{"Retry-After": "6.5"}}, 429, "4290700", "Too Many Requests"},
		"service of an other": {Fault{Code: "4045501"}, 404, "4045501", "Not Found"},
	} {
		c.fault.Kind = Refuse
		m.script(Match{}, c.fault)
		r := m.snap(m.nextID(), body)
		if r.status != c.status || r.code() != c.code || !strings.Contains(r.body, c.words) {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
		if want := c.fault.Headers["Retry-After"]; r.header.Get("Retry-After") != want {
			t.Errorf("%s: Retry-After is %q", name, r.header.Get("Retry-After"))
		}
	}
	m.moved(0, 0)
	m.script(Match{Operation: OpInquiry}, Fault{Kind: Refuse, Status: 404, Code: "route_not_found", Count: -1})
	m.want(m.cardInquiry("r-1"), http.StatusNotFound, "route_not_found")
	m.script(Match{}, Fault{Kind: TooMany, Headers: map[string]string{"Retry-After": "6.5"}})
	if r := m.card("r-1", cardFaultBody); r.header.Get("Retry-After") != "6.5" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
}

func TestARefusedIDMayCountAsUsed(t *testing.T) {
	t.Parallel()
	m := setup(t, with(QuirkRefusalsUseID))
	m.script(Match{}, Fault{Kind: TooMany, Count: 2})
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	m.want(m.card("r-1", cardFaultBody), http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
	m.want(m.snap("1", body), http.StatusTooManyRequests, "4290700")
	m.want(m.card("r-1", cardFaultBody), http.StatusConflict, "idempotent_request")
	m.want(m.card("r-1", cardFaultBody), http.StatusConflict, "idempotent_request")
	m.want(m.snap("1", body), http.StatusConflict, "4090700")

	unsigned := m.cardHeader("r-2", cardPath, cardFaultBody)
	unsigned["Signature"] = "HMACSHA256=AAAA"
	m.want(m.do(t.Context(), http.MethodPost, cardPath, cardFaultBody, unsigned), http.StatusBadRequest, "invalid_signature")
	m.want(m.card("r-2", cardFaultBody), http.StatusConflict, "idempotent_request")
	m.want(m.card("r-3", cardBodyText("", "o", 1)), http.StatusBadRequest, "INVALID_PARAMETER")
	m.want(m.card("r-3", cardFaultBody), http.StatusConflict, "idempotent_request")

	first := m.card("r-4", cardFaultBody) // what was paid is told as ever
	if r := m.card("r-4", cardFaultBody); r.status != http.StatusConflict || r.body != first.body {
		t.Errorf("got %d %s", r.status, r.body)
	}
	m.script(Match{Key: "r-4"}, Fault{Kind: TooMany})
	m.want(m.card("r-4", cardFaultBody), http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
	if r := m.card("r-4", cardFaultBody); r.status != http.StatusConflict || r.body != first.body {
		t.Errorf("a refusal wiped out the stored answer: %d %s", r.status, r.body)
	}
	m.moved(1, 90000)
}

func TestIdempotentRequestMayCome400(t *testing.T) {
	t.Parallel()
	m := setup(t, with(QuirkIdempotent400))
	m.card("r-1", cardFaultBody)
	m.want(m.card("r-1", cardBodyText("INV-1", "o-1", 1)), http.StatusBadRequest, "idempotent_request")
	m.want(m.card("r-1", cardFaultBody), http.StatusConflict, "")
}

func TestOneRefundOfAPaymentAtATimeUnderTheQuirk(t *testing.T) {
	t.Parallel()
	m := setup(t, with(QuirkOneRefundAtATime))
	m.script(Match{Key: "r-1"}, Fault{Kind: Hold})
	answered := make(chan reply, 1)
	go func() { answered <- m.card("r-1", cardFaultBody) }()
	if _, err := m.sim.WaitHeld(t.Context(), Match{}); err != nil {
		t.Fatal(err)
	}
	m.want(m.card("r-2", cardFaultBody), http.StatusBadRequest, "refund_in_progress")
	m.want(m.card("r-3", cardBodyText("INV-2", "o-2", 1)), http.StatusOK, "")
	m.sim.Release(Match{})
	m.want(<-answered, http.StatusOK, "")
	m.want(m.card("r-2", cardFaultBody), http.StatusOK, "")

	m.script(Match{Key: "REF-0001"}, Fault{Kind: InProgress, Delay: time.Minute})
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10)), http.StatusAccepted, "2020700")
	m.want(m.snap("2", snapBodyText(mandiri, "INV-0001", "REF-0002", 10)), http.StatusForbidden, "4030706")
	m.clock.advance(time.Minute)
	m.want(m.snap("3", snapBodyText(mandiri, "INV-0001", "REF-0002", 10)), http.StatusOK, "2000700")
}

// What comes over one connection, byte by byte: net/http would hide it.
func TestAnAnswerTooMany(t *testing.T) {
	t.Parallel()
	for kind, late := range map[Kind]bool{ExtraAnswer: false, ExtraAnswerLate: true} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := setup(t)
			m.script(Match{Invoice: "INV-0001"}, Fault{Kind: kind, Body: `{"responseCode":"2007300","accessToken":"another's"}`})
			conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			read := bufio.NewReader(conn)
			ask := func(external, invoice string) {
				body := snapBodyText(mandiri, invoice, "REF-"+external, 10000)
				text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", snapPath, len(body))
				for name, value := range m.snapHeader(snapPath, body, external) {
					text += name + ": " + value + "\r\n"
				}
				if _, err := conn.Write([]byte(text + "\r\n" + body)); err != nil {
					t.Fatal(err)
				}
			}
			hear := func() string {
				got, err := http.ReadResponse(read, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer got.Body.Close()
				var text strings.Builder
				if _, err := bufio.NewReader(got.Body).WriteTo(&text); err != nil {
					t.Fatal(err)
				}
				return text.String()
			}
			ask("1", "INV-0001")
			if got := hear(); !strings.Contains(got, `"partnerRefundNo":"REF-1"`) {
				t.Errorf("first: %s", got)
			}
			if !late && !strings.Contains(hear(), "another's") {
				t.Error("the answer too many did not come by itself")
			}
			ask("2", "INV-0002")
			if late && !strings.Contains(hear(), "another's") {
				t.Error("the next request got its own answer")
			}
			if got := hear(); !strings.Contains(got, `"partnerRefundNo":"REF-2"`) {
				t.Errorf("second: %s", got)
			}
			m.moved(2, 20000)
		})
	}
}

func TestClosingEndsConnectionsThatAreOutOfStep(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: ExtraAnswerLate})
	m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
	if err := m.sim.Close(); err != nil { // waits for the connection, which waits for a request
		t.Fatal(err)
	}
}

func TestEditsCanBeGivenAsJSON(t *testing.T) {
	t.Parallel()
	m := setup(t)
	r := m.ask(http.MethodPost, "/_sim/faults",
		`{"match":{"operation":"inquiry"},"for":"10m","faults":[{"kind":"edit","set":{"/transaction/status":"PARTIALLY_REFUNDED","/refund/amount":null},"drop":["/card_payment/transaction_status"],"count":-1}]}`)
	m.want(r, http.StatusOK, "")
	m.card("r-1", cardFaultBody)
	got := m.cardInquiry("r-1").body
	if !strings.Contains(got, `"PARTIALLY_REFUNDED"`) || !strings.Contains(got, `"refund":{"amount":null}`) || strings.Contains(got, "transaction_status") {
		t.Errorf("got %s", got)
	}
	if r := m.ask(http.MethodGet, "/_sim/faults", ""); !strings.Contains(r.body, `"for": "10m0s"`) {
		t.Errorf("rules: %s", r.body)
	}
}
