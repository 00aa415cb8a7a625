// Package channel is the closed set of payment channels that a refund can go
// through, and the facts about each that more than one room needs: which of
// DOKU's two families it belongs to, how long its numbers may be, and what it
// wants to know of the customer.
//
// It imports nothing of ours, so that the job codec, the state machine and the
// DOKU client read one table. Invariant: every fact about a channel stands in
// that table once; no other package switches over channel names.
package channel

import (
	"fmt"
	"slices"
)

// Channel names a payment channel as it stands in a job, in a subject and in a
// metric label.
type Channel string

// The eight channels (docs/contract.md, "Streams and subjects").
const (
	CreditCard         Channel = "credit_card"
	DirectDebitMandiri Channel = "direct_debit_mandiri"
	DirectDebitBRI     Channel = "direct_debit_bri"
	DirectDebitCIMB    Channel = "direct_debit_cimb"
	DirectDebitAllo    Channel = "direct_debit_allo"
	EmoneyOVO          Channel = "emoney_ovo"
	EmoneyDANA         Channel = "emoney_dana"
	EmoneyShopeePay    Channel = "emoney_shopeepay"
)

// Family is one of DOKU's two protocols; they share nothing but the host.
type Family uint8

// The two families.
const (
	Card Family = iota // HMAC-SHA256 over headers, Request-Id
	SNAP               // B2B token, HMAC-SHA512, X-EXTERNAL-ID
)

// Need says what a channel does with a value that a job may carry.
type Need uint8

// Needs, from none to must.
const (
	Unused   Need = iota // accepted and ignored
	Optional             // used when the job has it
	Required             // a job without it is refused
)

// Length bounds a text in bytes, both ends included.
type Length struct{ Min, Max int }

// Holds reports whether s fits.
func (l Length) Holds(s string) bool { return len(s) >= l.Min && len(s) <= l.Max }

// Facts is one row of the table.
type Facts struct {
	Family            Family
	SNAPName          string // additionalInfo.channel; empty for cards
	Invoice           Length // invoice_number, sent as originalPartnerReferenceNo by SNAP
	PartnerRefundNo   Length // SNAP only
	OriginalRequestID Need   // cards: Request-Id of the payment; SNAP: originalExternalId
	OriginalMax       int    // longest original_request_id, bytes
	CustomerToken     Need
	IPAddress         Need
	DeviceID          Need
}

// facts: DOKU's card document for cards, DOKU's direct debit document for Mandiri, docs/doku-api.md, "Channels" for
// the other six, docs/contract.md, "Job" for the lengths of invoice numbers.
var facts = map[Channel]Facts{
	CreditCard: {Family: Card, Invoice: Length{1, 64}, OriginalRequestID: Required, OriginalMax: 128},

	DirectDebitMandiri: {
		Family: SNAP, SNAPName: "DIRECT_DEBIT_MANDIRI_SNAP", Invoice: Length{1, 12}, PartnerRefundNo: Length{1, 12},
		OriginalRequestID: Optional, OriginalMax: 36, CustomerToken: Required,
	},
	DirectDebitBRI: {
		Family: SNAP, SNAPName: "DIRECT_DEBIT_BRI_SNAP", Invoice: Length{1, 12}, PartnerRefundNo: Length{1, 12},
		OriginalRequestID: Optional, OriginalMax: 36, CustomerToken: Required,
	},
	DirectDebitCIMB: {
		Family: SNAP, SNAPName: "DIRECT_DEBIT_CIMB_SNAP", Invoice: Length{1, 12}, PartnerRefundNo: Length{1, 12},
		OriginalRequestID: Optional, OriginalMax: 36, CustomerToken: Required,
	},
	DirectDebitAllo: {
		Family: SNAP, SNAPName: "DIRECT_DEBIT_ALLO_SNAP", Invoice: Length{32, 64}, PartnerRefundNo: Length{32, 64},
		OriginalRequestID: Optional, OriginalMax: 36, CustomerToken: Required, IPAddress: Required,
	},
	EmoneyOVO: {
		Family: SNAP, SNAPName: "EMONEY_OVO_SNAP", Invoice: Length{1, 32}, PartnerRefundNo: Length{1, 64},
		OriginalRequestID: Optional, OriginalMax: 36, CustomerToken: Optional,
	},
	EmoneyDANA: {
		Family: SNAP, SNAPName: "EMONEY_DANA_SNAP", Invoice: Length{1, 64}, PartnerRefundNo: Length{1, 64},
		OriginalRequestID: Optional, OriginalMax: 36, IPAddress: Required, DeviceID: Required,
	},
	EmoneyShopeePay: {
		Family: SNAP, SNAPName: "EMONEY_SHOPEE_PAY_SNAP", Invoice: Length{1, 64}, PartnerRefundNo: Length{1, 64},
		OriginalRequestID: Optional, OriginalMax: 36, IPAddress: Required, DeviceID: Required,
	},
}

var all = []Channel{
	CreditCard, DirectDebitMandiri, DirectDebitBRI, DirectDebitCIMB,
	DirectDebitAllo, EmoneyOVO, EmoneyDANA, EmoneyShopeePay,
}

// All returns the eight channels in the order of the contract.
func All() []Channel { return slices.Clone(all) }

// Parse returns the channel called s, or an error that names s and the set.
func Parse(s string) (Channel, error) {
	if _, ok := facts[Channel(s)]; !ok {
		return "", fmt.Errorf("%.40q is none of %v", s, all)
	}
	return Channel(s), nil
}

// Facts returns the channel's row. Channels come from [Parse] or the
// constants; any other value gets the zero row.
func (c Channel) Facts() Facts { return facts[c] }

// Valid reports whether c is one of the eight.
func (c Channel) Valid() bool { _, ok := facts[c]; return ok }
