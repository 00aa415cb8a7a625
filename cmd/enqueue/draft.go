package main

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/spreadsheet"
)

// draft is a job whose fields are all texts, as flags and cells are. It knows
// no rule: it becomes JSON that says the same, and the codec of jobs judges it.
type draft struct {
	job, customer, metadata members
	notUTF8                 []string // fields
	changed                 []string // by a spreadsheet: field and what is wrong
}

const (
	amountField    = "amount"
	customerPrefix = "customer."
	metadataPrefix = "metadata."
)

// draftFields are the fields that a text can give, but for metadata.
var draftFields = map[string]bool{
	"refund_id": true, "channel": true, "invoice_number": true, "original_request_id": true, amountField: true,
	"currency": true, "reason": true, "not_before": true, "deadline": true,
	"customer.access_token": true, "customer.device_id": true, "customer.ip_address": true,
}

// set gives a field, unless text is empty: that counts as absent.
func (d *draft) set(name, text string) {
	switch key, nested := strings.CutPrefix(name, customerPrefix); {
	case text == "":
	case nested:
		d.text(&d.customer, key, name, text)
	case name == amountField:
		d.amount(text)
	case idFields[name] && spreadsheet.Mangled(text) != "":
		d.changed = append(d.changed, name+": "+spreadsheet.Mangled(text))
	default:
		d.text(&d.job, name, name, text)
	}
}

// idFields are the texts that a spreadsheet takes for numbers, and changes.
var idFields = map[string]bool{"refund_id": true, "invoice_number": true, "original_request_id": true}

// amountForm is what an amount must look like. Separators of thousands are not
// read here, nor is anything else that could be two amounts: money moves by it.
const amountForm = "amount: write plain digits of whole rupiah, such as 90000 (or 90000.0, 90000.00): " +
	"separators of thousands, signs, currencies and exponents are not read, for 90.000 could be meant as 90 or as 90000"

// amount gives the amount as the number that its text is.
func (d *draft) amount(text string) {
	digits, ok := spreadsheet.PlainRupiah(text)
	if !ok {
		d.changed = append(d.changed, amountForm)
		return
	}
	d.job.add(amountField, []byte(digits))
}

// pair gives a pair of metadata, whose value may be empty.
func (d *draft) pair(key, value string) { d.text(&d.metadata, key, "metadata", value) }

func (d *draft) text(to *members, key, field, text string) {
	// Quoting would turn such bytes into U+FFFD without a word.
	if !utf8.ValidString(key) || !utf8.ValidString(text) {
		d.notUTF8 = append(d.notUTF8, field)
		return
	}
	to.add(key, quote(text))
}

// item returns the job as its bytes are published: what the codec makes of it
// if it is sound, else what was said, for the check to name what is wrong.
func (d *draft) item(place string) item {
	if len(d.notUTF8) > 0 {
		return item{place: place, problem: strings.Join(d.notUTF8, ", ") + ": must be valid UTF-8"}
	}
	if len(d.changed) > 0 {
		return item{place: place, problem: strings.Join(d.changed, "; ")}
	}
	if d.customer != "" {
		d.job.add("customer", d.customer.object())
	}
	if d.metadata != "" {
		d.job.add("metadata", d.metadata.object())
	}
	said := d.job.object()
	if sound := jobs.Decode(channelOf(said), said); sound.Outcome == jobs.Valid {
		return item{place: place, body: sound.Job.Encode()}
	}
	return item{place: place, body: said}
}

// members are the members of a JSON object, comma-separated.
type members string

func (m *members) add(name string, value []byte) {
	if *m != "" {
		*m += ","
	}
	*m += members(quote(name)) + ":" + members(value)
}

func (m members) object() []byte { return []byte("{" + m + "}") }

// quote returns valid UTF-8 as a JSON string; that cannot fail.
func quote(text string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, text)
	return quoted
}

// channelOf returns the member channel of a job's bytes, or "" where it is not
// one of the eight. Of several it returns one; the codec refuses repetition.
func channelOf(body []byte) channel.Channel {
	ch, err := channel.Parse(member(body, "channel"))
	if err != nil {
		return ""
	}
	return ch
}
