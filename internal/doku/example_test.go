package doku_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/secret"
)

// A refund call yields one verdict, never an error beside it.
func ExampleClient_Refund() {
	dokuIsBusy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer dokuIsBusy.Close()

	client, err := doku.New(doku.Config{
		BaseURL:  dokuIsBusy.URL,
		ClientID: "MCH-0001-10791114622547",
		Secret:   secret.New("SK-…"),
		Timeout:  time.Minute,
		Slots:    32,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	verdict := client.Refund(context.Background(), doku.Order{
		Channel:           channel.CreditCard,
		InvoiceNumber:     "INV-20210118-0001",
		OriginalRequestID: "b266c265-3d61-4708-9860-c0d5b9a98f8c",
		Amount:            90000,
		RequestID:         "6cc9f8b1-d83d-4c24-b853-a3223f43a744",
		SendBy:            time.Now().Add(10 * time.Second),
	})
	fmt.Println(verdict.Class, verdict.Cause, verdict.RetryAfter)
	// Output: not_executed throttled 30s
}

// Without a token at hand no refund may be recorded as being sent.
func ExampleClient_Prepare() {
	client, err := doku.New(doku.Config{
		BaseURL:  "https://api-sandbox.doku.com",
		ClientID: "MCH-0001-10791114622547",
		Secret:   secret.New("SK-…"),
		Timeout:  time.Minute,
		Slots:    32,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	err = client.Prepare(context.Background(), channel.EmoneyOVO)
	var failed *doku.PrepareError
	if errors.As(err, &failed) {
		fmt.Println(failed.Cause, "·", err)
	}
	// Output: credentials · get b2b token: no rsa private key: only credit_card can be used
}

func ExampleConfig_Validate() {
	err := doku.Config{BaseURL: "http://api.doku.com", ClientID: "MCH-1", Secret: secret.New("SK-…"), Slots: 1}.Validate()
	fmt.Println(err)
	// Output:
	// doku settings: plain http is for loopback only
	// doku settings: timeout must be more than nothing
}
