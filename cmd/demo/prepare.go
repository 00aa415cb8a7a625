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

// errPrepare is returned when DOKU did not take a request that an act needs it
// to have had before.
var errPrepare = errors.New("the simulator took no earlier request")

// prepare prepares the simulator for all acts: what was paid, what goes wrong,
// and what was asked for before.
func (d *demo) prepare(ctx context.Context) error {
	sim := d.stack.DOKU
	err := sim.AddPayment(dokusim.Payment{Channel: string(channel.CreditCard), Invoice: anothersInvoice, Amount: 1})
	for _, a := range d.scenarios {
		if a.paid.Amount > 0 {
			err = errors.Join(err, sim.AddPayment(a.payment()))
		}
		if a.earlier != nil {
			err = errors.Join(err, d.sendEarlier(ctx, a))
		}
		// After that: the earlier request meets no fault.
		if len(a.refunds) > 0 {
			err = errors.Join(err, sim.Script(a.refundCalls(), a.refunds...))
		}
		if len(a.inquiries) > 0 {
			err = errors.Join(err, sim.Script(a.inquiryCalls(), a.inquiries...))
		}
	}
	if err != nil {
		return fmt.Errorf("prepare the simulator: %w", err)
	}
	return nil
}

// sendEarlier sends a card refund to DOKU that our ledger knows nothing of.
func (d *demo) sendEarlier(ctx context.Context, a scenario) error {
	client, err := doku.New(doku.Config{ //nolint:contextcheck // a token's renewal is bounded by its own timeout
		BaseURL: d.stack.DOKUURL(), ClientID: devstack.ClientID, Secret: d.stack.Secret(), Timeout: d.timeout, Slots: 1,
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
	return fmt.Errorf("%s: %w: %s", a.name(), errPrepare, last.Problem)
}

// publish publishes a scenario, as often as it says. It sets no Nats-Msg-Id: the
// ledger deduplicates, and that is to be seen.
func (d *demo) publish(ctx context.Context, a scenario) error {
	if a.expire {
		d.stack.DOKU.ExpireTokens()
	}
	if a.outage > 0 {
		match := dokusim.Match{Operation: dokusim.OpAny, Channel: string(a.job.Channel)}
		if err := d.stack.DOKU.Outage(dokusim.Outage{Match: match, For: a.outage}); err != nil {
			return fmt.Errorf("prepare %s: %w", a.name(), err)
		}
	}
	body := a.body(time.Now())
	if err := d.emit(ctx, func(b *progress) { b.queued(a.name()) }); err != nil {
		return err
	}
	for range max(a.copies, 1) {
		ack, err := d.stack.JS.Publish(ctx, jobs.JobSubject(a.job.Channel), body)
		if err != nil {
			return fmt.Errorf("publish %s: %w", a.name(), err)
		}
		if err := d.emit(ctx, func(b *progress) { b.posted(a.name(), ack.Sequence) }); err != nil {
			return err
		}
	}
	return nil
}
