package main

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker/internal/channel"
	"refundworker/internal/jobs"
)

// draft is a job whose fields are all texts, as flags and cells are. It knows
// no rule: it becomes JSON that says the same, and the codec of jobs judges it.
type draft struct {
	job, customer, metadata members
	notUTF8                 []string // fields
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
	case name == amountField && whole(text):
		d.job.add(name, []byte(text))
	default:
		d.text(&d.job, name, name, text)
	}
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
	if d.customer != "" {
		d.job.add("customer", d.customer.object())
	}
	if d.metadata != "" {
		d.job.add("metadata", d.metadata.object())
	}
	said := d.job.object()
	if sound := jobs.Decode(channelOf(said), said); sound.Outcome == jobs.Sound {
		return item{place: place, body: sound.Job.Encode()}
	}
	return item{place: place, body: said}
}

// whole reports whether text is a whole number as JSON writes it. Any other
// text stays a text, and the codec says what an amount has to be.
func whole(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text == "0" || text[0] != '0'
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
