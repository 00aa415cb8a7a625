package main

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// job is a job that keeps every rule: its place in the input, its bytes, and
// what its result is recognised by.
type job struct {
	place             string
	body              []byte
	refundID          string
	channel           channel.Channel
	invoiceNumber     string
	originalRequestID string
	amount            int64
	content           hash // equal for jobs that ask for the same refund

	sequence uint64            // in REFUND_JOBS, once it is published
	dead     stream.DeadReason // why its message became a dead letter; empty: not that we know
}

// String names the job in lines for people.
func (j job) String() string { return j.place + " (" + j.refundID + ")" }

// examine checks the bytes of an item by the rules for the channel that they
// name. problem says what is wrong, never with a value out of the job.
func examine(it item) (j job, problem string) {
	j = job{place: it.place, body: it.body}
	if it.problem != "" {
		return j, it.problem
	}
	d := jobs.Decode(channelOf(it.body), it.body)
	if d.Outcome == jobs.Unreadable {
		return j, d.Err.Error()
	}
	j.refundID, j.channel = d.Job.RefundID, d.Job.Channel
	if j.channel == "" {
		return j, channelProblem(it.body)
	}
	j.invoiceNumber, j.originalRequestID, j.amount = d.Job.InvoiceNumber, d.Job.OriginalRequestID, d.Job.Amount
	j.content = half(d.Fingerprint())
	if d.Outcome == jobs.Invalid {
		problem = d.Problems.String()
	}
	return j, problem
}

// channelProblem is all that is said of a job without a channel of ours: the
// lengths of its other fields depend on it.
func channelProblem(body []byte) string {
	if member(body, "channel") == "" {
		return "channel: is required"
	}
	names := make([]string, 0, 8)
	for _, ch := range channel.All() {
		names = append(names, string(ch))
	}
	return "channel: must be one of " + strings.Join(names, ", ")
}

// lenient reads what the codec of jobs will refuse with a better word.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// member returns a member of an object: a string's text, "" for null and for
// what is missing, and anything else as it is written.
func member(body []byte, name string) string {
	var values map[string]jsontext.Value
	if json.Unmarshal(body, &values, lenient) != nil {
		return ""
	}
	value := values[name]
	if value.Kind() == 'n' {
		return ""
	}
	if text, err := jsontext.AppendUnquote(nil, value); err == nil {
		return string(text)
	}
	return string(value)
}
