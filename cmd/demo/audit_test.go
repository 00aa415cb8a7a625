package main

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// books is what reconcile compares: six refunds, of which three moved money.
type books struct {
	asked  []requested
	book   dokusim.Snapshot
	stored map[string]history
}

func card1(id string, status refund.State, amount int64) jobs.Result {
	r := jobs.Result{
		RefundID: id, Channel: channel.CreditCard, Status: status, InvoiceNumber: "INV-" + id, Amount: amount,
		RequestID: "req-" + id, Environment: "simulator",
	}
	if status == refund.Rejected {
		r.RequestID = ""
	}
	return r
}

func moved1(id string, amount int64) dokusim.Movement {
	return dokusim.Movement{Channel: dokusim.CreditCard, Invoice: "INV-" + id, Key: "req-" + id, Amount: amount}
}

func threePaid() books {
	s := books{stored: map[string]history{}}
	for _, r := range []jobs.Result{
		card1("paid", refund.Succeeded, 100), card1("declined", refund.Failed, 200), card1("bad", refund.Rejected, 300),
		card1("doubtful", refund.Unresolved, 400), card1("late", refund.Unresolved, 500), card1("late", refund.Succeeded, 500),
		{
			RefundID: "snap", Channel: channel.EmoneyOVO, Status: refund.Succeeded, InvoiceNumber: "INV-snap", Amount: 600,
			RequestID: "1234", PartnerRefundNo: "snap", Environment: "simulator",
		},
	} {
		if _, again := s.stored[r.RefundID]; !again {
			s.asked = append(s.asked, requested{r.RefundID, r.Channel, r.Amount})
		}
		s.record(r)
	}
	s.move(moved1("paid", 100))
	s.move(moved1("late", 500))
	s.move(dokusim.Movement{Channel: dokusim.EmoneyOVO, Invoice: "INV-snap", Key: "snap", Amount: 600})
	return s
}

// record stores a result, and before the first one that it was sent.
func (s *books) record(r jobs.Result) {
	h := s.stored[r.RefundID]
	if len(h.states) == 0 && r.Status != refund.Rejected {
		h.states = append(h.states, refund.Sending)
	}
	h.states, h.results = append(h.states, r.Status), append(h.results, r)
	s.stored[r.RefundID] = h
}

func (s *books) move(m dokusim.Movement) {
	s.book.Movements = append(s.book.Movements, m)
	s.book.Total.Movements++
	s.book.Total.Amount += m.Amount
}

func (s *books) audit() audit { return reconcile(s.asked, s.book, s.stored) }

// complaints is everything that the audit found.
func complaints(a audit) string {
	all := append([]string(nil), a.problems...)
	for _, acc := range a.accounts {
		for _, problem := range acc.problems {
			all = append(all, acc.id+": "+problem)
		}
	}
	return strings.Join(all, "; ")
}

func TestBookAndResultsThatAgreeAreFoundToAgree(t *testing.T) {
	t.Parallel()
	s := threePaid()
	a := s.audit()
	if !a.agrees() || a.succeeded != 1200 || a.moved != 1200 || a.unresolved != 0 {
		t.Errorf("%+v: %s", a, complaints(a))
	}
	if a.counts[refund.Succeeded] != 3 || a.counts[refund.Unresolved] != 1 {
		t.Errorf("counts %v", a.counts)
	}
}

func TestMoneyMayHaveMovedUnderAnUnresolvedRefund(t *testing.T) {
	t.Parallel()
	s := threePaid()
	s.move(moved1("doubtful", 400))
	if a := s.audit(); !a.agrees() || a.succeeded != 1200 || a.moved != 1600 || a.unresolved != 400 {
		t.Errorf("%+v: %s", a, complaints(a))
	}
}

func TestEveryDisagreementIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(*books)
		want  string
	}{
		"paid twice":                     {func(s *books) { s.move(moved1("paid", 100)) }, "paid: paid twice: 2 movements"},
		"never paid":                     {func(s *books) { s.book.Movements = s.book.Movements[1:] }, "paid: reported as paid, and not paid"},
		"one rupiah more":                {func(s *books) { s.book.Movements[1].Amount++ }, "late: paid another amount: 501 rupiah in 1 movements of 500"},
		"one rupiah less":                {func(s *books) { s.book.Movements[2].Amount-- }, "snap: paid another amount: 599 rupiah"},
		"paid though declined":           {func(s *books) { s.move(moved1("declined", 200)) }, "declined: paid, and reported as not paid"},
		"paid though never sent":         {func(s *books) { s.move(moved1("bad", 300)) }, "Rp 300 moved on credit_card, invoice INV-bad, for no refund of ours"},
		"paid for nobody":                {func(s *books) { s.move(moved1("stranger", 1)) }, "for no refund of ours"},
		"another invoice":                {func(s *books) { s.book.Movements[0].Invoice = "INV-x" }, "paid: money moved on another invoice, INV-x"},
		"another channel":                {func(s *books) { s.book.Movements[0].Channel = dokusim.EmoneyOVO }, "for no refund of ours"},
		"unresolved, paid twice":         {func(s *books) { s.move(moved1("doubtful", 400)); s.move(moved1("doubtful", 400)) }, "doubtful: paid twice: 2 movements"},
		"unresolved, another amount":     {func(s *books) { s.move(moved1("doubtful", 399)) }, "doubtful: paid another amount: 399 rupiah"},
		"no record":                      {func(s *books) { delete(s.stored, "paid") }, "paid: not ended"},
		"no result":                      {func(s *books) { s.stored["paid"] = history{states: s.stored["paid"].states} }, "paid: results and records differ"},
		"two results":                    {func(s *books) { s.record(card1("paid", refund.Succeeded, 100)) }, "paid: no path of the table: succeeded after succeeded"},
		"failed and then paid":           {func(s *books) { s.record(card1("declined", refund.Succeeded, 200)) }, "declined: no path of the table: succeeded after failed"},
		"unresolved and then rejected":   {func(s *books) { s.record(card1("doubtful", refund.Rejected, 400)) }, "doubtful: no path of the table: rejected after unresolved"},
		"a result that nobody asked for": {func(s *books) { s.record(card1("x", refund.Failed, 1)) }, "records of x, which nobody asked for"},
		"less than was asked for":        {func(s *books) { s.stored["paid"].results[0].Amount, s.book.Movements[0].Amount = 99, 99 }, "paid: a result of Rp 99, asked for Rp 100"},
		"another's environment":          {func(s *books) { s.stored["paid"].results[0].Environment = "sandbox" }, "paid: a result of another channel or environment"},
		"the book's own total":           {func(s *books) { s.book.Total.Amount++ }, "the book's total is Rp 1.201 in 3 movements, its rows are Rp 1.200 in 3"},
		"the book's own count":           {func(s *books) { s.book.Total.Movements++ }, "in 4 movements"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := threePaid()
			c.alter(&s)
			if a := s.audit(); a.agrees() || !strings.Contains(complaints(a), c.want) {
				t.Errorf("agrees %v: %s", a.agrees(), complaints(a))
			}
		})
	}
}

func TestSummaryFitsIts80ColumnsAndNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := threePaid()
	s.stored["doubtful"].results[0].Error.Code = refund.CodeCustomerTokenInvalid.String() // the longest
	s.book.Movements[0].Amount = 120001
	a := s.audit()
	for _, width := range []int{56, 80} {
		var out strings.Builder
		summary(&out, a, make([]int, len(a.accounts)), width, false)
		table, rest, _ := strings.Cut(out.String(), "\n\n")
		for line := range strings.Lines(table) {
			if len(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("%d columns: %q", width, line)
			}
		}
		if !strings.Contains(rest, "THEY DO NOT AGREE") || !strings.Contains(rest, "paid: paid another amount: 120001 rupiah in 1 movements of 100 (result Rp 100, book Rp 120.001)") {
			t.Errorf("got %s", rest)
		}
	}
}

func TestRupiahIsWrittenAsInIndonesia(t *testing.T) {
	t.Parallel()
	for amount, want := range map[int64]string{0: "Rp 0", 999: "Rp 999", 1000: "Rp 1.000", 1234567: "Rp 1.234.567", -1000: "-Rp 1.000"} {
		if got := rupiah(amount); got != want {
			t.Errorf("%d: got %s", amount, got)
		}
	}
}
