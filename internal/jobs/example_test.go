package jobs_test

import (
	"fmt"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

func ExampleDecode() {
	for _, body := range []string{
		`{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-1","original_request_id":"req-1","amount":90000}`,
		`{"refund_id":"rf-2","channel":"credit_card","invoice_number":"INV-1","original_request_id":"req-1","amount":"90000"}`,
		`{"refund_id":"rf 3"}`,
	} {
		switch d := jobs.Decode(channel.CreditCard, []byte(body)); d.Outcome {
		case jobs.Valid:
			fmt.Println("refund", d.Job.RefundID, "of", d.Job.Amount, d.Job.Currency)
		case jobs.Invalid:
			fmt.Println("reject", d.Job.RefundID, d.Problems.Code(), d.Problems)
		case jobs.Unreadable:
			fmt.Println("dead letter:", d.Err)
		}
	}
	// Output:
	// refund rf-1 of 90000 IDR
	// reject rf-2 invalid_job amount: must be an integer from 1 to 9999999999999999, without sign or exponent, and with no fraction but .0 or .00
	// dead letter: refund_id is not of the form [A-Za-z0-9_/:#-]{1,64}
}
