// Command results reads results through the durable consumer "shop", until it is
// interrupted.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/client"
)

func main() {
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1)) // empty: this machine
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	refunds, err := client.New(nc, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := refunds.Results(ctx, "shop", handle); err != nil {
		log.Print(err)
	}
}

// handle is called at least once for each result: remember EventID. A result that
// it returns an error for comes again.
func handle(_ context.Context, r client.Result) error {
	switch r.Status {
	case client.Succeeded:
		fmt.Println(r.RefundID, "paid back:", r.Amount, "in", r.Environment)
	case client.Failed, client.Rejected:
		fmt.Println(r.RefundID, "not paid back:", r.Error.Code, r.Error.Message)
	case client.Unresolved:
		fmt.Println(r.RefundID, "perhaps paid back: a person settles it, and another result follows")
	}
	return nil
}
