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

// act is one line of the show: a message for the worker, and what is staged at
// DOKU before it is published. The zero value of a field stages nothing.
type act struct {
	job jobs.Job
	raw string // published in place of the job, as it stands
	row string // name of its line, where that is not the job's refund_id
	why string // what was staged, in words

	paid      dokusim.Payment         // cards: registered first; channel, invoice and request are the job's
	refunds   []dokusim.Fault         // what its refund calls meet
	inquiries []dokusim.Fault         // what inquiries about it meet
	earlier   func(jobs.Job) jobs.Job // DOKU has had this request already, under our Request-Id
	expire    bool                    // B2B tokens end just before it is published
	outage    time.Duration           // of its channel at DOKU, from when it is published
	copies    int                     // how often it is published; 0 is once
	deadline  time.Duration           // of the job, from when it is published; 0: none
	after     []string                // the lines that have to end first
	slow      bool                    // published early, because it takes long
	doomed    bool                    // taken up by a worker that is killed

	want string // how it ends, as [ending] says it
}

func (a act) name() string { return cmp.Or(a.row, a.job.RefundID) }

// refund reports whether the act has a refund_id of its own, and so must have a
// result.
func (a act) refund() bool { return a.row == "" }

// body is the message at the moment of publishing.
func (a act) body(now time.Time) []byte {
	if a.raw != "" {
		return []byte(a.raw)
	}
	job := a.job
	if a.deadline != 0 {
		job.Deadline = now.Add(a.deadline)
	}
	return job.Encode()
}

// payment is what the customer paid, zero where the simulator makes it up.
func (a act) payment() dokusim.Payment {
	p := a.paid
	p.Channel, p.Invoice, p.OriginalRequestID = string(a.job.Channel), a.job.InvoiceNumber, a.job.OriginalRequestID
	return p
}

// calls matches the refund calls of the act.
func (a act) calls() dokusim.Match {
	return dokusim.Match{Operation: dokusim.OpRefund, Channel: string(a.job.Channel), Invoice: a.job.InvoiceNumber}
}

// asks matches the inquiries about it: those for cards name the refund's
// Request-Id alone, the others the invoice alone.
func (a act) asks() dokusim.Match {
	m := dokusim.Match{Operation: dokusim.OpInquiry, Channel: string(a.job.Channel)}
	if a.job.Channel == channel.CreditCard {
		m.Key = refund.RequestID(devstack.ClientID, a.job.RefundID)
	} else {
		m.Invoice = a.job.InvoiceNumber
	}
	return m
}

// ending says in two words how a refund ended: its status, and which error it
// is or how success was proven.
func ending(r jobs.Result) string { return r.Status.String() + " " + proof(r) }

func proof(r jobs.Result) string { return cmp.Or(r.Error.Code, string(r.Evidence)) }
