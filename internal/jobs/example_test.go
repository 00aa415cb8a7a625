package jobs_test

import (
	"fmt"

	"refundworker/internal/channel"
	"refundworker/internal/jobs"
)

func ExampleDecode() {
	for _, body := range []string{
		`{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-1","original_request_id":"req-1","amount":90000}`,
		`{"refund_id":"rf-2","channel":"credit_card","invoice_number":"INV-1","original_request_id":"req-1","amount":"90000"}`,
		`{"refund_id":"rf 3"}`,
	} {
		switch d := jobs.Decode(channel.CreditCard, []byte(body)); d.Outcome {
		case jobs.Sound:
			fmt.Println("refund", d.Job.RefundID, "of", d.Job.Amount, d.Job.Currency)
		case jobs.Broken:
			fmt.Println("reject", d.Job.RefundID, d.Problems.Code(), d.Problems)
		case jobs.Unreadable:
			fmt.Println("dead letter:", d.Err)
		}
	}
	// Output:
	// refund rf-1 of 90000 IDR
	// reject rf-2 invalid_job amount: must be a number of whole rupiah from 1 to 9999999999999999, such as 90000 or 90000.00: no sign, no exponent, no other fraction
	// dead letter: refund_id is not of the form [A-Za-z0-9_/:#-]{1,64}
}
