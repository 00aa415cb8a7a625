package doku

import (
	"net/http"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

// Classifier says what answers prove without sending anything: the very
// functions that a [Client] asks about every answer. What stands in for DOKU
// without a network uses it, so that no second opinion on answers comes into
// being.
type Classifier struct {
	clientID string
	keys     []secret.Text
}

// NewClassifier returns the judge of one merchant; shared is [Config].Secret.
func NewClassifier(clientID string, shared secret.Text) Classifier {
	return Classifier{clientID: clientID, keys: secretLines(shared)}
}

// Ending says how one request ended.
type Ending uint8

// The endings. The zero value promises nothing.
const (
	EndNoAnswer Ending = iota // a byte may have left, and no answer came
	EndWhole                  // the answer came
	EndCut                    // the answer began and did not end
	EndUnsent                 // no byte left
	EndTooLate                // no byte left: SendBy had passed at the last look
)

// Answer is what came back for one request, or did not.
type Answer struct {
	Ending Ending
	Status int         // Whole and Cut
	Header http.Header // likewise
	Body   []byte      // Whole
	At     time.Time   // when it came; dates in Retry-After are compared with it
}

var endings = map[Ending]reply{
	EndNoAnswer: {fault: noAnswer, problem: "no answer"},
	EndWhole:    {},
	EndCut:      {fault: cutShort, problem: "answer cut short"},
	EndUnsent:   {fault: notWritten, problem: "nothing sent"},
	EndTooLate:  {fault: late, problem: "send_by passed before the first byte"},
}

func (a Answer) reply() reply {
	r := endings[a.Ending]
	r.status, r.header, r.at = a.Status, a.Header, a.At
	if a.Ending == EndWhole {
		r.body = a.Body
	}
	return r
}

// Refund says what the answer to the refund call of o proves.
func (j Classifier) Refund(o Order, a Answer) RefundOutcome {
	if o.Channel.Facts().Family == channel.SNAP {
		return classifySNAP(o, a.reply())
	}
	sent := cardText{clientID: j.clientID, requestID: o.RequestID, target: cardRefundPath}
	return classifyCard(o, a.reply(), checkSignature(j.keys, sent, a.Header, a.Body))
}

// Inquiry says what the answer to a status inquiry about o proves. requestID is
// the inquiry's own (cards).
func (j Classifier) Inquiry(o Order, requestID string, a Answer) InquiryOutcome {
	if o.Channel.Facts().Family == channel.SNAP {
		found, _ := findSNAP(o, a.reply())
		return found
	}
	sent := cardText{clientID: j.clientID, requestID: requestID, target: cardStatusPath + o.RequestID}
	return findCard(o, a.reply(), checkGetSignature(j.keys, sent, a.Header, a.Body))
}

// Token says until when the B2B token of the answer may be used for a new send,
// or why there is none. asked is when it was asked for.
func (Classifier) Token(asked time.Time, a Answer) (until time.Time, failed *PrepareError) {
	fresh, failed := readToken(a.reply(), asked)
	return fresh.renew, failed
}
