// Command refund asks for one refund and waits for its result.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/client"
)

func main() {
	nc, err := nats.Connect(os.Getenv("NATS_URL")) // empty: this machine
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	refunds, err := client.New(nc, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := refund(ctx, refunds); err != nil {
		log.Print(err)
	}
}

func refund(ctx context.Context, refunds *client.Client) error {
	job := client.Job{
		RefundID: "rf-1003", // yours, stored with the order before this
		Channel:  client.CreditCard, InvoiceNumber: "INV-1003",
		OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c", // of the payment
		Amount:            90000,                                  // rupiah
	}
	_, err := refunds.Publish(ctx, job)
	if errors.Is(err, client.ErrInvalidJob) {
		return err // correct it; nothing was published
	}
	if err != nil {
		return fmt.Errorf("publish the same job again later: %w", err)
	}
	result, err := refunds.Wait(ctx, job.RefundID) // it has begun, and ends without us as well
	if err != nil {
		return err
	}
	fmt.Println(result.RefundID, result.Status, result.Amount)
	return nil
}
