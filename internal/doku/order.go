package doku

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

// Order is one refund as DOKU shall see it. Everything but Customer and SendBy
// is the same at every repeat.
type Order struct {
	Channel           channel.Channel
	InvoiceNumber     string
	OriginalRequestID string // cards: required; SNAP: originalExternalId, may be empty
	Amount            int64  // rupiah
	Reason            string // may be empty: then it is not sent
	RequestID         string // cards: the idempotency key
	ExternalID        string // SNAP: X-EXTERNAL-ID of this send
	PartnerRefundNo   string // SNAP: the idempotency key
	Customer          Customer
	SendBy            time.Time // no first byte leaves after it; carries no monotonic reading of another process
}

// Customer is what only the order system knows of the customer. All three are
// secret: they stand in the job and its waiting copy and nowhere else.
type Customer struct {
	AccessToken secret.Text
	DeviceID    secret.Text
	IPAddress   secret.Text
}

// NewOrder returns the order of a recorded refund. Everything but the customer
// comes from the record, so that a repeat has the same bytes.
func NewOrder(r *refund.Record, c Customer) Order {
	return Order{
		Channel:           r.Job.Channel,
		InvoiceNumber:     r.Job.InvoiceNumber,
		OriginalRequestID: r.Job.OriginalRequestID,
		Amount:            r.Job.Amount,
		Reason:            r.ReasonToSend(),
		RequestID:         r.Identity.RequestID,
		ExternalID:        r.Identity.ExternalID,
		PartnerRefundNo:   r.Identity.PartnerRefundNo,
		Customer:          c,
		SendBy:            r.SendBy.Time(),
	}
}
