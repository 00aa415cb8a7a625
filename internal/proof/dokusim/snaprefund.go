package dokusim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// snapLocalTime is refundTime's form: no zone, as in DOKU's direct debit document's sample.
const snapLocalTime = "2006-01-02T15:04:05.000"

func (s *Server) refundSNAP(x *exchange) answer {
	if a, ok := s.checkSNAP(x); !ok {
		return a
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.settle(x.at); err != nil {
		return s.bookBroken(x, err)
	}
	if s.pendingBeside(x) {
		return s.refundInProgress(x)
	}
	e := entry{At: x.at}
	if !s.useExternalID(x, &e) {
		x.known = true
		return s.snapRefusal(x, http.StatusConflict, "00", "")
	}
	a := s.decideSNAP(x, &e)
	if e.Refund == nil && s.cfg.has(QuirkRefusalsUseNoID) {
		return a
	}
	if err := b.commit(e); err != nil {
		return s.bookBroken(x, err)
	}
	return a
}

// decideSNAP decides on a refund under an X-EXTERNAL-ID that is new today.
// Callers hold the book's lock.
func (s *Server) decideSNAP(x *exchange, e *entry) answer {
	if x.decoding != nil {
		return s.snapRefusal(x, http.StatusBadRequest, "00", "")
	}
	if x.snap.AdditionalInfo.Channel == "" {
		return s.snapRefusal(x, http.StatusBadRequest, "02", "additionalInfo.channel")
	}
	t, ok := snapChannels[x.snap.AdditionalInfo.Channel]
	if !ok {
		return s.snapRefusal(x, http.StatusBadRequest, "01", "additionalInfo.channel")
	}
	if number, field := x.snap.fieldProblem(t, s.cfg.has(QuirkStrictTexts)); number != "" {
		return s.snapRefusal(x, http.StatusBadRequest, number, field)
	}
	if a, ok := s.headerProblem(x, t); !ok {
		return a
	}
	if number, status := s.takenBefore(x); number != "" {
		return s.snapRefusal(x, status, number, "")
	}
	return s.takeSNAP(x, t, e)
}

// takenBefore tells whether the partnerRefundNo was processed: 409/01, or 404/18
// if it was for something else (docs/doku-api.md, "Idempotency").
func (s *Server) takenBefore(x *exchange) (number string, status int) {
	first, ok := s.book.latest(refKey{false, x.seen.Key})
	if !ok || s.cfg.has(QuirkPartnerRefundNoFree) || s.forgotten(first.At, x.at) {
		return "", 0
	}
	if first.Channel != x.seen.Channel || first.Invoice != x.seen.Invoice || first.Amount != x.seen.Amount {
		return "18", http.StatusNotFound
	}
	return "01", http.StatusConflict
}

func (s *Server) takeSNAP(x *exchange, t terms, e *entry) answer {
	from, fresh := s.account(t.name, x.snap.Original, x.snap.OriginalExternalID, x.seen.Amount, t.fullOnly)
	if from == nil {
		return s.snapRefusal(x, http.StatusNotFound, "01", "")
	}
	partial := x.seen.Amount != from.Amount
	if x.seen.Amount > from.Amount-from.taken || (t.fullOnly && partial) {
		return s.snapRefusal(x, http.StatusNotFound, "13", "")
	}
	if fresh {
		e.Payment = &from.Payment
	}
	r := s.newRefund(x)
	r.Reason = x.snap.Reason
	s.take(&r, x, e)
	return s.snapRefundAnswer(x, t, r)
}

// snapRefundView is the answer to a refund (DOKU's direct debit document; docs/doku-api.md, "The SNAP
// refund request").
type snapRefundView struct {
	snapHead
	RefundAmount    money     `json:"refundAmount"`
	Original        string    `json:"originalPartnerReferenceNo"`
	Reference       string    `json:"originalReferenceNo"`
	RefundNo        string    `json:"refundNo,omitempty"`
	PartnerRefundNo string    `json:"partnerRefundNo,omitempty"`
	RefundTime      string    `json:"refundTime"`
	AdditionalInfo  *snapInfo `json:"additionalInfo,omitempty"`
}

type snapInfo struct {
	TransactionType int    `json:"transactionType"`
	Status          string `json:"latestTransactionStatus"`
	CreateTime      string `json:"createTime"`
}

func (s *Server) snapRefundAnswer(x *exchange, t terms, r Refund) answer {
	status, history := http.StatusOK, "00"
	if r.State == Pending {
		status, history = http.StatusAccepted, "03"
	}
	head, code := s.snapHead(x, status, "00")
	view := snapRefundView{
		snapHead: head, RefundAmount: rupiahs(r.Amount), Original: r.Invoice, Reference: referenceNo(r.Channel, r.Invoice),
		RefundNo: refundNo(r), PartnerRefundNo: r.Key, RefundTime: s.localTime(r.At),
	}
	if s.cfg.has(QuirkOwnNumbers) {
		view.Original, view.PartnerRefundNo = view.Reference, view.Reference
	}
	if t.terse {
		view.RefundNo, view.PartnerRefundNo = "", ""
		view.AdditionalInfo = &snapInfo{15, history, s.localTime(r.At)}
	}
	return jsonAnswer(status, code, view)
}

func (s *Server) localTime(at time.Time) string { return at.In(s.cfg.DayZone).Format(snapLocalTime) }

func refundNo(r Refund) string { return fmt.Sprintf("SIM%029d", r.Seq) }

// referenceNo is DOKU's own number of a payment.
func referenceNo(channel, invoice string) string {
	return "R" + snapBodyHash([]byte(channel+"\n"+invoice), false)[:31]
}
