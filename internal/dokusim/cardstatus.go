package dokusim

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

type (
	cardStatusOrder struct {
		Invoice string         `json:"invoice_number"`
		Amount  jsontext.Value `json:"amount"`
	}
	cardStatusTransaction struct {
		Status   string `json:"status"`
		Type     string `json:"type"`
		Date     string `json:"date"`
		Original string `json:"original_request_id"`
	}
	cardStatusPayment struct {
		RequestID string `json:"request_id"`
		Status    string `json:"transaction_status"`
		Code      string `json:"response_code"`
		Message   string `json:"response_message"`
	}
	cardStatusRefund struct {
		Amount jsontext.Value `json:"amount"`
	}
	// cardStatusView is the answer of the card inquiry (doku-api.md §1).
	cardStatusView struct {
		Order       cardStatusOrder       `json:"order"`
		Transaction cardStatusTransaction `json:"transaction"`
		CardPayment cardStatusPayment     `json:"card_payment"`
		Refund      *cardStatusRefund     `json:"refund,omitempty"`
	}
)

// cardStatus tells what became of a refund by its Request-Id, or of a payment
// by the Request-Id or the invoice number that it had.
func (s *Server) cardStatus(x *exchange) answer {
	if a, ok := s.checkCard(x, ""); !ok {
		return a
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.settle(x.at); err != nil {
		return s.bookBroken(x, err)
	}
	if r, ok := b.latest(refKey{true, x.seen.Key}); ok {
		if err := b.look(r, x.at); err != nil {
			return s.bookBroken(x, err)
		}
		return jsonAnswer(http.StatusOK, "", s.cardRefundStatus(r, b.accounts[payKey{CreditCard, r.Invoice}].Payment))
	}
	if p, ok := b.cardPayment(x.seen.Key); ok {
		return jsonAnswer(http.StatusOK, "", s.cardPaymentStatus(p))
	}
	return cardRefusal(http.StatusNotFound, "DATA_NOT_FOUND", "Transaction is not found", "Data Not Found")
}

func (b *book) cardPayment(id string) (Payment, bool) {
	key, ok := b.byOriginal[id]
	if !ok {
		key = payKey{CreditCard, id}
	}
	if a, ok := b.accounts[key]; ok {
		return a.Payment, true
	}
	return Payment{}, false
}

func (s *Server) cardRefundStatus(r Refund, p Payment) cardStatusView {
	status, code, message := "REFUNDED", "00", "Approved"
	switch {
	case r.State == Failed:
		status, code, message = "FAILED", "05", r.Message
	case r.State == Pending:
		status, code, message = "PENDING", "09", "In progress"
	case r.Type == "VOID":
		status = "VOIDED"
	}
	own := status // of this request; status is the order's
	if code == "00" {
		own = "SUCCESS"
	}
	return cardStatusView{
		cardStatusOrder{r.Invoice, s.cardAmount(p.Amount)},
		cardStatusTransaction{status, r.Type, r.At.UTC().Format(cardTime), r.Original},
		cardStatusPayment{r.Key, own, code, message},
		&cardStatusRefund{s.cardAmount(r.Amount)},
	}
}

func (s *Server) cardPaymentStatus(p Payment) cardStatusView {
	return cardStatusView{
		cardStatusOrder{p.Invoice, s.cardAmount(p.Amount)},
		cardStatusTransaction{"SUCCESS", "SALE", p.At.UTC().Format(cardTime), p.OriginalRequestID},
		cardStatusPayment{p.OriginalRequestID, "SUCCESS", "00", "Approved"},
		nil,
	}
}
