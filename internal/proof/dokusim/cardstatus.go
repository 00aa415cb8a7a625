package dokusim

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

type (
	cardStatusOrder struct {
		Invoice  string         `json:"invoice_number"`
		Amount   jsontext.Value `json:"amount"`
		Currency string         `json:"currency"`
	}
	cardStatusTransaction struct {
		Status   string `json:"status"`
		Type     string `json:"type"`
		Date     string `json:"date"`
		Original string `json:"original_request_id"`
		Amount   string `json:"amount"`
	}
	cardStatusPayment struct {
		RequestID string `json:"request_id"`
		Status    string `json:"transaction_status"`
		Code      string `json:"response_code"`
		Message   string `json:"response_message"`
		Type      string `json:"type"`
		Date      string `json:"date"`
	}
	// The amount is text, as in DOKU's sample.
	cardStatusRefund struct {
		Amount string `json:"amount"`
	}
	cardStatusName struct {
		ID string `json:"id"`
	}
	// cardStatusView is the answer of the card inquiry, in the shape of DOKU's
	// sample of it: transaction speaks of the order, card_payment of the request.
	cardStatusView struct {
		Order       cardStatusOrder       `json:"order"`
		Transaction cardStatusTransaction `json:"transaction"`
		Service     cardStatusName        `json:"service"`
		Channel     cardStatusName        `json:"channel"`
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
	return cardRefusal(http.StatusNotFound, "DATA_NOT_FOUND", "Transaction is not found")
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

// cardRequestWords is card_payment.transaction_status by how the refund stands.
var cardRequestWords = map[State][3]string{
	Done: {"SUCCESS", "00", "Approved"}, Pending: {"PENDING", "09", "In progress"}, Failed: {"FAILED", "05", "Declined"},
}

func (s *Server) cardRefundStatus(r Refund, p Payment) cardStatusView {
	status, date := s.cardOrderStatus(r, p), r.At.UTC().Format(cardTime)
	request := cardRequestWords[r.State]
	amount := itoa(r.Amount)
	return cardStatusView{
		cardStatusOrder{r.Invoice, s.cardAmount(p.Amount), "IDR"},
		cardStatusTransaction{status, r.Type, date, r.Original, amount},
		cardStatusName{"CREDIT_CARD"}, cardStatusName{"CREDIT_CARD"},
		cardStatusPayment{r.Key, request[0], request[1], or(r.Message, request[2]), r.Type, date},
		&cardStatusRefund{amount},
	}
}

// cardOrderStatus is transaction.status.
func (s *Server) cardOrderStatus(r Refund, p Payment) string {
	switch {
	case r.State == Failed:
		return "FAILED"
	case r.State == Pending:
		return "PENDING"
	case r.Type == "VOID":
		return "VOIDED"
	case r.Amount < p.Amount && s.cfg.has(QuirkPartialStatus):
		return "PARTIAL_REFUND"
	default:
		return "REFUNDED"
	}
}

func (s *Server) cardPaymentStatus(p Payment) cardStatusView {
	date := p.At.UTC().Format(cardTime)
	return cardStatusView{
		cardStatusOrder{p.Invoice, s.cardAmount(p.Amount), "IDR"},
		cardStatusTransaction{"SUCCESS", "SALE", date, p.OriginalRequestID, itoa(p.Amount)},
		cardStatusName{"CREDIT_CARD"}, cardStatusName{"CREDIT_CARD"},
		cardStatusPayment{p.OriginalRequestID, "SUCCESS", "00", "Approved", "SALE", date},
		nil,
	}
}
