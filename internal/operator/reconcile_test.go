package operator_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

const header = "invoice_number,partner_refund_no_or_request_id,amount,status\n"

func TestReconcileFindsEveryKindOfDifference(t *testing.T) {
	t.Parallel()
	ours := map[string]jobs.Result{}
	for key, status := range map[string]refund.State{
		"agrees": refund.Succeeded, "amount": refund.Succeeded, "status": refund.Failed, "gone": refund.Succeeded, "doubt": refund.Unresolved,
		"denied": refund.Succeeded, "no": refund.Failed,
	} {
		ours[key] = jobs.Result{RefundID: "rf-" + key, Status: status, Amount: 5000}
	}
	report, err := operator.ReadReport("report.csv", strings.NewReader(header+
		"i,agrees,5000.00,SUCCESS\ni,agrees,5000,SUCCESS\ni,amount,4000,success\ni,status,5000,Refunded\n"+
		"i,doubt,5000,FAILED\ni,denied,5000,failed\ni,no,5000,failed\ni,stranger,7000,succeeded\ni,unheard,1,failed\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range operator.Reconcile(ours, report) {
		if d.File != "report.csv" {
			t.Errorf("%+v names no file", d)
		}
		got += fmt.Sprintf("%s: %s %s/%s line %d\n", d.Key, d.Kind, d.Ours, d.Theirs, d.Line)
	}
	want := `agrees: twice there / line 3
amount: amount differs 5000/4000 line 4
status: status differs failed/succeeded line 5
doubt: status differs unresolved/failed line 6
denied: status differs succeeded/failed line 7
stranger: missing here /7000 line 9
gone: missing there 5000/ line 0
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What the finance department sends: separators of their country, titles of
// their bank, sums below.
func TestReportsOfSpreadsheetsAreReadWhateverTheirForm(t *testing.T) {
	t.Parallel()
	const text = "sep=;\r\ninvoice_number;partner_refund_no_or_request_id;amount;status;;\r\n" +
		"INV-1; k1 ;1.500.000;SUCCESS;;\r\nINV-2;k2\u00a0;1.234,00;success\r\nINV-3;k3;90.000;Refunded;;\r\nINV-4;k4;-90.000;SUCCESS;;\r\n" +
		"INV-5;k5;(1.000);success;;\r\nINV-6;k6;Rp 5.000;PENDING;;\r\n;;;;;\r\nTOTAL;;1.784.234,00;;;\r\n;Grand Total;1.784.234,00;SUCCESS;;\r\n" +
		"Dicetak 2026-11-21;;;;;\r\n;;;;;\r\n"
	report, err := operator.ReadReport("report.csv", strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, l := range report.Lines {
		got += fmt.Sprintf("%d %s %s %d %t %t\n", l.Number, l.Invoice, l.Key, l.Amount, l.Paid, l.Pending)
	}
	want := "3 INV-1 k1 1500000 true false\n4 INV-2 k2 1234 true false\n5 INV-3 k3 90000 true false\n6 INV-4 k4 90000 true false\n" +
		"7 INV-5 k5 1000 true false\n8 INV-6 k6 5000 false true\n"
	if got != want || fmt.Sprint(report.Skipped) != "[10 11 12]" {
		t.Errorf("got\n%swant\n%sskipped %v", got, want, report.Skipped)
	}
}

// Sums come with a count beside them, or dashes where there is nothing to say.
func TestSumsOfEveryKindAreSkippedAndRefundsAreNot(t *testing.T) {
	t.Parallel()
	for _, row := range []string{
		"TOTAL,27,947076,", "Total: ,27,947076,-", "Grand-Total,-,947076,-", "27 refunds,Total,947076,", "TOTAL AMOUNT,-,947076,\u2013",
		"Jumlah (IDR),,947076,SUCCESS", "subtotal,1.027,947076,", "-,-,947076,-", "Saldo,,947076,",
	} {
		report, err := operator.ReadReport("report.csv", strings.NewReader(header+row+"\n"), nil)
		if err != nil || len(report.Lines) != 0 || fmt.Sprint(report.Skipped) != "[2]" {
			t.Errorf("%q: %+v, %v", row, report, err)
		}
	}
	for _, row := range []string{"TOTAL-99,k,5,SUCCESS", "TOTAL-99,,5,SUCCESS", "Totally,-,5,SUCCESS", "TOTAL,27,5,SUCCESS", "-,-,5,SUCCESS"} {
		report, err := operator.ReadReport("report.csv", strings.NewReader(header+row+"\n"), nil)
		if err != nil || len(report.Lines) != 1 {
			t.Errorf("%q: %+v, %v", row, report, err)
		}
	}
	if _, err := operator.ReadReport("report.csv", strings.NewReader(header+"TOTAL-99,k,5,\n"), nil); err == nil {
		t.Error("a refund without a status is skipped")
	}
}

func TestAPaidLineWithoutANumberIsNoTotal(t *testing.T) {
	t.Parallel()
	report, err := operator.ReadReport("report.csv", strings.NewReader(header+"INV-1,,5000,success\n"), nil)
	if err != nil || len(report.Lines) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if found := operator.Reconcile(nil, report); len(found) != 1 || found[0].Kind != operator.MissingHere {
		t.Errorf("%+v", found)
	}
}

func TestPendingThereContradictsEveryFinalResult(t *testing.T) {
	t.Parallel()
	ours := map[string]jobs.Result{"a": {Status: refund.Succeeded}, "b": {Status: refund.Failed}, "c": {Status: refund.Unresolved}}
	report, err := operator.ReadReport("report.csv", strings.NewReader(header+"i,a,5,pending\ni,b,5,Pending\ni,c,5,processing\ni,d,5,pending\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := operator.Reconcile(ours, report)
	if len(found) != 2 || found[0].Key != "a" || found[1].Key != "b" || found[1].Theirs != "pending" || found[1].Line != 3 {
		t.Errorf("%+v", found)
	}
}

func TestEveryUnreadableLineIsNamedUpToTwenty(t *testing.T) {
	t.Parallel()
	_, err := operator.ReadReport("report.csv", strings.NewReader(header+strings.Repeat("i,k,much,success\n", 30)), nil)
	if n := strings.Count(err.Error(), "\n") + 1; n != 20 || !strings.Contains(err.Error(), "report.csv, line 21") {
		t.Errorf("%d lines: %v", n, err)
	}
}

func TestMappingRenamesColumnsAndWords(t *testing.T) {
	t.Parallel()
	m, err := operator.ReadMapping(strings.NewReader("\xef\xbb\xbf# settlement of the bank\r\ninvoice_number = Invoice No\r\namount=Nominal\r\nstatus.SETTLED=success\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := operator.ReadReport("report.csv", strings.NewReader("Nominal,Invoice No,partner_refund_no_or_request_id,status\n1000,INV-1,k,SETTLED\n"), m)
	if err != nil || len(report.Lines) != 1 || report.Lines[0] != (operator.Line{File: "report.csv", Number: 2, Invoice: "INV-1", Key: "k", Amount: 1000, Paid: true}) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestUnreadableReportsNameTheLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"empty":     {"", "report.csv: unreadable: header: the file is empty"},
		"twice":     {"amount," + header, `header: it has the column "amount" twice`},
		"no column": {"invoice_number,amount,status\n", `"partner_refund_no_or_request_id"`},
		"cents":     {header + "i,k,10.50,success\n", "line 2"},
		"two ways":  {header + "i,k,5,success\ni,k,\"1,50\",success\n", "report.csv, line 3"},
		"shortened": {header + "i,k,1E+05,success\n", "line 2: unreadable: amount \"1E+05\" is a number with an exponent"},
		"thousands": {header + "i,k,1,500,000,success\n", "line 2: unreadable: it has 6 cells where the header has 4"},
		"cut":       {header + "i,k,5", "line 2: unreadable: it has 3 cells where the header has 4"},
		"mangled":   {header + "i,2.02611E+11,5,success\ni,'00123,5,success\ni,=\"00123\",5,success\n", "line 4"},
		"quotes":    {header + "i,k\"k,5,success\n", "line 2"},
		"word":      {header + "i,k,5,success\ni,k,5,perhaps\n", "line 3"},
		"short row": {header + "i,k\n", "line 2"},
	} {
		if _, err := operator.ReadReport("report.csv", strings.NewReader(tt.text), nil); !errors.Is(err, operator.ErrReport) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := operator.ReadMapping(strings.NewReader("amount")); !errors.Is(err, operator.ErrReport) {
		t.Errorf("mapping: %v", err)
	}
}

func TestResultsAreTheLastOfEachRefundThatWasSent(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.put(t, record("rf-1", refund.Sending), record("rf-1", refund.Unresolved), record("rf-1", refund.Succeeded))
	f.put(t, record("rf-2", refund.Rejected, neverSent))
	results, err := f.Results(t.Context(), time.Time{}, time.Now().Add(time.Hour))
	if err != nil || len(results) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	key := refund.RequestID(clientID, "rf-1")
	if results[key].Status != refund.Succeeded {
		t.Errorf("%+v", results)
	}
}
