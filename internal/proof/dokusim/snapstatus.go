package dokusim

import "net/http"

// snapEntry is one refund in refundHistory. DOKU's libraries call its
// partnerRefundNo partnerReferenceNo (docs/doku-api.md, "SNAP inquiry").
type snapEntry struct {
	RefundNo           string `json:"refundNo"`
	PartnerRefundNo    string `json:"partnerRefundNo,omitempty"`
	PartnerReferenceNo string `json:"partnerReferenceNo,omitempty"`
	RefundAmount       money  `json:"refundAmount"`
	RefundStatus       string `json:"refundStatus"`
	RefundDate         string `json:"refundDate"`
	Reason             string `json:"reason,omitempty"`
}

type snapStatusView struct {
	snapHead
	Original           string          `json:"originalPartnerReferenceNo"`
	Reference          string          `json:"originalReferenceNo"`
	OriginalExternalID string          `json:"originalExternalId,omitempty"`
	ServiceCode        string          `json:"serviceCode"`
	Status             string          `json:"latestTransactionStatus"`
	StatusText         string          `json:"transactionStatusDesc"`
	TransAmount        money           `json:"transAmount"`
	History            []snapEntry     `json:"refundHistory"`
	AdditionalInfo     snapChannelInfo `json:"additionalInfo"`
}

type snapChannelInfo struct {
	Channel string `json:"channel"`
}

var refundStatuses = map[State]string{Done: "00", Pending: "03", Failed: "06"}

// snapStatus tells what became of a payment, with the refunds taken from it
// (docs/doku-api.md, "SNAP inquiry"). An inquiry registers no payment: it names
// no amount.
func (s *Server) snapStatus(x *exchange) answer {
	if a, ok := s.checkSNAP(x); !ok {
		return a
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.settle(x.at); err != nil {
		return s.bookBroken(x, err)
	}
	e := entry{At: x.at}
	if !s.useExternalID(x, &e) {
		return s.snapRefusal(x, http.StatusConflict, "00", "")
	}
	if err := b.commit(e); err != nil {
		return s.bookBroken(x, err)
	}
	if number, field := x.inquiryProblem(); number != "" {
		return s.snapRefusal(x, http.StatusBadRequest, number, field)
	}
	from, ok := b.accounts[payKey{x.seen.Channel, x.seen.Invoice}]
	if !ok || !x.speaksOf(from.Payment) {
		return s.snapRefusal(x, http.StatusNotFound, "01", "")
	}
	return s.snapHistory(x, from)
}

func (x *exchange) inquiryProblem() (number, field string) {
	t, known := snapChannels[x.snap.AdditionalInfo.Channel]
	switch {
	case x.decoding != nil:
		return "00", ""
	case !known:
		return "01", "additionalInfo.channel"
	case x.snap.ServiceCode != serviceStatus:
		return "01", "serviceCode"
	case !t.invoice.covers(x.snap.Original):
		return "01", "originalPartnerReferenceNo"
	default:
		return "", ""
	}
}

func (x *exchange) speaksOf(p Payment) bool {
	asked := x.snap.OriginalExternalID
	return asked == "" || p.OriginalRequestID == "" || asked == p.OriginalRequestID
}

// snapHistory answers with what was taken from the payment. It is 04, refunded,
// once all of it is; a partial refund leaves it 00, paid.
func (s *Server) snapHistory(x *exchange, from *account) answer {
	head, code := s.snapHead(x, http.StatusOK, "00")
	view := snapStatusView{
		snapHead: head, Original: from.Invoice, Reference: referenceNo(from.Channel, from.Invoice),
		OriginalExternalID: from.OriginalRequestID, ServiceCode: serviceStatus, Status: "00", StatusText: "Success",
		TransAmount: rupiahs(from.Amount), History: []snapEntry{},
		AdditionalInfo: snapChannelInfo{x.snap.AdditionalInfo.Channel},
	}
	var done int64
	for _, at := range from.refunds {
		r := s.book.refunds[at]
		if r.State == Done {
			done += r.Amount
		}
		if err := s.book.look(r, x.at); err != nil {
			return s.bookBroken(x, err)
		}
		view.History = append(view.History, s.snapEntry(r))
	}
	if done >= from.Amount {
		view.Status, view.StatusText = "04", "Refunded"
	}
	if s.cfg.has(QuirkEmptyHistory) {
		view.History = view.History[:0]
	}
	return jsonAnswer(http.StatusOK, code, view)
}

func (s *Server) snapEntry(r Refund) snapEntry {
	view := snapEntry{
		RefundNo: refundNo(r), PartnerRefundNo: r.Key, RefundAmount: rupiahs(r.Amount),
		RefundStatus: refundStatuses[r.State], RefundDate: s.localTime(r.At), Reason: r.Reason,
	}
	if s.cfg.has(QuirkHistoryReferenceNo) {
		view.PartnerRefundNo, view.PartnerReferenceNo = "", r.Key
	}
	switch {
	case s.cfg.has(QuirkHistoryNoNumbers):
		view.PartnerRefundNo, view.PartnerReferenceNo = "", ""
	case s.cfg.has(QuirkOwnNumbers):
		view.PartnerRefundNo, view.PartnerReferenceNo = view.RefundNo, ""
	}
	return view
}
