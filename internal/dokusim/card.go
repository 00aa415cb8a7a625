package dokusim

import (
	"crypto/hmac"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// cardTime is how cards write a time: UTC, whole seconds (seed 1).
const cardTime = "2006-01-02T15:04:05Z"

// cardOrder is the body of a card refund (seed 1). Members that nobody knows
// are ignored; one of another type, or there twice, is an error.
type cardOrder struct {
	Order struct {
		Invoice string `json:"invoice_number"`
	} `json:"order"`
	Payment struct {
		Original string `json:"original_request_id"`
	} `json:"payment"`
	Refund struct {
		Amount jsontext.Value `json:"amount"`
		Reason string         `json:"reason"`
		Type   jsontext.Value `json:"type"`
	} `json:"refund"`
}

// rupiah is the amount if it is a JSON integer from 1 to sixteen digits.
func (c cardOrder) rupiah() (int64, bool) { return wholeRupiah(string(c.Refund.Amount)) }

func wholeRupiah(text string) (int64, bool) {
	if !digits(text, 16) || text[0] == '0' {
		return 0, false
	}
	amount, err := strconv.ParseInt(text, 10, 64)
	return amount, err == nil
}

// problem names the first field that breaks seed 1's rules.
func (c cardOrder) problem() string {
	_, amount := c.rupiah()
	for _, rule := range []struct {
		holds bool
		text  string
	}{
		{span{1, 64}.covers(c.Order.Invoice), "order.invoice_number must have 1 to 64 characters"},
		{span{1, 128}.covers(c.Payment.Original), "payment.original_request_id must have 1 to 128 characters"},
		{amount, "refund.amount must be a positive integer of rupiah"},
		{utf8.RuneCountInString(c.Refund.Reason) <= 255, "refund.reason must have at most 255 characters"},
		{c.Refund.Type == nil, "refund.type is not the merchant's to choose"},
	} {
		if !rule.holds {
			return rule.text
		}
	}
	return ""
}

func (s *Server) identifyCard(x *exchange) {
	if x.decoding == nil {
		x.decoding = json.Unmarshal(x.body, &x.card)
	}
	x.seen.ID = x.q.Header.Get("Request-Id")
	x.seen.Channel, x.seen.Invoice, x.seen.Key = CreditCard, x.card.Order.Invoice, x.seen.ID
	x.seen.Amount, _ = x.card.rupiah()
}

func (s *Server) identifyCardStatus(x *exchange) {
	x.seen.ID, x.seen.Channel, x.seen.Key = x.q.Header.Get("Request-Id"), CreditCard, x.q.PathValue("id")
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	if r, ok := s.book.latest(refKey{true, x.seen.Key}); ok {
		x.seen.Invoice = r.Invoice
	}
}

// cardError is the error object of the card family (seed 1; doku-api.md §1).
type cardError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Type    string `json:"type,omitempty"`
}

func cardRefusal(status int, code, message, kind string) answer {
	return jsonAnswer(status, code, struct {
		Error cardError `json:"error"`
	}{cardError{code, message, kind}})
}

func cardInvalid(message string) answer {
	return cardRefusal(http.StatusBadRequest, "INVALID_PARAMETER", message, "Invalid Parameter")
}

// checkCard verifies headers and signature (doku-api.md §1). digest is empty
// for a GET.
func (s *Server) checkCard(x *exchange, digest string) (answer, bool) {
	h := x.q.Header
	for _, name := range []string{"Client-Id", "Request-Id", "Request-Timestamp", "Signature"} {
		if h.Get(name) == "" {
			return cardInvalid(name + " is missing"), false
		}
	}
	if !(span{1, 128}).covers(h.Get("Request-Id")) {
		return cardInvalid("Request-Id must have at most 128 characters"), false
	}
	when := h.Get("Request-Timestamp")
	sent, err := time.Parse(cardTime, when)
	if err != nil || sent.Format(cardTime) != when {
		return cardInvalid("Request-Timestamp must look like 2020-08-12T09:45:42Z"), false
	}
	lines := cardLines{h.Get("Client-Id"), h.Get("Request-Id"), "Request-Timestamp", when, x.q.URL.EscapedPath(), digest}
	switch {
	case h.Get("Client-Id") != s.cfg.ClientID:
		return badCardSignature("Invalid Client-Id"), false
	case digest == "" && h.Get("Digest") != "":
		return badCardSignature("A GET has no Digest"), false
	case x.at.Sub(sent).Abs() > s.cfg.Skew:
		return badCardSignature("Request-Timestamp is too far from now"), false
	case !same(lines.sign(s.cfg.SecretKey), h.Get("Signature")):
		return badCardSignature("Invalid Header Signature"), false
	}
	return answer{}, true
}

func badCardSignature(message string) answer {
	return cardRefusal(http.StatusBadRequest, "invalid_signature", message, "")
}

func (s *Server) refundCard(x *exchange) answer {
	if a, ok := s.checkCard(x, cardDigest(x.body)); !ok {
		return a
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.settle(x.at); err != nil {
		return s.bookBroken(x, err)
	}
	if stored, ok := b.answers[x.seen.ID]; ok && !s.forgotten(stored.At, x.at) {
		return s.replayCard(x, stored)
	}
	a, e := s.decideCard(x)
	if e.Refund != nil || !s.cfg.has(QuirkRefusalsUseNoID) {
		e.Answer = x.stored(a)
		e.Answer.Open = e.Refund != nil && e.Refund.State == Pending
	}
	if err := b.commit(e); err != nil {
		return s.bookBroken(x, err)
	}
	return a
}

func (x *exchange) stored(a answer) *storedAnswer {
	return &storedAnswer{ID: x.seen.ID, Hash: x.seen.BodyHash, Body: string(a.body), At: x.at, Status: a.status}
}

// forgotten says whether DOKU, under that quirk, no longer knows an id.
func (s *Server) forgotten(at, now time.Time) bool {
	return s.cfg.has(QuirkIDsEndWithDay) && s.cfg.day(at) != s.cfg.day(now)
}

func (s *Server) bookBroken(x *exchange, err error) answer {
	s.cfg.Log.Error("book not written", "error", err)
	return s.plainError(x, http.StatusInternalServerError)
}

// replayCard answers a Request-Id that was there before: 409, with the stored
// body if it is the same request (doku-api.md §1).
func (s *Server) replayCard(x *exchange, stored storedAnswer) answer {
	switch {
	case !hmac.Equal([]byte(stored.Hash), []byte(x.seen.BodyHash)):
		return cardRefusal(http.StatusConflict, "DUPLICATE_REQUEST_ID", "Request-Id was used for another request", "Duplicate Request")
	case stored.Open:
		return cardRefusal(http.StatusConflict, "REQUEST_IN_PROGRESS", "The first request is still in progress", "Duplicate Request")
	case s.cfg.has(QuirkBareConflict):
		return cardRefusal(http.StatusConflict, "DUPLICATE_REQUEST_ID", "Request-Id was used before", "Duplicate Request")
	}
	return answer{status: http.StatusConflict, code: "replay", body: []byte(stored.Body)}
}

// decideCard decides on a refund that is new. Callers hold the book's lock.
func (s *Server) decideCard(x *exchange) (answer, entry) {
	e := entry{At: x.at}
	if x.decoding != nil {
		return cardInvalid("body is not the JSON of a refund"), e
	}
	if text := x.card.problem(); text != "" {
		return cardInvalid(text), e
	}
	from, fresh := s.account(CreditCard, x.card.Order.Invoice, x.card.Payment.Original, x.seen.Amount, false)
	if from == nil {
		return cardRefusal(http.StatusNotFound, "DATA_NOT_FOUND", "Original transaction is not found", "Data Not Found"), e
	}
	if fresh {
		e.Payment = &from.Payment
	}
	r := s.newRefund(x)
	r.Reason, r.Type = x.card.Refund.Reason, cardRefundType(*from, r.Amount)
	if r.Message = cardDecline(*from, r.Amount); r.Message != "" {
		r.State = Failed
	}
	s.take(&r, x, &e)
	return jsonOf(s.cardStatusCode(r), cardCode(r), s.cardBody(r)), e
}

func jsonOf(status int, code string, body []byte) answer {
	return answer{status: status, code: code, body: body}
}

// cardRefundType is DOKU's choice (seed 1; doku-api.md §1).
func cardRefundType(from account, amount int64) string {
	whole := amount >= from.Amount
	switch {
	case from.Unsettled && whole:
		return "VOID"
	case whole && from.Manual:
		return "MANUAL_FULL_REFUND"
	case whole:
		return "FULL_REFUND"
	case from.Manual:
		return "MANUAL_PARTIAL_REFUND"
	default:
		return "PARTIAL_REFUND"
	}
}

// cardDecline is why the refund fails; empty if it does not.
func cardDecline(from account, amount int64) string {
	switch {
	case amount > from.Amount-from.taken:
		return "Total Refund amount is Bigger than Original Transaction"
	case from.Unsettled && amount != from.Amount:
		return "Partial Refund is not allowed before Settlement"
	default:
		return ""
	}
}

func cardCode(r Refund) string {
	if r.State == Failed {
		return "PAYMENT_FAILED"
	}
	return ""
}

func (s *Server) cardStatusCode(r Refund) int {
	switch {
	case r.State == Pending:
		return http.StatusAccepted
	case r.State == Failed && s.cfg.has(QuirkFailedWith400):
		return http.StatusBadRequest
	default:
		return http.StatusOK
	}
}

// cardRefundView is the refund object of an answer (seed 1).
type cardRefundView struct {
	Amount   jsontext.Value `json:"amount"`
	Reason   string         `json:"reason,omitempty"`
	Type     string         `json:"type"`
	Status   string         `json:"status"`
	Message  string         `json:"message,omitempty"`
	Approval string         `json:"approval_code,omitempty"`
}

// cardBody is the answer to a card refund: the shapes of seed 1's two samples.
func (s *Server) cardBody(r Refund) []byte {
	view := cardRefundView{Amount: s.cardAmount(r.Amount), Reason: r.Reason, Type: r.Type, Status: "SUCCESS"}
	var failure *cardError
	switch r.State {
	case Done:
		view.Message, view.Approval = "Approved", fmt.Sprintf("%06d", r.Seq)
	case Pending:
		view.Status, view.Message = "PENDING", "In progress"
	case Failed:
		view.Status, failure = "FAILED", &cardError{"PAYMENT_FAILED", r.Message, "Payment Failed"}
	}
	type order struct {
		Invoice string `json:"invoice_number"`
	}
	type payment struct {
		Original string `json:"original_request_id"`
	}
	return jsonAnswer(0, "", struct {
		Order   order          `json:"order"`
		Payment payment        `json:"payment"`
		Refund  cardRefundView `json:"refund"`
		Error   *cardError     `json:"error,omitempty"`
	}{order{r.Invoice}, payment{r.Original}, view, failure}).body
}

func (s *Server) cardAmount(amount int64) jsontext.Value {
	text := strconv.FormatInt(amount, 10)
	if s.cfg.has(QuirkAmountsAsText) {
		text = `"` + text + `"`
	}
	return jsontext.Value(text)
}

// cardHeaders are those of seed 1, signed on every 2xx answer.
func (s *Server) cardHeaders(h http.Header, x *exchange, a answer) {
	when := s.cfg.Now().UTC().Format(cardTime)
	h.Set("Client-Id", s.cfg.ClientID)
	h.Set("Request-Id", x.seen.ID)
	h.Set("Response-Timestamp", when)
	good := a.status/100 == 2 || s.cfg.has(QuirkSignErrors)
	if !good || a.signing == signedNot {
		return
	}
	key := s.cfg.SecretKey
	if a.signing == signedWrong {
		key = "another" + key
	}
	lines := cardLines{s.cfg.ClientID, x.seen.ID, "Response-Timestamp", when, x.q.URL.EscapedPath(), cardDigest(a.body)}
	h.Set("Signature", lines.sign(key))
}
