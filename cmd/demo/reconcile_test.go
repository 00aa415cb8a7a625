package main

import (
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// story is what reconcile compares: five refunds, of which three moved money.
type story struct {
	asked   []published
	book    dokusim.Snapshot
	results []jobs.Result
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

func tell() story {
	s := story{
		results: []jobs.Result{
			card1("paid", refund.Succeeded, 100), card1("declined", refund.Failed, 200), card1("bad", refund.Rejected, 300),
			card1("doubtful", refund.Unresolved, 400), card1("late", refund.Unresolved, 500), card1("late", refund.Succeeded, 500),
			{
				RefundID: "snap", Channel: channel.EmoneyOVO, Status: refund.Succeeded, InvoiceNumber: "INV-snap", Amount: 600,
				RequestID: "1234", PartnerRefundNo: "snap", Environment: "simulator",
			},
		},
	}
	for _, r := range s.results {
		if r.RefundID != "late" || r.Status == refund.Succeeded {
			s.asked = append(s.asked, published{r.RefundID, r.Channel, r.Amount})
		}
	}
	s.move(moved1("paid", 100))
	s.move(moved1("late", 500))
	s.move(dokusim.Movement{Channel: dokusim.EmoneyOVO, Invoice: "INV-snap", Key: "snap", Amount: 600})
	return s
}

func (s *story) move(m dokusim.Movement) {
	s.book.Movements = append(s.book.Movements, m)
	s.book.Total.Movements++
	s.book.Total.Amount += m.Amount
}

func (s *story) audit() audit { return reconcile(s.asked, s.book, s.results) }

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
	s := tell()
	a := s.audit()
	if !a.agrees() || a.succeeded != 1200 || a.moved != 1200 || a.doubtful != 0 {
		t.Errorf("%+v: %s", a, complaints(a))
	}
	if a.counts[refund.Succeeded] != 3 || a.counts[refund.Unresolved] != 1 {
		t.Errorf("counts %v", a.counts)
	}
}

func TestMoneyMayHaveMovedUnderAnUnresolvedRefund(t *testing.T) {
	t.Parallel()
	s := tell()
	s.move(moved1("doubtful", 400))
	if a := s.audit(); !a.agrees() || a.succeeded != 1200 || a.moved != 1600 || a.doubtful != 400 {
		t.Errorf("%+v: %s", a, complaints(a))
	}
}

func TestEveryDisagreementIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(*story)
		want  string
	}{
		"paid twice":                     {func(s *story) { s.move(moved1("paid", 100)) }, "paid: money moved 2 times"},
		"never paid":                     {func(s *story) { s.book.Movements = s.book.Movements[1:] }, "paid: result and book differ"},
		"one rupiah more":                {func(s *story) { s.book.Movements[1].Amount++ }, "late: result and book differ"},
		"one rupiah less":                {func(s *story) { s.book.Movements[2].Amount-- }, "snap: result and book differ"},
		"paid though declined":           {func(s *story) { s.move(moved1("declined", 200)) }, "declined: result and book differ"},
		"paid though never sent":         {func(s *story) { s.move(moved1("bad", 300)) }, "Rp 300 moved on credit_card, invoice INV-bad, for no refund of ours"},
		"paid for nobody":                {func(s *story) { s.move(moved1("stranger", 1)) }, "for no refund of ours"},
		"another invoice":                {func(s *story) { s.book.Movements[0].Invoice = "INV-x" }, "paid: money moved on another invoice, INV-x"},
		"another channel":                {func(s *story) { s.book.Movements[0].Channel = dokusim.EmoneyOVO }, "for no refund of ours"},
		"unresolved, paid twice":         {func(s *story) { s.move(moved1("doubtful", 400)); s.move(moved1("doubtful", 400)) }, "doubtful: money moved 2 times"},
		"unresolved, another amount":     {func(s *story) { s.move(moved1("doubtful", 399)) }, "doubtful: moved another amount"},
		"no result":                      {func(s *story) { s.results = s.results[1:] }, "paid: no result"},
		"two results":                    {func(s *story) { s.results = append(s.results, card1("paid", refund.Succeeded, 100)) }, "paid: results succeeded, succeeded"},
		"failed and then paid":           {func(s *story) { s.results = append(s.results, card1("declined", refund.Succeeded, 200)) }, "declined: results failed, succeeded"},
		"unresolved and then rejected":   {func(s *story) { s.results = append(s.results, card1("doubtful", refund.Rejected, 400)) }, "doubtful: results unresolved, rejected"},
		"a result that nobody asked for": {func(s *story) { s.results = append(s.results, card1("x", refund.Failed, 1)) }, "a result for x, which nobody asked for"},
		"less than was asked for":        {func(s *story) { s.results[0].Amount, s.book.Movements[0].Amount = 99, 99 }, "paid: asked for Rp 100"},
		"another's environment":          {func(s *story) { s.results[0].Environment = "sandbox" }, "paid: a result of another channel or environment"},
		"the book's own total":           {func(s *story) { s.book.Total.Amount++ }, "the book's total is Rp 1.201 in 3 movements, its rows are Rp 1.200 in 3"},
		"the book's own count":           {func(s *story) { s.book.Total.Movements++ }, "in 4 movements"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell()
			c.alter(&s)
			if a := s.audit(); a.agrees() || !strings.Contains(complaints(a), c.want) {
				t.Errorf("agrees %v: %s", a.agrees(), complaints(a))
			}
		})
	}
}

func TestSummaryFitsIts80ColumnsAndNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := tell()
	s.results[3].Error.Code = refund.CodeCustomerTokenInvalid.String() // the longest
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
		if !strings.Contains(rest, "THEY DO NOT AGREE") || !strings.Contains(rest, "paid: result and book differ (result Rp 100, book Rp 120.001)") {
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
