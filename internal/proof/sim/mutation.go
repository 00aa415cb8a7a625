package sim

import "refundworker.example/refundworker/internal/refund"

// mutation is a mutation built into what carries decisions out, so that tests can
// show that the simulation would see it.
type mutation uint8

const (
	none            mutation = iota
	freshIDs                 // new identifiers after an unknown attempt
	believedNo               // a refusal is believed after an unknown attempt
	ignoredSendBy            // the last look at the clock is left out
	ackedFirst               // acknowledged before what follows is stored
	droppedEarly             // an early delivery is acknowledged without a new wait
	forgottenDay             // a repeat does not end with the day of the first unknown send
	trustedInquiry           // "not found" allows a repeat before ask_from
	sentFirst                // sent before the record that announces it is stored
	believedInquiry          // an inquiry's "no" is believed after a repeat
	falseVerdict             // the operator says the opposite of the truth
	ignoredClock             // a worker that is not sure of its clock continues
	sharedBatch              // two appends of a refund travel in one batch, and the server stores both
	blindAction              // what the operator decided is stored over what has been stored since
)

// record is what the mutation that sit in identifiers and days make of r.
func (p mutation) record(r refund.Record, now refund.Time) refund.Record {
	switch {
	case p == freshIDs && r.State == refund.Sending && r.FirstUnknown > 0:
		if r.Identity.RequestID != "" {
			r.Identity.RequestID = refund.RequestID(clientID, r.Job.RefundID+r.By)
			break
		}
		r.Identity.ExternalID = refund.ExternalID(clientID, r.Job.RefundID, r.Sends)
		r.Identity.PartnerRefundNo = refund.PartnerRefundNo(clientID, r.Job.RefundID+r.By, r.Job.Channel.Facts().PartnerRefundNo)
	case p == forgottenDay && r.State == refund.Unknown:
		r.FirstUnknownAt = now
	}
	return r
}
