package sandbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
)

// Line is one probe in a transcript.
type Line struct {
	Probe       string     `json:"probe"`
	At          time.Time  `json:"at"`
	Environment string     `json:"environment"`
	Order       Order      `json:"order,omitzero"` // what the worker's client was asked for
	Sent        Sent       `json:"sent"`
	Got         Got        `json:"got"`
	Signature   Signature  `json:"signature"`
	Classified  Classified `json:"classified"`
	Expected    []string   `json:"expected"`        // in words
	Fits        bool       `json:"as_expected"`     // one of them came
	Means       string     `json:"means,omitempty"` // what that tells about DOKU
}

// Order is one refund, with ids that stand for those that were sent.
type Order struct {
	Channel         channel.Channel `json:"channel"`
	InvoiceNumber   string          `json:"invoice_number"`
	Original        string          `json:"original_request_id,omitempty"`
	Amount          int64           `json:"amount"`
	Reason          string          `json:"reason,omitempty"`
	RequestID       string          `json:"request_id,omitempty"`
	ExternalID      string          `json:"external_id,omitempty"`
	PartnerRefundNo string          `json:"partner_refund_no,omitempty"`
}

// Sent is the request as DOKU got it.
type Sent struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
}

// Got is the answer. Base64 holds a body that is no UTF-8.
type Got struct {
	Status  int               `json:"status"` // 0: no answer
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Base64  []byte            `json:"body_base64,omitempty"`
}

// Signature is whether a card answer is signed, and over what.
type Signature struct {
	Present       bool `json:"present"`
	WithDigest    bool `json:"fits_with_digest"`
	WithoutDigest bool `json:"fits_without_digest"`
}

// Classified is how the worker's client read the answer.
type Classified struct {
	Operation string `json:"operation"` // refund, inquiry or token
	As        string `json:"as"`        // a class, a finding, or token
	Cause     string `json:"cause,omitempty"`
	Code      string `json:"code,omitempty"`
}

const (
	opRefund  = "refund"
	opInquiry = "inquiry"
	opToken   = "token"
)

func ofVerdict(v doku.RefundOutcome) Classified {
	return Classified{opRefund, v.Class.String(), v.Cause.String(), v.Response.Code}
}

func ofInquiry(i doku.InquiryOutcome) Classified {
	return Classified{opInquiry, i.Finding.String(), i.Cause.String(), i.Response.Code}
}

// String is the line as a person reads it.
func (l Line) String() string {
	verdict := "NOT AS EXPECTED"
	if l.Fits {
		verdict = "as expected"
	}
	name := l.Probe
	if l.Order.Channel != "" {
		name += " (" + string(l.Order.Channel) + ")"
	}
	text := fmt.Sprintf("%-15s %s: HTTP %d %s, classified %s %s", verdict, name, l.Got.Status, l.Classified.Code, l.Classified.As, l.Classified.Cause)
	if l.Signature.Present {
		text += fmt.Sprintf(", signature fits with Digest: %v, without: %v", l.Signature.WithDigest, l.Signature.WithoutDigest)
	}
	if l.Means != "" {
		text += ": " + l.Means
	}
	return text
}

// Write writes lines as a transcript.
func Write(w io.Writer, lines []Line) error {
	for _, l := range lines {
		text, err := json.Marshal(l, json.Deterministic(true))
		if err != nil {
			return fmt.Errorf("write transcript: %w", err)
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("write transcript: %w", err)
		}
	}
	return nil
}

// Read reads a transcript. Its errors wrap [ErrTranscript].
func Read(r io.Reader) ([]Line, error) {
	var lines []Line
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 4*largest)
	for number := 1; scan.Scan(); number++ {
		text := bytes.TrimSpace(scan.Bytes())
		if len(text) == 0 {
			continue
		}
		var l Line
		if err := json.Unmarshal(text, &l, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrTranscript, number, err)
		}
		lines = append(lines, l)
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTranscript, err)
	}
	return lines, nil
}
