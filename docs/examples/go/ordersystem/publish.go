package ordersystem

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Job asks for one refund (docs/contract.md, "Job").
type Job struct {
	RefundID          string    `json:"refund_id"` // yours, unique forever
	Channel           string    `json:"channel"`
	InvoiceNumber     string    `json:"invoice_number"`
	OriginalRequestID string    `json:"original_request_id,omitempty"`
	Amount            int64     `json:"amount"` // rupiah
	Reason            string    `json:"reason,omitempty"`
	Customer          *Customer `json:"customer,omitempty"`
}

// Customer is what some channels want to know of the customer. It is secret.
type Customer struct {
	AccessToken string `json:"access_token,omitempty"`
	DeviceID    string `json:"device_id,omitempty"`
	IPAddress   string `json:"ip_address,omitempty"`
}

// Publish returns nil when the job is stored: it will then end in exactly one
// result. After an error nobody knows whether it is: publish the same job
// again, under the same refund_id, as often as it takes.
func Publish(ctx context.Context, js jetstream.JetStream, job Job) error {
	body, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("encode refund job %s: %w", job.RefundID, err)
	}
	_, err = js.Publish(ctx, "refunds.jobs."+job.Channel, body, jetstream.WithExpectStream("REFUND_JOBS"))
	if err != nil {
		return fmt.Errorf("publish refund job %s: %w", job.RefundID, err)
	}
	return nil
}
