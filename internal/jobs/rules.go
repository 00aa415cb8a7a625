package jobs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/channel"
)

// Limits of docs/contract.md, "Job".
const (
	maxAmountDigits  = 16 // 9999999999999999 is the largest number of 16 digits
	maxReasonRunes   = 255
	maxCustomerBytes = 2048
	maxDeviceID      = 64
	maxPairs         = 16
	maxPairsBytes    = 1024
	firstYear        = 2000
	lastYear         = 2199
)

const refundIDField = "refund_id"

// RulesVersion is the version of the rules below. It is recorded with the first
// message of a refund and raised when a rule becomes stricter, for a stricter
// rule must not stop a refund whose job was accepted before it.
const RulesVersion = 1

// What the since of a problem says.
const (
	sinceEver   = 0       // the rule is as old as the contract
	sinceIDs    = 1       // device_id of 64 characters, ip_address IPv4, card numbers in the folded form
	sinceRecord = 1 << 30 // the value is part of the fingerprint: a record that has it accepted it
)

// The rules as their problems name them.
const (
	ruleUnknown   = "is no field of a job"
	ruleRepeated  = "must not be repeated"
	ruleRequired  = "is required"
	ruleString    = "must be a string"
	ruleObject    = "must be an object"
	ruleSurrogate = "must hold no lone surrogate"
	ruleControl   = "must hold no control character"
	ruleCard      = "must hold no card number"
	ruleChannel   = "must equal the last token of the subject"
	ruleASCII     = "must be printable ASCII"
	ruleBlank     = "must not be blank"
	ruleEnds      = "must not begin or end with a space"
	ruleVisible   = "must be printable ASCII without spaces"
	ruleAmount    = "must be an integer from 1 to 9999999999999999, without sign or exponent, and with no fraction but .0 or .00"
	ruleCurrency  = "must be IDR"
	ruleReason    = "must have at most 255 characters"
	ruleCustomer  = "must have at most 2048 characters"
	ruleDeviceID  = "must have at most 64 characters"
	ruleIPAddress = "must be an IPv4 address"
	ruleTime      = "must be an RFC 3339 time with a zone"
	ruleYear      = "must lie in the years 2000 to 2199 UTC"
	ruleOrder     = "must be after not_before"
	rulePairText  = "must hold only strings"
	rulePairKeys  = "must hold no key twice"
	rulePairs     = "must hold at most 16 pairs"
	rulePairBytes = "must have at most 1024 bytes of keys and values"
)

// field is one member of a job but refund_id. read consumes its value and
// reports whether it was given at all: null and "" count as absent. clear takes
// back what read has kept.
type field struct {
	name  string
	read  func(*reader) bool
	clear func(*reader)
}

// fields is the table of docs/contract.md, "Job", in its order.
var fields = []field{
	{"channel", (*reader).channel, func(*reader) {}},
	{"invoice_number", (*reader).invoiceNumber, func(r *reader) { r.job.InvoiceNumber = "" }},
	{"original_request_id", (*reader).originalRequestID, func(r *reader) { r.job.OriginalRequestID = "" }},
	{"amount", (*reader).amount, func(r *reader) { r.job.Amount = 0 }},
	{"currency", (*reader).currency, func(r *reader) { r.job.Currency = "" }},
	{"reason", (*reader).reason, func(r *reader) { r.job.Reason = "" }},
	{"customer", (*reader).customer, (*reader).forgetCustomer},
	{"not_before", (*reader).notBefore, func(r *reader) { r.job.NotBefore = time.Time{} }},
	{"deadline", (*reader).deadline, func(r *reader) { r.job.Deadline = time.Time{} }},
	{"metadata", (*reader).metadata, func(r *reader) { r.job.Metadata = nil }},
}

var fieldIndex = indexed(fields, func(f field) string { return f.name })

func indexed[T any](rows []T, name func(T) string) map[string]int {
	index := make(map[string]int, len(rows))
	for i, row := range rows {
		index[name(row)] = i
	}
	return index
}

// finish checks what only the whole object shows, and reports whether a
// customer value that the channel requires is missing.
func (r *reader) finish(customerRequired bool) (customerMissing bool) {
	r.require("channel")
	r.require("invoice_number")
	if r.facts.OriginalRequestID == channel.Required {
		r.require("original_request_id")
	}
	r.require("amount")
	if !r.job.NotBefore.IsZero() && !r.job.Deadline.IsZero() && !r.job.Deadline.After(r.job.NotBefore) {
		r.broken("deadline", ruleOrder)
		r.job.Deadline = time.Time{}
	}
	return r.requireCustomer(customerRequired)
}

func (r *reader) require(name string) {
	if r.given&(1<<fieldIndex[name]) == 0 {
		r.broken(name, ruleRequired)
	}
}

func (r *reader) channel() bool {
	value, given := r.text("channel")
	if value != "" && value != string(r.job.Channel) {
		r.broken("channel", ruleChannel)
	}
	return given
}

func (r *reader) invoiceNumber() bool {
	return r.identifier("invoice_number", &r.content.InvoiceNumber, &r.job.InvoiceNumber, r.facts.Invoice)
}

func (r *reader) originalRequestID() bool {
	length := channel.Length{Min: 1, Max: r.facts.OriginalMax}
	return r.identifier("original_request_id", &r.content.OriginalRequestID, &r.job.OriginalRequestID, length)
}

// identifier reads an identifier into content, and into kept if it breaks no
// rule.
func (r *reader) identifier(name string, content, kept *string, length channel.Length) (given bool) {
	if *content, given = r.text(name); *content == "" {
		return given
	}
	if rule := identifierRule(*content, length); rule != "" {
		r.unfit(name, rule)
		return true
	}
	*kept = *content
	return true
}

// identifierRule returns the rule that value breaks, or "". A space may be part
// of an identifier but not its end: gateways cut it off there, and DOKU then
// answers about another invoice than ours.
func identifierRule(value string, length channel.Length) string {
	switch {
	case !within(value, ' ', '~'):
		return ruleASCII
	case strings.Trim(value, " ") == "":
		return ruleBlank
	case strings.Trim(value, " ") != value:
		return ruleEnds
	case length.Holds(value):
		return ""
	case length.Min > 1:
		return fmt.Sprintf("must have %d to %d characters", length.Min, length.Max)
	}
	return fmt.Sprintf("must have at most %d characters", length.Max)
}

func (r *reader) amount() bool {
	if r.dec.PeekKind() == 'n' {
		r.skip()
		return false
	}
	amount, ok := wholeRupiah(string(r.value()))
	if !ok {
		r.broken("amount", ruleAmount)
		return true
	}
	r.content.Amount, r.job.Amount = amount, amount
	return true
}

// wholeRupiah reads a JSON number of rupiah without a float. A fraction of
// three zeros is refused: "90.000" is how much of the world writes ninety
// thousand.
func wholeRupiah(raw string) (amount int64, ok bool) {
	whole, fraction, fractional := strings.Cut(raw, ".")
	switch {
	case fractional && fraction != "0" && fraction != "00":
		return 0, false
	case len(whole) > maxAmountDigits || !within(whole, '0', '9') || whole == "0":
		return 0, false
	}
	amount, err := strconv.ParseInt(whole, 10, 64)
	return amount, err == nil
}

func (r *reader) currency() bool {
	value, given := r.text("currency")
	if given && value != Currency {
		r.job.Currency = ""
	}
	if value != "" && value != Currency {
		r.broken("currency", ruleCurrency)
	}
	return given
}

func (r *reader) reason() bool {
	value, given := r.text("reason")
	r.content.Reason = value
	card := r.refuseCard("reason", value, sinceRecord)
	switch {
	case utf8.RuneCountInString(value) > maxReasonRunes:
		r.unfit("reason", ruleReason)
	case !card:
		r.job.Reason = value
	}
	return given
}

// refuseCard reports whether value holds a card number, in itself (a rule since
// plain) or in its folded form. That is a problem of its own kind: the order
// system must learn that it handles such numbers.
func (r *reader) refuseCard(name, value string, plain int) bool {
	since := plain
	if !holdsCardNumber(value) {
		if !hidesCardNumber(value) {
			return false
		}
		since = max(plain, sinceIDs)
	}
	r.problems.add(Problem{Field: name, Rule: ruleCard, card: true, since: since})
	return true
}

func (r *reader) notBefore() bool { return r.moment(&r.job.NotBefore, "not_before") }

func (r *reader) deadline() bool { return r.moment(&r.job.Deadline, "deadline") }

// timeForm is RFC 3339's, whose letters may be in lower case. time.Parse takes
// more: hours of one digit, a comma before the fraction, zones of 24 hours.
var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func (r *reader) moment(at *time.Time, name string) bool {
	value, given := r.text(name)
	if value == "" {
		return given
	}
	t, err := time.Parse(time.RFC3339, strings.ToUpper(value))
	t = t.UTC()
	switch {
	case err != nil || !timeForm.MatchString(value):
		r.broken(name, ruleTime)
	case t.Year() < firstYear || t.Year() > lastYear:
		r.broken(name, ruleYear)
	default:
		*at = t
	}
	return true
}
