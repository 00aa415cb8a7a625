//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

type floor struct {
	js                jetstream.JetStream
	nc                *nats.Conn
	appends           chan appended // nil: no group commit
	http              *http.Client
	baseURL, clientID string
	key               []byte
	doku              *doku.Client   // nil: net/http
	ledger            *ledger.Ledger // nil: records of the floor's own
	log               *slog.Logger   // nil: no line
}

var (
	errAnswer = errors.New("the answer is no success")
	errAppend = errors.New("append refused")
)

const path = "/cancellation/credit-card/refund"

// refund does one job. Where it fails the message is not acknowledged.
func (f *floor) refund(ctx context.Context, m jetstream.Msg) error {
	var job struct {
		RefundID          string `json:"refund_id"`
		InvoiceNumber     string `json:"invoice_number"`
		OriginalRequestID string `json:"original_request_id"`
		Amount            int64  `json:"amount"`
		Reason            string `json:"reason"`
	}
	if err := json.Unmarshal(m.Data(), &job); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	defer f.logged(ctx, job.RefundID)
	if f.ledger != nil {
		return f.withRecords(ctx, m)
	}
	announced, err := f.append(ctx, jobs.LedgerSubject(channel.CreditCard, refund.Sending, job.RefundID), job.RefundID, 0, m.Data())
	if err != nil {
		return err
	}
	answer, err := f.ask(ctx, doku.Order{
		Channel: channel.CreditCard, InvoiceNumber: job.InvoiceNumber, OriginalRequestID: job.OriginalRequestID,
		Amount: job.Amount, Reason: job.Reason, RequestID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(job.RefundID)).String(),
	})
	if err != nil {
		return err
	}
	result, err := f.result(m, answer)
	if err != nil {
		return err
	}
	subject := jobs.ResultSubject(channel.CreditCard, refund.Succeeded, job.RefundID)
	if _, err := f.append(ctx, subject, job.RefundID, announced, result); err != nil {
		return err
	}
	return m.Ack()
}

// result has of a worker's result what the benchmark reads: when the job was
// stored.
func (f *floor) result(m jetstream.Msg, answer json.RawMessage) ([]byte, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	return json.Marshal(struct {
		EnqueuedAt time.Time       `json:"enqueued_at"`
		Answer     json.RawMessage `json:"answer"`
	}{meta.Timestamp, answer})
}

func (f *floor) append(ctx context.Context, subject, refundID string, after uint64, body []byte) (uint64, error) {
	if f.appends != nil {
		return f.appendInBatch(ctx, subject, refundID, after, body)
	}
	ack, err := f.js.Publish(ctx, subject, body, jetstream.WithRetryAttempts(0),
		jetstream.WithExpectLastSequenceForSubject(after, "refunds.*.*.*."+refundID))
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", subject, err)
	}
	return ack.Sequence, nil
}

func (f *floor) appendInBatch(ctx context.Context, subject, refundID string, after uint64, body []byte) (uint64, error) {
	m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{
		"Nats-Expected-Last-Subject-Sequence":         {strconv.FormatUint(after, 10)},
		"Nats-Expected-Last-Subject-Sequence-Subject": {"refunds.*.*.*." + refundID},
	}}
	a := appended{m, make(chan stored, 1)}
	select {
	case f.appends <- a:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case s := <-a.done:
		return s.seq, s.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// call makes one signed refund call and returns the body of its answer.
func (f *floor) call(ctx context.Context, o doku.Order) ([]byte, error) {
	body, err := json.Marshal(map[string]any{
		"order":   map[string]any{"invoice_number": o.InvoiceNumber},
		"payment": map[string]any{"original_request_id": o.OriginalRequestID},
		"refund":  map[string]any{"amount": o.Amount, "reason": o.Reason},
	})
	if err != nil {
		return nil, fmt.Errorf("encode refund: %w", err)
	}
	digest := sha256.Sum256(body)
	stamp := time.Now().UTC().Format("2006-01-02T15:04:05Z")
	mac := hmac.New(sha256.New, f.key)
	mac.Write([]byte("Client-Id:" + f.clientID + "\nRequest-Id:" + o.RequestID + "\nRequest-Timestamp:" + stamp +
		"\nRequest-Target:" + path + "\nDigest:" + base64.StdEncoding.EncodeToString(digest[:])))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.baseURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{
		"Client-Id": {f.clientID}, "Request-Id": {o.RequestID}, "Request-Timestamp": {stamp},
		"Signature":    {"HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		"Content-Type": {"application/json"},
	}
	res, err := f.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	var said struct {
		Refund struct {
			Status string `json:"status"`
		} `json:"refund"`
	}
	if err := json.Unmarshal(answer, &said); err != nil || res.StatusCode != http.StatusOK || said.Refund.Status != "SUCCESS" {
		return nil, fmt.Errorf("%w: http %d", errAnswer, res.StatusCode)
	}
	return answer, nil
}
