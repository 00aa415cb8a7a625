package dokusim

import "unicode/utf8"

// The eight channels by the names that the book uses.
const (
	CreditCard         = "credit_card"
	DirectDebitMandiri = "direct_debit_mandiri"
	DirectDebitBRI     = "direct_debit_bri"
	DirectDebitCIMB    = "direct_debit_cimb"
	DirectDebitAllo    = "direct_debit_allo"
	EmoneyOVO          = "emoney_ovo"
	EmoneyDANA         = "emoney_dana"
	EmoneyShopeePay    = "emoney_shopeepay"
)

// channelNames are all of them, as a form offers them.
var channelNames = []string{
	CreditCard, DirectDebitMandiri, DirectDebitBRI, DirectDebitCIMB, DirectDebitAllo, EmoneyOVO, EmoneyDANA, EmoneyShopeePay,
}

// span bounds a text, both ends included. Lengths are in characters.
type span struct{ low, high int }

func (s span) covers(text string) bool {
	n := utf8.RuneCountInString(text)
	return n >= s.low && n <= s.high
}

// terms is what one SNAP channel asks of a refund.
type terms struct {
	name          string // in the book
	invoice       span   // originalPartnerReferenceNo
	refundNo      span   // partnerRefundNo
	customerToken bool   // Authorization-customer must be there
	customerMay   bool   // it is looked at when it is there
	device        bool   // X-DEVICE-ID must be there
	address       bool   // X-IP-ADDRESS must be there
	fullOnly      bool   // no partial refunds
	terse         bool   // answers without refundNo and partnerRefundNo
}

// snapChannels is keyed by additionalInfo.channel: DOKU's direct debit document for Mandiri,
// docs/doku-api.md, "Channels" for the rest.
var snapChannels = map[string]terms{
	"DIRECT_DEBIT_MANDIRI_SNAP": {name: DirectDebitMandiri, invoice: span{1, 12}, refundNo: span{1, 12}, customerToken: true},
	"DIRECT_DEBIT_BRI_SNAP":     {name: DirectDebitBRI, invoice: span{1, 12}, refundNo: span{1, 12}, customerToken: true},
	"DIRECT_DEBIT_CIMB_SNAP":    {name: DirectDebitCIMB, invoice: span{1, 12}, refundNo: span{1, 12}, customerToken: true, fullOnly: true},
	"DIRECT_DEBIT_ALLO_SNAP":    {name: DirectDebitAllo, invoice: span{32, 64}, refundNo: span{32, 64}, customerToken: true, address: true},
	"EMONEY_OVO_SNAP":           {name: EmoneyOVO, invoice: span{1, 32}, refundNo: span{1, 64}, customerMay: true},
	"EMONEY_DANA_SNAP":          {name: EmoneyDANA, invoice: span{1, 64}, refundNo: span{1, 64}, device: true, address: true},
	"EMONEY_SHOPEE_PAY_SNAP":    {name: EmoneyShopeePay, invoice: span{1, 64}, refundNo: span{1, 64}, device: true, address: true, terse: true},
}

// invoiceSpan is how long an invoice number of the channel may be; false for a
// channel that does not exist.
func invoiceSpan(channel string) (span, bool) {
	if channel == CreditCard {
		return span{1, 64}, true
	}
	for _, t := range snapChannels {
		if t.name == channel {
			return t.invoice, true
		}
	}
	return span{}, false
}
