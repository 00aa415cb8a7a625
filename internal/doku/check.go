package doku

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

const (
	maxAmount     = 9_999_999_999_999_999 // docs/contract.md, "Job"
	maxRequestID  = 128                   // DOKU's card document
	maxExternalID = 32                    // docs/doku-api.md, "The SNAP refund request"
	maxHeader     = 4096
)

// check is the last look at an order before it becomes a request. What it
// refuses is a mistake of the caller's; sent, it might mean something else to
// DOKU than to us.
func (o Order) check() error {
	facts := o.Channel.Facts()
	return cmp.Or(
		when(!o.Channel.Valid(), "no such channel"),
		when(o.Amount < 1 || o.Amount > maxAmount, "amount out of range"),
		when(!facts.Invoice.Holds(o.InvoiceNumber), "invoice number has the wrong length"),
		when(len(o.OriginalRequestID) > facts.OriginalMax, "original request id is too long"),
		when(facts.OriginalRequestID == channel.Required && o.OriginalRequestID == "", "original request id is missing"),
	)
}

// checkCard adds what the card family needs.
func (o Order) checkCard() error {
	return cmp.Or(
		o.check(),
		headerValue("request id", o.RequestID),
		when(len(o.RequestID) > maxRequestID, "request id is too long"),
		// The id is a part of the signed path of an inquiry.
		when(url.PathEscape(o.RequestID) != o.RequestID, "request id holds characters that a path escapes"),
	)
}

// checkSNAP adds what the SNAP family needs.
func (o Order) checkSNAP() error {
	return cmp.Or(
		o.check(),
		when(!o.Channel.Facts().PartnerRefundNo.Holds(o.PartnerRefundNo), "partner refund number has the wrong length"),
	)
}

// checkSNAPRefund adds what a SNAP refund needs and an inquiry does not. A
// customer's token is never left empty: DOKU would read "Bearer " as somebody.
func (o Order) checkSNAPRefund() error {
	facts := o.Channel.Facts()
	return cmp.Or(
		o.checkSNAP(),
		when(!allDigits(o.ExternalID) || len(o.ExternalID) > maxExternalID, "external id is not 1 to 32 digits"),
		needed("customer access token", facts.CustomerToken, o.Customer.AccessToken),
		needed("customer ip address", facts.IPAddress, o.Customer.IPAddress),
		needed("customer device id", facts.DeviceID, o.Customer.DeviceID),
	)
}

func needed(name string, need channel.Need, value secret.Text) error {
	switch {
	case need == channel.Unused, need == channel.Optional && value.IsZero():
		return nil
	default:
		return headerValue(name, value.Reveal())
	}
}

// headerValue accepts what can stand in a header without being folded, trimmed
// or split. The error names the value, and never shows it.
func headerValue(name, value string) error {
	if value == "" {
		return errors.New(name + " is missing")
	}
	if len(value) > maxHeader {
		return errors.New(name + " is too long")
	}
	for i := range len(value) {
		if value[i] < 0x21 || value[i] > 0x7e {
			return fmt.Errorf("%s holds something else than printable ascii", name)
		}
	}
	return nil
}
