package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"refundworker.example/refundworker/client"
	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// accepted is the answer to a job that is stored.
type accepted struct {
	RefundID  string `json:"refund_id"`
	Sequence  uint64 `json:"sequence"`  // a notice names it, should the job turn out to conflict
	Duplicate bool   `json:"duplicate"` // the very same job was stored within two minutes
}

// publish is POST /v1/refunds.
func (g *Gateway) publish(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	d, err := decodeJob(body)
	if err != nil {
		return err
	}
	// Whoever goes away must not leave a job half published.
	ctx := context.WithoutCancel(r.Context())
	if g.conflicts(ctx, d) {
		return conflict.because("if this is the same refund, it was accepted before: read it at /v1/refunds/" + url.PathEscape(d.Job.RefundID) +
			", or repeat its first body unchanged; only a refund that is meant beside it gets another refund_id")
	}
	receipt, err := g.jobs.Publish(ctx, jobOf(d.Job, r.Header.Get(jobs.HeaderTraceParent)))
	if err != nil {
		return g.publishProblem(err)
	}
	w.Header().Set("Location", "/v1/refunds/"+url.PathEscape(d.Job.RefundID))
	return answer(w, http.StatusAccepted, accepted{d.Job.RefundID, receipt.Sequence, receipt.Duplicate})
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, &wrongType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, jobs.MaxJobSize))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &tooLarge
	case err != nil:
		return nil, unreadableJob.because("the body did not come in full")
	}
	return body, nil
}

// decodeJob reads a job by the worker's rules. On NATS the subject says which channel's
// rules these are; here the body does.
func decodeJob(body []byte) (jobs.Decoded, error) {
	var named struct {
		Channel channel.Channel `json:"channel"`
	}
	_ = json.Unmarshal(body, &named) // what is wrong with the body, Decode says better
	if !named.Channel.Valid() {
		if d := jobs.Decode(channel.CreditCard, body); d.Outcome == jobs.Unreadable {
			return d, unreadableJob.because(d.Err.Error())
		}
		return jobs.Decoded{}, invalidJob.of("channel", "is none of "+channelNames())
	}
	switch d := jobs.Decode(named.Channel, body); d.Outcome {
	case jobs.Valid:
		return d, nil
	case jobs.Unreadable:
		return d, unreadableJob.because(d.Err.Error())
	default:
		broken := invalidJob
		for _, p := range d.Problems.List {
			broken.Errors = append(broken.Errors, fieldError{p.Field, p.Rule})
		}
		return d, &broken
	}
}

func channelNames() string {
	names := make([]string, 0, 8)
	for _, ch := range channel.All() {
		names = append(names, string(ch))
	}
	return strings.Join(names, ", ")
}

func jobOf(j jobs.Job, traceParent string) client.Job {
	return client.Job{
		RefundID: j.RefundID, Channel: client.Channel(j.Channel), InvoiceNumber: j.InvoiceNumber,
		OriginalRequestID: j.OriginalRequestID, Amount: j.Amount, Reason: j.Reason, Customer: client.Customer(j.Customer),
		NotBefore: j.NotBefore, Deadline: j.Deadline, Metadata: j.Metadata, TraceParent: traceParent,
	}
}

// conflicts reports whether the ledger shows that the refund_id is used up. Where that
// cannot be read, or shows only later, the worker finds it, and a notice says so.
func (g *Gateway) conflicts(ctx context.Context, d jobs.Decoded) bool {
	r, err := g.record(ctx, d.Job.RefundID)
	if err != nil {
		if !errors.Is(err, stream.ErrNoRecord) {
			g.Log.Warn("conflict not looked for", "refund_id", d.Job.RefundID, "error", err)
		}
		return false
	}
	return !d.Repeats(r.record.Fingerprint, r.record.Rules)
}

// publishProblem is what the caller is told of a publish that failed.
func (g *Gateway) publishProblem(err error) error {
	g.Log.Warn("job not published", "error", err)
	switch {
	case errors.Is(err, client.ErrUnacknowledged):
		return &unacknowledged
	case errors.Is(err, client.ErrRefused):
		return &notStored
	}
	return err
}

// stored is a refund's last record, with the result that it is.
type stored struct {
	record refund.Record
	result []byte // nil: the record is none
}

// record reads a refund's last record. Its error is [stream.ErrNoRecord] where there is
// none.
func (g *Gateway) record(ctx context.Context, refundID string) (stored, error) {
	msg, err := g.ledger.Record(ctx, refundID)
	if err != nil {
		return stored{}, err
	}
	r, err := ledger.DecodeRecord(msg.Subject, msg.Header, msg.Data)
	if err != nil {
		g.Log.Error("record not readable", "refund_id", refundID, "error", err)
		return stored{}, &unreadableEntry
	}
	s := stored{record: r}
	if r.State.Result() {
		s.result = msg.Data
	}
	return s, nil
}
