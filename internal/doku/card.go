package doku

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

const (
	cardRefundPath = "/cancellation/credit-card/refund" // DOKU's card document
	cardStatusPath = "/orders/v1/status/"               // docs/doku-api.md, "Card inquiry"
)

// cardRefund is the body of a refund (DOKU's card document). refund.type is DOKU's to choose.
type cardRefund struct {
	Order struct {
		InvoiceNumber string `json:"invoice_number"`
	} `json:"order"`
	Payment struct {
		OriginalRequestID string `json:"original_request_id"`
	} `json:"payment"`
	Refund struct {
		Amount int64  `json:"amount"`
		Reason string `json:"reason,omitzero"`
	} `json:"refund"`
}

func cardBody(o Order) ([]byte, error) {
	var body cardRefund
	body.Order.InvoiceNumber = o.InvoiceNumber
	body.Payment.OriginalRequestID = o.OriginalRequestID
	body.Refund.Amount = o.Amount
	body.Refund.Reason = o.Reason
	return json.Marshal(body)
}

func (c *Client) refundCard(ctx context.Context, o Order, l *limit) RefundOutcome {
	if err := o.checkCard(); err != nil {
		return unsent(err)
	}
	body, err := cardBody(o)
	if err != nil {
		return unsent(fmt.Errorf("encode refund: %w", err))
	}
	sent := c.cardText(o.RequestID, cardRefundPath)
	sent.digest = cardDigest(body)
	var s signatureStatus
	got := c.wire.send(ctx, request{
		operation: OpRefund, method: http.MethodPost, path: cardRefundPath,
		header: c.cardHeader(sent), body: body, limit: l,
		signature: func(r reply) signatureStatus {
			s = r.signature(c.keys.Load().shared, sent)
			return s
		},
	})
	return classifyCard(o, got.matched(s), s, c.cfg.DefiniteCodes...)
}

func (c *Client) inquireCard(ctx context.Context, o Order) InquiryOutcome {
	if err := o.checkCard(); err != nil {
		return unasked(err)
	}
	id, err := uuid.NewRandomFromReader(c.cfg.Rand)
	if err != nil {
		return unasked(fmt.Errorf("make request id: %w", err))
	}
	sent := c.cardText(id.String(), cardStatusPath+o.RequestID)
	got := c.wire.send(ctx, request{
		operation: OpInquiry, method: http.MethodGet, path: sent.target, header: c.cardHeader(sent),
	})
	s := got.getSignature(c.keys.Load().shared, sent)
	return findCard(o, got.matched(s), s, c.cfg.DefiniteCodes...)
}

func (c *Client) cardText(requestID, target string) cardText {
	return cardText{
		clientID: c.cfg.ClientID, requestID: requestID,
		timestamp: timestamp(c.cfg.Now()), target: target,
	}
}

func (c *Client) cardHeader(t cardText) header {
	return header{
		{"Client-Id", t.clientID},
		{"Request-Id", t.requestID},
		{"Request-Timestamp", t.timestamp},
		{"Signature", cardSignature(c.keys.Load().shared[0], t.request())},
	}
}
