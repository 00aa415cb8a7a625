package dokusim

import (
	"crypto/hmac"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// cardTime is how cards write a time: UTC, whole seconds (DOKU's card document).
const cardTime = "2006-01-02T15:04:05Z"

// cardOrder is the body of a card refund (DOKU's card document). Members that are not the
// merchant's to send, refund.type among them, are ignored; one of another type,
// or there twice, is an error.
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

// problem names the first field that breaks DOKU's card document's rules.
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

// cardError is the error object of the card family (DOKU's card document).
type cardError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Type    string `json:"type,omitempty"`
}

// invalidRequest is the type of every refusal that DOKU's card servers were
// seen to give.
const invalidRequest = "invalid_request_error"

func cardRefusal(status int, code, message string) answer {
	return jsonAnswer(status, code, struct {
		Error cardError `json:"error"`
	}{cardError{code, message, invalidRequest}})
}

func cardInvalid(code, message string) answer {
	return cardRefusal(http.StatusBadRequest, code, message)
}

// checkCard verifies the headers in the order in which DOKU does: that they are
// there, the time, the client id, the signature. digest is empty for a GET.
func (s *Server) checkCard(x *exchange, digest string) (answer, bool) {
	h := x.q.Header
	for _, name := range []string{"Client-Id", "Request-Id", "Request-Timestamp", "Signature"} {
		if h.Get(name) == "" {
			return cardInvalid("invalid_header_request", "Header "+name+" is required"), false
		}
	}
	if !(span{1, 128}).covers(h.Get("Request-Id")) {
		return cardInvalid("invalid_header_request", "Invalid format Header Request-Id"), false
	}
	when := h.Get("Request-Timestamp")
	sent, err := time.Parse(cardTime, when)
	if err != nil || sent.Format(cardTime) != when {
		return cardInvalid("invalid_header_request", "Invalid format Header Request-Timestamp"), false
	}
	lines := cardLines{h.Get("Client-Id"), h.Get("Request-Id"), "Request-Timestamp", when, x.q.URL.EscapedPath(), digest}
	switch {
	case x.at.Sub(sent).Abs() > s.cfg.Skew:
		return cardInvalid("request_time_out_of_range",
			fmt.Sprintf("Header Request-Timestamp is not in +- %d second of now", s.cfg.Skew/time.Second)), false
	case h.Get("Client-Id") != s.cfg.ClientID:
		return cardInvalid("invalid_client_id", "Invalid Client-Id"), false
	case digest == "" && h.Get("Digest") != "", !same(lines.sign(s.cfg.SecretKey), h.Get("Signature")):
		return cardInvalid("invalid_signature", "Invalid Header Signature"), false
	}
	return answer{}, true
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
	if s.pendingBeside(x) {
		return s.refundInProgress(x)
	}
	a, e := s.decideCard(x)
	if e.Refund != nil || !s.cfg.has(QuirkRefusalsUseNoID) {
		e.Answer = x.stored(a)
		e.Answer.Open = e.Refund != nil && e.Refund.State == Pending
		e.Answer.Refused = e.Refund == nil && s.cfg.has(QuirkRefusalsUseID)
		x.known = true
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
// body if it is the same request and its answer is known.
func (s *Server) replayCard(x *exchange, stored storedAnswer) answer {
	x.known = true
	other := !hmac.Equal([]byte(stored.Hash), []byte(x.seen.BodyHash))
	if other || stored.Open || stored.Refused || s.cfg.has(QuirkBareConflict) {
		status := http.StatusConflict
		if s.cfg.has(QuirkIdempotent400) {
			status = http.StatusBadRequest
		}
		return cardRefusal(status, "idempotent_request", "Idempotent request")
	}
	return answer{status: http.StatusConflict, code: "replay", body: []byte(stored.Body)}
}

// decideCard decides on a refund that is new. Callers hold the book's lock.
func (s *Server) decideCard(x *exchange) (answer, entry) {
	e := entry{At: x.at}
	if x.decoding != nil {
		return cardInvalid("INVALID_PARAMETER", "body is not the JSON of a refund"), e
	}
	if s.cfg.has(QuirkStrictTexts) && !plainText(x.card.Refund.Reason) {
		return cardInvalid("INVALID_PARAMETER", "refund.reason holds a character that is not allowed"), e
	}
	if text := x.card.problem(); text != "" {
		return cardInvalid("INVALID_PARAMETER", text), e
	}
	from, fresh := s.account(CreditCard, x.card.Order.Invoice, x.card.Payment.Original, x.seen.Amount, false)
	if from == nil {
		return cardRefusal(http.StatusNotFound, "DATA_NOT_FOUND", "Original transaction is not found"), e
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

// cardRefundType is DOKU's choice (DOKU's card document; docs/doku-api.md, "The card refund
// request").
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

// cardRefundView is the refund object of an answer (DOKU's card document).
type cardRefundView struct {
	Amount   jsontext.Value `json:"amount"`
	Reason   string         `json:"reason,omitempty"`
	Type     string         `json:"type"`
	Status   string         `json:"status"`
	Message  string         `json:"message,omitempty"`
	Approval string         `json:"approval_code,omitempty"`
}

// cardBody is the answer to a card refund: the shapes of DOKU's card document's two samples.
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

// cardHeaders are those of DOKU's card document, signed on every 2xx answer.
func (s *Server) cardHeaders(h http.Header, x *exchange, a answer) {
	when := s.cfg.Now().UTC().Format(cardTime)
	h.Set("Client-Id", s.cfg.ClientID)
	h.Set("Request-Id", x.seen.ID)
	h.Set("Response-Timestamp", when)
	good := a.status/100 == 2 || s.cfg.has(QuirkSignErrors)
	if !good || a.signing == signedNot {
		return
	}
	key, digest := s.cfg.SecretKey, cardDigest(a.body)
	if a.covered != nil {
		digest = cardDigest(a.covered)
	}
	if a.signing == signedWrong {
		key = "another" + key
	}
	if a.signing == signedNoDigest || (x.q.Method == http.MethodGet && s.cfg.has(QuirkGetNoDigest)) {
		digest = ""
	}
	lines := cardLines{s.cfg.ClientID, x.seen.ID, "Response-Timestamp", when, x.q.URL.EscapedPath(), digest}
	signature := lines.sign(key)
	if a.signing == signedUnpadded || s.cfg.has(QuirkUnpadded) {
		signature = strings.TrimRight(signature, "=")
	}
	h.Set("Signature", signature)
}
