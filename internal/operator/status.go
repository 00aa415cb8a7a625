package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// Status is all that is known of one refund.
type Status struct {
	View
	OriginalRequestID string            `json:"original_request_id,omitempty"`
	Reason            string            `json:"reason,omitempty"`
	SentReason        *string           `json:"sent_reason,omitempty"` // what DOKU is told, where that is not the job's own words
	RequestID         string            `json:"request_id,omitempty"`
	PartnerRefundNo   string            `json:"partner_refund_no,omitempty"`
	ExternalID        string            `json:"external_id,omitempty"`
	FirstUnknown      int32             `json:"first_unknown,omitempty"` // the first attempt that may have been executed unseen
	Metadata          map[string]string `json:"metadata,omitempty"`
	WaitFires         time.Time         `json:"wait_fires,omitzero"`              // when the stored wait fires
	WakeUp            bool              `json:"nudge,omitempty"`                  // the wait was made from the ledger and has no customer values
	SameNumber        []string          `json:"same_partner_refund_no,omitempty"` // other refunds that DOKU cannot tell from this one
	Hint              string            `json:"hint,omitempty"`
	Shortened         bool              `json:"shortened,omitempty"` // the oldest records have aged out
	History           []Step            `json:"history"`
}

// Status returns all that is known of a refund, or [ErrNoRecord]. It costs a
// round trip a record and one for the wait.
func (o Operator) Status(ctx context.Context, refundID string) (Status, error) {
	if _, err := o.last(ctx, refundID); errors.Is(err, ErrRefundID) {
		return Status{}, fmt.Errorf("status of %w", err)
	} else if err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", refundID, err)
	}
	path, err := o.cfg.Ledger.History(ctx, refundID)
	if err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", refundID, err)
	}
	if len(path) == 0 {
		return Status{}, fmt.Errorf("status of %s: %w", refundID, ErrNoRecord)
	}
	r := path[len(path)-1].Record
	s := Status{
		View: ViewOf(r), OriginalRequestID: r.Job.OriginalRequestID, Reason: r.Job.Reason, SentReason: r.SentReason, FirstUnknown: r.FirstUnknown,
		RequestID: r.Identity.RequestID, PartnerRefundNo: r.Identity.PartnerRefundNo, ExternalID: r.Identity.ExternalID,
		Metadata: r.Job.Metadata, Shortened: path[0].Record.Prev != 0, History: steps(path),
	}
	if s.SameNumber, err = o.sameNumber(ctx, &r); err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", refundID, err)
	}
	s.Hint = hint(&r)
	if len(s.SameNumber) > 0 {
		s.Hint = fmt.Sprintf("%s has the same partnerRefundNo: DOKU takes the later one for a repeat of the earlier, and never pays it; see docs/runbook.md, Two refunds with one partnerRefundNo",
			strings.Join(s.SameNumber, ", "))
	}
	if r.State.Result() {
		return s, nil
	}
	wait, err := o.cfg.Ledger.ScheduledOf(ctx, r.Job.Channel, refundID)
	if err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", refundID, err)
	}
	s.WaitFires, s.WakeUp = wait.At, wait.WakeUp
	if late := o.cfg.Now().Sub(s.NextAt); wait.Seq == 0 && late > lateAfter && s.Hint == "" {
		s.Hint = "late, and no wait is stored: it is queued, in flight, or lost; `refundctl sweep --dry-run` tells"
	}
	return s, nil
}

// sameNumber returns the other refunds that are sent under this one's
// partnerRefundNo. Only where the outcome is in doubt and the number is short
// does it look: it asks for the ids of all refunds of the channels whose numbers
// are as short.
func (o Operator) sameNumber(ctx context.Context, r *refund.Record) ([]string, error) {
	if !r.NumberMayCollide() || r.State != refund.Unknown && r.State != refund.Unresolved {
		return nil, nil
	}
	var same []string
	for _, ch := range channel.All() {
		limits := ch.Facts().PartnerRefundNo
		if limits != r.Job.Channel.Facts().PartnerRefundNo {
			continue
		}
		ids, err := o.cfg.Ledger.Refunds(ctx, ch, "")
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if id != r.Job.RefundID && refund.PartnerRefundNo(r.ClientID, id, limits) == r.Identity.PartnerRefundNo {
				same = append(same, id)
			}
		}
	}
	return same, nil
}

// lateAfter is how late a refund may be before its message is doubted.
const lateAfter = time.Minute

// hint says what a person can do. After a collision the answer to an inquiry may be
// about another refund: nothing that DOKU says then settles this one.
func hint(r *refund.Record) string {
	switch {
	case r.State != refund.Unresolved:
		return ""
	case r.Code == refund.CodeIdentifierCollision, r.Code == refund.CodeIdentifierUsed:
		return "no answer of DOKU's settles it, for it may be about another refund: record what DOKU's back office shows with `refundctl resolve`"
	}
	return "`refundctl inquire` asks DOKU now; what DOKU's back office shows is recorded with `refundctl resolve`"
}
