package operator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

// searchable is a ledger of refunds in every state, with what callers ask for.
func searchable(t *testing.T) fixture {
	t.Helper()
	f := setup(t)
	of := func(invoice string, amount int64, change ...func(*refund.Record)) func(*refund.Record) {
		return func(r *refund.Record) {
			r.Job.InvoiceNumber, r.Job.OriginalRequestID, r.Job.Amount = invoice, "pay-"+invoice, amount
			for _, c := range change {
				c(r)
			}
		}
	}
	said := func(r *refund.Record) {
		r.Response = &refund.Response{HTTPStatus: 200, RefundNo: "DOKU-1", ReferenceNo: "REF-1", ApprovalCode: "APP-1"}
	}
	old := func(r *refund.Record) { r.EnqueuedAt = refund.At(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) }
	f.put(t, record("rf-paid", refund.Sending, of("INV/1", 90000)), record("rf-paid", refund.Succeeded, of("INV/1", 90000, said)))
	f.put(t, record("rf-other", refund.Sending, of("INV/10", 900000)), record("rf-other", refund.Failed, of("INV/10", 900000, old)))
	f.put(t, record("rf-settled", refund.Sending, of("INV/2", 1000)), record("rf-settled", refund.Unresolved, of("INV/2", 1000)),
		record("rf-settled", refund.Succeeded, of("INV/2", 1000)))
	f.put(t, record("rf-open", refund.Unresolved, of("INV/2", 1000)))
	f.put(t, record("rf-waits", refund.Sending, of("INV/1", 1000)), record("rf-waits", refund.Waiting, of("INV/1", 1000)))
	f.put(t, record("rf-debit", refund.Sending, of(`INV "3" <&>é`, 1000, mandiri)), record("rf-debit", refund.Succeeded, of(`INV "3" <&>é`, 1000, mandiri)))
	return f
}

func TestSearchFindsByWhatACallerHas(t *testing.T) {
	t.Parallel()
	f := searchable(t)
	paid, debit := f.last(t, "rf-paid"), f.last(t, "rf-debit")
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		filter operator.Filter
		want   string
	}{
		{operator.Filter{Match: operator.Match{Invoice: "INV/1"}}, "waits paid "},
		{operator.Filter{Match: operator.Match{Invoice: "INV/1"}, State: "succeeded"}, "paid "},
		{operator.Filter{Match: operator.Match{Invoice: "INV/1"}, State: "open"}, "waits "},
		{operator.Filter{Match: operator.Match{Invoice: "INV/1"}, Text: "wai"}, "waits "},
		{operator.Filter{Match: operator.Match{Invoice: "INV"}}, ""},
		{operator.Filter{Match: operator.Match{Invoice: `INV "3" <&>é`}}, "debit "},
		{operator.Filter{Match: operator.Match{Invoice: "INV/2"}}, "open settled "},
		{operator.Filter{Match: operator.Match{Invoice: "INV/2"}, State: "unresolved"}, "open "},
		{operator.Filter{Match: operator.Match{RequestID: paid.Identity.RequestID}}, "paid "},
		{operator.Filter{Match: operator.Match{RequestID: "pay-INV/10"}}, "other "},
		{operator.Filter{Match: operator.Match{RequestID: debit.Identity.ExternalID}}, "debit "},
		{operator.Filter{Match: operator.Match{PartnerRefundNo: debit.Identity.PartnerRefundNo}}, "debit "},
		{operator.Filter{Match: operator.Match{DOKURef: "DOKU-1"}}, "paid "},
		{operator.Filter{Match: operator.Match{DOKURef: "REF-1"}}, "paid "},
		{operator.Filter{Match: operator.Match{DOKURef: "APP-1", Amount: 90000}}, "paid "},
		{operator.Filter{Match: operator.Match{DOKURef: "DOKU-1", Amount: 1}}, ""},
		{operator.Filter{Match: operator.Match{Amount: 1000}}, "debit waits open settled "},
		{operator.Filter{Match: operator.Match{Amount: 1000}, Channel: "direct_debit_mandiri"}, "debit "},
		{operator.Filter{Match: operator.Match{From: day, To: day.Add(24 * time.Hour)}}, "other "},
		{operator.Filter{Match: operator.Match{To: day}}, ""},
		{operator.Filter{Match: operator.Match{From: day.Add(time.Second), Amount: 90000}}, "paid "},
	} {
		page, err := f.List(t.Context(), tt.filter)
		if got := names(page); err != nil || got != tt.want {
			t.Errorf("%+v: %q, %v; want %q", tt.filter, got, err, tt.want)
		}
	}
}

func TestPagesOfASearchFollowEachOther(t *testing.T) {
	t.Parallel()
	f := searchable(t)
	all, told := "", uint64(0)
	filter := operator.Filter{Match: operator.Match{Amount: 1000}, Limit: 1, Progress: func(done, total uint64) {
		if done > total {
			t.Errorf("%d of %d", done, total)
		}
		told = done
	}}
	for range 10 {
		page, err := f.List(t.Context(), filter)
		if err != nil || len(page.Refunds) > 1 {
			t.Fatalf("%d refunds, %v", len(page.Refunds), err)
		}
		all += names(page)
		if filter.After = page.Next; page.Next == "" {
			break
		}
	}
	if all != "debit waits open settled " || told != 12 {
		t.Errorf("%s; %d messages told of", all, told)
	}
}

// Many that were unresolved are settled further on: none of the others may be forgotten
// for them.
func TestASearchOfManyThatAreSettledLaterIsWhole(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const all, settled = 1200, 600
	paths := make([][]*refund.Record, all)
	for i := range paths {
		paths[i] = []*refund.Record{record(fmt.Sprintf("rf-%04d", i), refund.Unresolved)}
		f.put(t, paths[i]...)
	}
	for i := all - settled; i < all; i++ {
		last := record(fmt.Sprintf("rf-%04d", i), refund.Succeeded)
		last.Prev = uint64(i + 1)
		if _, err := f.ledger.Append(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	for state, want := range map[string]int{"unresolved": all - settled, "succeeded": settled, "": all} {
		found := map[string]bool{}
		for filter, pages := (operator.Filter{State: state, Match: operator.Match{Amount: 90000}, Limit: 250}), 0; pages < 20; pages++ {
			page, err := f.List(t.Context(), filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Refunds {
				found[r.RefundID] = true
			}
			if filter.After = page.Next; page.Next == "" {
				break
			}
		}
		if len(found) != want {
			t.Errorf("%q: %d found, want %d", state, len(found), want)
		}
	}
}

// A refund that is worked on while the ledger is read is found all the same.
func TestARefundThatMovesMeanwhileIsFound(t *testing.T) {
	t.Parallel()
	f := searchable(t)
	moved := false
	page, err := f.List(t.Context(), operator.Filter{Match: operator.Match{Invoice: "INV/1"}, Progress: func(done, total uint64) {
		if done < total || moved {
			return
		}
		moved = true
		last, err := f.ledger.Last(t.Context(), "rf-waits")
		if err != nil {
			t.Fatal(err)
		}
		next := last.Record
		next.State, next.By, next.Prev = refund.Sending, "moved", last.Seq
		if _, err := f.ledger.Append(t.Context(), &next); err != nil {
			t.Fatal(err)
		}
	}})
	if got := names(page); err != nil || !moved || got != "waits paid " {
		t.Errorf("%q, %v", got, err)
	}
}

func TestMayResolveChangesNothing(t *testing.T) {
	t.Parallel()
	f := searchable(t)
	for id, refused := range map[string]bool{"rf-open": false, "rf-paid": true, "rf-waits": true, "rf-none": true} {
		before := f.last(t, id)
		_, err := f.MayResolve(t.Context(), id, refund.Succeeded, "back office")
		if (err != nil) != refused || f.last(t, id).By != before.By {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestVerdictsAreReadOrEveryBadLineIsNamed(t *testing.T) {
	t.Parallel()
	verdicts, err := operator.ReadVerdicts("v.csv", strings.NewReader("evidence;refund_id;verdict;note\nstatement, line 7;rf-1;succeeded;\n\nticket 4711;RINV/2;failed;x\n"))
	want := `[{2 rf-1 succeeded statement, line 7} {4 RINV/2 failed ticket 4711}]`
	if got := fmt.Sprint(verdicts); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                                     "header",
		"refund_id,verdict\n":                  "the column evidence",
		"refund_id,verdict,evidence\n":         "no line but the header",
		"refund_id,verdict,evidence,verdict\n": "the column verdict",
		"refund_id,verdict,evidence\nrf-1,paid,x\nrf 2,failed,x\nrf-3,failed,\nrf-4,failed,x\nrf-4,failed,x\n": `verdict "paid"` +
			"|line 3:|line 4: unreadable: evidence|line 6: unreadable: refund_id stands in line 5",
		"refund_id,verdict,evidence\nrf-1,failed,4111111111111111\n": "card number",
		"refund_id,verdict,evidence\nrf-1,failed":                    "ends within",
	} {
		_, err := operator.ReadVerdicts("v.csv", strings.NewReader(text))
		for part := range strings.SplitSeq(want, "|") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %q", text, err, part)
			}
		}
	}
}
