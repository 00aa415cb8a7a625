package refund

import (
	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/charset"
)

// RecordVersion is the version of [Record]'s shape.
const RecordVersion = 1

// Job is what a record keeps of a job: all but the customer's secrets. Of a
// broken job it holds only the fields that were valid.
type Job struct {
	RefundID          string
	Channel           channel.Channel
	InvoiceNumber     string
	OriginalRequestID string
	Amount            int64 // rupiah
	Currency          string
	Reason            string
	NotBefore         Time // as the job says, for a wake-up
	Deadline          Time
	Metadata          map[string]string
}

// Identity holds the identifiers under which a refund is sent. They are stored
// before the first byte leaves.
type Identity struct {
	RequestID       string // cards
	PartnerRefundNo string // SNAP
	ExternalID      string // SNAP, of the last send
}

// Evidence names how the outcome was learned (docs/contract.md, "Result").
type Evidence string

// The kinds of evidence.
const (
	ByResponse Evidence = "response"
	ByReplay   Evidence = "replay"
	ByInquiry  Evidence = "inquiry"
	ByOperator Evidence = "operator"
)

// Response is what is kept of DOKU's last answer. It never holds a token or a body.
type Response struct {
	HTTPStatus   int
	Code         string
	Message      string
	ErrorMessage string
	Type         string
	RefundType   string
	ApprovalCode string
	RefundNo     string
	ReferenceNo  string
	RefundTime   string
}

// Given returns r, or nil where DOKU said nothing.
func (r Response) Given() *Response {
	if r == (Response{}) {
		return nil
	}
	return &r
}

// Record is one entry of the ledger: everything that is known of a refund. The
// last one alone suffices to decide what comes next and to write a result.
type Record struct {
	V           int
	ClientID    string
	Environment string
	Job         Job
	Fingerprint string // empty: matches any job (cancelled before one came)
	Rules       int    // version of the job rules that the first message was checked by; 0: before rules had versions
	EnqueuedAt  Time   // stream time of the first message
	Traceparent string
	Identity    Identity
	SentReason  *string // what is sent as reason, where that is not the job's own
	Core
	Evidence Evidence
	Response *Response
	Note     string // in our words: which field broke which rule, what ended a call
	Operator string // who decided, where an operator did
	Because  string
	At       Time   // when it was written, by the writer's clock
	By       string // the writing process and its count of records: no two records are equal
	Prev     uint64 // stream sequence of the record that this one follows; 0: none
}

// Details is what a record holds besides what the [Machine] decides.
type Details struct {
	At       Time     // by the writer's clock
	By       string   // the writing process and its count of records
	Prev     uint64   // stream sequence of the record that this one follows; 0: none
	Response Response // of the call that has ended; zero: DOKU said nothing
	Note     string
	Operator string
	Because  string
}

// Record builds the record to append after last. Every writer of the ledger
// uses it: worker, operator and simulation.
func (m Machine) Record(last Record, d Details) Record {
	r := last
	r.Core = m.next
	r.At, r.By, r.Prev = d.At, d.By, d.Prev
	r.Note, r.Operator, r.Because = d.Note, d.Operator, d.Because // of this record alone
	r.Evidence = m.evidence()
	if given := d.Response.Given(); given != nil && m.event.Kind != Delivered {
		r.Response = given
	}
	// An operator sends nothing; of an invalid job not every field is known.
	if m.event.Kind <= InquiryEnded && m.event.Job != InvalidJob {
		r.Identify()
	}
	return r
}

// evidence names how a settled refund was proven.
func (m Machine) evidence() Evidence {
	switch {
	case !m.Proof():
		return ""
	case m.event.Kind == InquiryEnded, m.event.Kind == OperatorInquired:
		return ByInquiry
	case m.event.Kind == OperatorVerdict:
		return ByOperator
	case m.event.Replay:
		return ByReplay
	}
	return ByResponse
}

// CoreStored returns the core of a record that the server stored at this time,
// by its own clock. Where the writer's was behind by more than two clocks may be
// apart, its ask_from would come too early by as much, and is moved back. Smaller
// differences are left: a worker that is some seconds behind would move ask_from
// with every record, and ask its last question forever.
func (r *Record) CoreStored(at Time) Core {
	c := r.Core
	if late := at - r.At; late > Time(clockSkew) && at != 0 && c.AskFrom != 0 {
		c.AskFrom += late
	}
	return c
}

// Identify fills in the identifiers of the send that the record announces, and
// the reason that it carries.
func (r *Record) Identify() {
	r.foldReason()
	facts := r.Job.Channel.Facts()
	if facts.Family == channel.Card {
		r.Identity.RequestID = RequestID(r.ClientID, r.Job.RefundID)
		return
	}
	r.Identity.PartnerRefundNo = PartnerRefundNo(r.ClientID, r.Job.RefundID, facts.PartnerRefundNo)
	r.Identity.ExternalID = ExternalID(r.ClientID, r.Job.RefundID, r.ExternalKey())
}

// foldReason decides with the first send, and never again, what is sent as
// reason: a repeat has to be the same request, also where a later version's
// Unicode tables would fold it to another text. A refund whose first send was
// recorded without this field was sent with the job's own words.
func (r *Record) foldReason() {
	if r.State != Sending || r.Sends != 1 {
		return
	}
	r.SentReason = nil
	if sent := charset.Reason(r.Job.Reason); sent != r.Job.Reason {
		r.SentReason = &sent
	}
}

// ReasonToSend returns what every send of the refund carries as reason.
func (r *Record) ReasonToSend() string {
	if r.SentReason != nil {
		return *r.SentReason
	}
	return r.Job.Reason
}
