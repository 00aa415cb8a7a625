package main

import (
	"cmp"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// scenario is one line of the show: a message for the worker, and what is staged at
// DOKU before it is published. The zero value of a field stages nothing.
type scenario struct {
	job  jobs.Job
	raw  string // published in place of the job, as it stands
	line string // name of its line, where that is not the job's refund_id
	what string // what the simulator does, in words

	paid        dokusim.Payment         // cards: registered first; channel, invoice and request are the job's
	refunds     []dokusim.Fault         // what its refund calls meet
	inquiries   []dokusim.Fault         // what inquiries about it meet
	earlier     func(jobs.Job) jobs.Job // DOKU has had this request already, under our Request-Id
	expire      bool                    // B2B tokens end just before it is published
	outage      time.Duration           // of its channel at DOKU, from when it is published
	copies      int                     // how often it is published; 0 is once
	deadline    time.Duration           // of the job, from when it is published; 0: none
	waitsFor    []string                // the lines that have to end first
	slow        bool                    // published early, because it takes long
	killsWorker bool                    // taken up by a worker that is killed

	want string // how it ends, as [ending] says it
}

func (s scenario) name() string { return cmp.Or(s.line, s.job.RefundID) }

// refund reports whether the scenario has a refund_id of its own, and so must have a
// result.
func (s scenario) refund() bool { return s.line == "" }

// body is the message at the moment of publishing.
func (s scenario) body(now time.Time) []byte {
	if s.raw != "" {
		return []byte(s.raw)
	}
	job := s.job
	if s.deadline != 0 {
		job.Deadline = now.Add(s.deadline)
	}
	return job.Encode()
}

// payment is what the customer paid, zero where the simulator makes it up.
func (s scenario) payment() dokusim.Payment {
	p := s.paid
	p.Channel, p.Invoice, p.OriginalRequestID = string(s.job.Channel), s.job.InvoiceNumber, s.job.OriginalRequestID
	return p
}

// refundCalls matches the refund calls of the act.
func (s scenario) refundCalls() dokusim.Match {
	return dokusim.Match{Operation: dokusim.OpRefund, Channel: string(s.job.Channel), Invoice: s.job.InvoiceNumber}
}

// inquiryCalls matches the inquiries about it: those for cards name the refund's
// Request-Id alone, the others the invoice alone.
func (s scenario) inquiryCalls() dokusim.Match {
	m := dokusim.Match{Operation: dokusim.OpInquiry, Channel: string(s.job.Channel)}
	if s.job.Channel == channel.CreditCard {
		m.Key = refund.RequestID(devstack.ClientID, s.job.RefundID)
	} else {
		m.Invoice = s.job.InvoiceNumber
	}
	return m
}

// ending says in two words how a refund ended: its status, and which error it
// is or how success was proven.
func ending(r jobs.Result) string { return r.Status.String() + " " + proof(r) }

func proof(r jobs.Result) string { return cmp.Or(r.Error.Code, string(r.Evidence)) }
