package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// errStaging is returned when DOKU did not take a request that an act needs it
// to have had before.
var errStaging = errors.New("the simulator took no earlier request")

// stage prepares the simulator for all acts: what was paid, what goes wrong,
// and what was asked for before.
func (s *show) stage(ctx context.Context) error {
	sim := s.stack.DOKU
	err := sim.AddPayment(dokusim.Payment{Channel: string(channel.CreditCard), Invoice: anothersInvoice, Amount: 1})
	for _, a := range s.acts {
		if a.paid.Amount > 0 {
			err = errors.Join(err, sim.AddPayment(a.payment()))
		}
		if a.earlier != nil {
			err = errors.Join(err, s.sendEarlier(ctx, a))
		}
		// After that: the earlier request meets no fault.
		if len(a.refunds) > 0 {
			err = errors.Join(err, sim.Script(a.calls(), a.refunds...))
		}
		if len(a.inquiries) > 0 {
			err = errors.Join(err, sim.Script(a.asks(), a.inquiries...))
		}
	}
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// sendEarlier sends a card refund to DOKU that our ledger knows nothing of.
func (s *show) sendEarlier(ctx context.Context, a act) error {
	client, err := doku.New(doku.Config{ //nolint:contextcheck // a token's renewal is bounded by its own timeout
		BaseURL: s.stack.DOKUURL(), ClientID: devstack.ClientID, Secret: s.stack.Secret(), Timeout: s.timeout, Slots: 1,
	})
	if err != nil {
		return err
	}
	defer client.Close()
	job := a.earlier(a.job)
	order := doku.Order{
		Channel: job.Channel, InvoiceNumber: job.InvoiceNumber, OriginalRequestID: job.OriginalRequestID,
		Amount: job.Amount, RequestID: refund.RequestID(devstack.ClientID, job.RefundID),
	}
	var last doku.RefundOutcome
	for range 5 { // a slow machine may miss an answer; the same request again is harmless
		order.SendBy = time.Now().Add(refund.SendWindow)
		last = client.Refund(ctx, order)
		if last.Class == doku.Succeeded || last.Class == doku.Failed {
			return nil
		}
	}
	return fmt.Errorf("%s: %w: %s", a.name(), errStaging, last.Problem)
}

// publish publishes an act, as often as it says. It sets no Nats-Msg-Id: the
// ledger deduplicates, and that is to be seen.
func (s *show) publish(ctx context.Context, a act) error {
	if a.expire {
		s.stack.DOKU.ExpireTokens()
	}
	if a.outage > 0 {
		match := dokusim.Match{Operation: dokusim.OpAny, Channel: string(a.job.Channel)}
		if err := s.stack.DOKU.Outage(dokusim.Outage{Match: match, For: a.outage}); err != nil {
			return fmt.Errorf("stage %s: %w", a.name(), err)
		}
	}
	body := a.body(time.Now())
	if err := s.tell(ctx, func(b *board) { b.queued(a.name()) }); err != nil {
		return err
	}
	for range max(a.copies, 1) {
		ack, err := s.stack.JS.Publish(ctx, jobs.JobSubject(a.job.Channel), body)
		if err != nil {
			return fmt.Errorf("publish %s: %w", a.name(), err)
		}
		if err := s.tell(ctx, func(b *board) { b.posted(a.name(), ack.Sequence) }); err != nil {
			return err
		}
	}
	return nil
}
