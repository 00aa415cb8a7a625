package dokusim

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCardRefundAnswersTheSeedsSample(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-20210118-0001", OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c", Amount: 90000})
	r := m.card("6cc9f8b1-d83d-4c24-b853-a3223f43a744", seedBody)
	m.want(r, http.StatusOK, "")
	const want = `{"order":{"invoice_number":"INV-20210118-0001"},"payment":{"original_request_id":"b266c265-3d61-4708-9860-c0d5b9a98f8c"},` +
		`"refund":{"amount":90000,"type":"FULL_REFUND","status":"SUCCESS","message":"Approved","approval_code":"000001"}}`
	if r.body != want {
		t.Errorf("got %s", r.body)
	}
	if !m.signedByDOKU(r, cardPath) {
		t.Error("the answer is not signed by DOKU")
	}
	if got := r.header.Get("Response-Timestamp"); got != "2026-11-21T09:00:00Z" {
		t.Errorf("Response-Timestamp is %s", got)
	}
	moved := m.sim.Book().Moved(CreditCard, "INV-20210118-0001", "6cc9f8b1-d83d-4c24-b853-a3223f43a744")
	if len(moved) != 1 || moved[0].Amount != 90000 {
		t.Errorf("movements: %+v", moved)
	}
}

func TestCardOverRefundAnswersTheSeedsFailedSample(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: CreditCard, Invoice: "saweran_rest_api_2", OriginalRequestID: "5450", Amount: 15000})
	body := `{"order":{"invoice_number":"saweran_rest_api_2"},"payment":{"original_request_id":"5450"},"refund":{"amount":20000,"reason":"REFUND TEST"}}`
	r := m.card("over-1", body)
	m.want(r, http.StatusOK, "PAYMENT_FAILED")
	const want = `{"order":{"invoice_number":"saweran_rest_api_2"},"payment":{"original_request_id":"5450"},` +
		`"refund":{"amount":20000,"reason":"REFUND TEST","type":"FULL_REFUND","status":"FAILED"},` +
		`"error":{"code":"PAYMENT_FAILED","message":"Total Refund amount is Bigger than Original Transaction","type":"Payment Failed"}}`
	if r.body != want {
		t.Errorf("got %s", r.body)
	}
	m.moved(0, 0)
}

func TestCardRefundTypeIsDOKUsChoice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payment Payment
		amount  int64
		want    string
	}{
		"whole, settled":       {Payment{}, 100, `"FULL_REFUND","status":"SUCCESS"`},
		"part, settled":        {Payment{}, 40, `"PARTIAL_REFUND","status":"SUCCESS"`},
		"whole, unsettled":     {Payment{Unsettled: true}, 100, `"VOID","status":"SUCCESS"`},
		"part, unsettled":      {Payment{Unsettled: true}, 40, `"PARTIAL_REFUND","status":"FAILED"`},
		"whole, by people":     {Payment{Manual: true}, 100, `"MANUAL_FULL_REFUND","status":"SUCCESS"`},
		"part, by people":      {Payment{Manual: true}, 40, `"MANUAL_PARTIAL_REFUND","status":"SUCCESS"`},
		"more than there is":   {Payment{}, 101, `"FULL_REFUND","status":"FAILED"`},
		"more, before settled": {Payment{Unsettled: true}, 101, `"VOID","status":"FAILED"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := setup(t)
			p := c.payment
			p.Channel, p.Invoice, p.Amount = CreditCard, "INV-1", 100
			m.pay(p)
			r := m.card("r-1", cardBodyText("INV-1", "o-1", c.amount))
			if !strings.Contains(r.body, `"type":`+c.want) {
				t.Errorf("got %d %s", r.status, r.body)
			}
			if strings.Contains(c.want, "SUCCESS") {
				m.moved(1, c.amount)
			} else {
				m.moved(0, 0)
			}
		})
	}
}

func TestPartialRefundsStopAtThePaymentsAmount(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", Amount: 100})
	m.want(m.card("r-1", cardBodyText("INV-1", "o-1", 60)), http.StatusOK, "")
	m.want(m.card("r-2", cardBodyText("INV-1", "o-1", 50)), http.StatusOK, "PAYMENT_FAILED")
	m.want(m.card("r-3", cardBodyText("INV-1", "o-1", 40)), http.StatusOK, "")
	m.moved(2, 100)
}

func TestSettledPaymentTakesPartialRefunds(t *testing.T) {
	t.Parallel()
	m := setup(t)
	p := Payment{Channel: CreditCard, Invoice: "INV-1", Amount: 100, Unsettled: true}
	m.pay(p)
	m.want(m.card("r-1", cardBodyText("INV-1", "o-1", 40)), http.StatusOK, "PAYMENT_FAILED")
	p.Unsettled = false
	m.pay(p)
	m.want(m.card("r-2", cardBodyText("INV-1", "o-1", 40)), http.StatusOK, "")
	m.moved(1, 40)
}

func TestRepeatedRequestIDGetsTheStoredAnswerAndNoMoney(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := cardBodyText("INV-1", "o-1", 90000)
	first := m.card("r-1", body)
	again := m.card("r-1", body)
	if again.status != http.StatusConflict || again.body != first.body {
		t.Errorf("got %d %s", again.status, again.body)
	}
	if again.header.Get("Signature") != "" {
		t.Error("a 409 is signed without being asked to")
	}
	other := m.card("r-1", cardBodyText("INV-1", "o-1", 90001))
	m.want(other, http.StatusConflict, "idempotent_request")
	m.moved(1, 90000)
	if seen := m.sim.RequestsFor(Match{Operation: OpRefund, Key: "r-1"}); len(seen) != 3 || seen[2].Repeat != 3 {
		t.Errorf("requests: %+v", seen)
	}
}

func TestRefusalsAreStoredToo(t *testing.T) {
	t.Parallel()
	m := setup(t, func(c *Config) { c.AutoPayments = -1 })
	body := cardBodyText("INV-1", "o-1", 90000)
	m.want(m.card("r-1", body), http.StatusNotFound, "DATA_NOT_FOUND")
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", Amount: 90000})
	m.want(m.card("r-1", body), http.StatusConflict, "DATA_NOT_FOUND")
	m.moved(0, 0)
}

func TestConcurrentRepeatsMoveMoneyOnce(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := cardBodyText("INV-1", "o-1", 90000)
	replies := make([]reply, 24)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() { replies[i] = m.card("r-1", body) })
	}
	all.Wait()
	good := 0
	for _, r := range replies {
		if r.status == http.StatusOK {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d answers of 200", good)
	}
	m.moved(1, 90000)
}

func TestCardRequestsAreVerified(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := cardBodyText("INV-1", "o-1", 90000)
	change := func(name, value string) map[string]string {
		h := m.cardHeader("r-1", cardPath, body)
		h[name] = value
		return h
	}
	for name, c := range map[string]struct {
		header map[string]string
		code   string
	}{
		"no client":         {change("Client-Id", ""), "invalid_header_request"},
		"no id":             {change("Request-Id", ""), "invalid_header_request"},
		"no timestamp":      {change("Request-Timestamp", ""), "invalid_header_request"},
		"no signature":      {change("Signature", ""), "invalid_header_request"},
		"long id":           {change("Request-Id", strings.Repeat("x", 129)), "invalid_header_request"},
		"offset for Z":      {change("Request-Timestamp", "2026-11-21T16:00:00+07:00"), "invalid_header_request"},
		"milliseconds":      {change("Request-Timestamp", "2026-11-21T09:00:00.000Z"), "invalid_header_request"},
		"an hour late":      {change("Request-Timestamp", "2026-11-21T07:59:59Z"), "request_time_out_of_range"},
		"another's client":  {change("Client-Id", "MCH-0002"), "invalid_client_id"},
		"another time":      {change("Request-Timestamp", "2026-11-21T09:00:01Z"), "invalid_signature"},
		"another's id":      {change("Request-Id", "r-2"), "invalid_signature"},
		"another signature": {change("Signature", "HMACSHA256=AAAA"), "invalid_signature"},
	} {
		r := m.do(t.Context(), http.MethodPost, cardPath, body, c.header)
		if r.status != http.StatusBadRequest || r.code() != c.code || !strings.Contains(r.body, `"type":"invalid_request_error"`) {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
	}
	if book := m.sim.Book(); len(book.Refunds) != 0 || len(book.Payments) != 0 {
		t.Errorf("refused requests are in the book: %+v", book)
	}
	m.want(m.card("r-1", body), http.StatusOK, "")
}

// Each wrong thing alone is found above; together, the first in DOKU's order is.
func TestCardHeadersAreCheckedInDOKUsOrder(t *testing.T) {
	t.Parallel()
	m := setup(t)
	h := m.cardHeader("r-1", cardPath, "no body at all")
	h["Signature"], h["Client-Id"], h["Request-Timestamp"] = "", "MCH-0002", "2026-11-21T07:59:59Z"
	for _, step := range []struct{ code, header, value string }{
		{"invalid_header_request", "Signature", "HMACSHA256=AAAA"},
		{"request_time_out_of_range", "Request-Timestamp", "2026-11-21T09:00:00Z"},
		{"invalid_client_id", "Client-Id", testClient},
		{"invalid_signature", "Signature", m.cardHeader("r-1", cardPath, "no body at all")["Signature"]},
	} {
		m.want(m.do(t.Context(), http.MethodPost, cardPath, "no body at all", h), http.StatusBadRequest, step.code)
		h[step.header] = step.value
	}
	m.want(m.do(t.Context(), http.MethodPost, cardPath, "no body at all", h), http.StatusBadRequest, "INVALID_PARAMETER")
	m.moved(0, 0)
}

func TestWhatIsNotTheMerchantsToSendIsIgnored(t *testing.T) {
	t.Parallel()
	m := setup(t)
	body := `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":1,"type":"VOID","colour":"red"}}`
	r := m.card("r-1", body)
	m.want(r, http.StatusOK, "")
	if !strings.Contains(r.body, `"type":"PARTIAL_REFUND"`) {
		t.Errorf("the merchant chose the type: %s", r.body)
	}
}

func TestTimestampsMayBeAnHourOff(t *testing.T) {
	t.Parallel()
	m := setup(t)
	snapBody := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	const limit = time.Hour
	for _, off := range []time.Duration{-limit - time.Second, -limit, limit, limit + time.Second} {
		id, body := m.nextID(), cardBodyText("INV-1", "o-1", 1)
		m.token = ""
		cardHeader, snapHeader := m.cardHeader(id, cardPath, body), m.snapHeader(snapPath, snapBody, id)
		m.clock.advance(off)
		m.tokensLive()
		card, snap := m.do(t.Context(), http.MethodPost, cardPath, body, cardHeader), m.do(t.Context(), http.MethodPost, snapPath, snapBody, snapHeader)
		m.clock.advance(-off)
		late := off.Abs() > limit
		if (card.code() == "request_time_out_of_range") != late || strings.Contains(snap.body, "far from now") != late {
			t.Errorf("%v off: %s %s", off, card.body, snap.body)
		}
	}
}

func TestCardBodiesAreVerified(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for name, body := range map[string]string{
		"no JSON":          `{"order"`,
		"no invoice":       `{"order":{},"payment":{"original_request_id":"o"},"refund":{"amount":1}}`,
		"long invoice":     cardBodyText(strings.Repeat("x", 65), "o", 1),
		"no original":      `{"order":{"invoice_number":"i"},"refund":{"amount":1}}`,
		"long original":    cardBodyText("i", strings.Repeat("x", 129), 1),
		"no amount":        `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{}}`,
		"amount as text":   `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":"1"}}`,
		"fraction":         `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":1.0}}`,
		"exponent":         `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":1e3}}`,
		"zero":             cardBodyText("i", "o", 0),
		"negative":         cardBodyText("i", "o", -1),
		"too large":        cardBodyText("i", "o", 10_000_000_000_000_000),
		"member twice":     `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":1,"amount":2}}`,
		"other upper case": `{"Order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":1}}`,
	} {
		if r := m.card("r-"+m.nextID(), body); r.status != http.StatusBadRequest || r.code() != "INVALID_PARAMETER" {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
	}
	m.moved(0, 0)
}

func TestCardRefundOfAnotherPaymentsRequestIsRefused(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", OriginalRequestID: "o-1", Amount: 100})
	m.want(m.card("r-1", cardBodyText("INV-1", "o-2", 100)), http.StatusNotFound, "DATA_NOT_FOUND")
	m.moved(0, 0)
}

func TestCardInquiryTellsWhatBecameOfARefund(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", OriginalRequestID: "o-1", Amount: 100})
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-2", OriginalRequestID: "o-2", Amount: 100, Unsettled: true})
	m.card("r-1", cardBodyText("INV-1", "o-1", 60))
	m.card("r-2", cardBodyText("INV-1", "o-1", 60))
	m.card("r-3", cardBodyText("INV-2", "o-2", 100))
	requestWords := map[string]string{"r-1": "SUCCESS", "r-2": "FAILED", "r-3": "SUCCESS", "o-1": "SUCCESS"}
	for id, want := range map[string]string{
		"r-1": `"transaction":{"status":"REFUNDED","type":"PARTIAL_REFUND","date":"2026-11-21T09:00:00Z","original_request_id":"o-1","amount":"60"}`,
		"r-2": `"transaction":{"status":"FAILED"`,
		"r-3": `"transaction":{"status":"VOIDED","type":"VOID"`,
		"o-1": `"transaction":{"status":"SUCCESS","type":"SALE"`,
	} {
		r := m.cardInquiry(id)
		m.want(r, http.StatusOK, "")
		if !strings.Contains(r.body, want) {
			t.Errorf("%s: got %s", id, r.body)
		}
		if request, ok := requestWords[id]; ok && !strings.Contains(r.body, `"card_payment":{"request_id":"`+id+`","transaction_status":"`+request+`"`) {
			t.Errorf("%s: got %s", id, r.body)
		}
		if !m.signedByDOKU(r, "/orders/v1/status/"+id) {
			t.Errorf("%s: not signed by DOKU", id)
		}
	}
	m.want(m.cardInquiry("nobody"), http.StatusNotFound, "DATA_NOT_FOUND")
}

func TestCardInquiryHasNoDigest(t *testing.T) {
	t.Parallel()
	m := setup(t)
	path := "/orders/v1/status/r-1"
	h := m.cardHeader("i-1", path, "")
	h["Digest"] = cardDigest(nil)
	m.want(m.do(t.Context(), http.MethodGet, path, "", h), http.StatusBadRequest, "invalid_signature")
}

func TestQuirksOfCards(t *testing.T) {
	t.Parallel()
	body := cardBodyText("INV-1", "o-1", 100)
	t.Run("a bare conflict has no stored body", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkBareConflict))
		m.card("r-1", body)
		m.want(m.card("r-1", body), http.StatusConflict, "idempotent_request")
	})
	t.Run("ids that end with the day pay again", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkIDsEndWithDay))
		m.card("r-1", body)
		m.clock.advance(7*time.Hour + 59*time.Minute)
		m.want(m.card("r-1", body), http.StatusConflict, "")
		m.clock.advance(time.Minute) // midnight in Jakarta
		m.want(m.card("r-1", body), http.StatusOK, "")
		m.moved(2, 200)
	})
	t.Run("a failed refund has status 400", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkFailedWith400))
		m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", Amount: 99})
		m.want(m.card("r-1", body), http.StatusBadRequest, "PAYMENT_FAILED")
	})
	t.Run("errors are signed and amounts are text", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkSignErrors, QuirkAmountsAsText))
		m.card("r-1", body)
		r := m.card("r-1", body)
		if r.status != http.StatusConflict || !m.signedByDOKU(r, cardPath) || !strings.Contains(r.body, `"amount":"100"`) {
			t.Errorf("got %d %s", r.status, r.body)
		}
	})
	t.Run("a refusal leaves its id unused", func(t *testing.T) {
		t.Parallel()
		m := setup(t, with(QuirkRefusalsUseNoID), func(c *Config) { c.AutoPayments = -1 })
		m.want(m.card("r-1", body), http.StatusNotFound, "DATA_NOT_FOUND")
		m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", Amount: 100})
		m.want(m.card("r-1", body), http.StatusOK, "")
	})
}
