package operate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker/internal/jobs"
	"refundworker/internal/operate"
	"refundworker/internal/refund"
)

const header = "invoice_number,partner_refund_no_or_request_id,amount,status\n"

func TestReconcileFindsEveryKindOfDifference(t *testing.T) {
	t.Parallel()
	ours := map[string]jobs.Result{}
	for key, status := range map[string]jobs.Status{
		"agrees": "succeeded", "amount": "succeeded", "status": "failed", "gone": "succeeded", "doubt": "unresolved",
		"denied": "succeeded", "no": "failed",
	} {
		ours[key] = jobs.Result{RefundID: "rf-" + key, Status: status, Amount: 5000}
	}
	report, err := operate.ReadReport(strings.NewReader(header+
		"i,agrees,5000.00,SUCCESS\ni,agrees,5000,SUCCESS\ni,amount,4000,success\ni,status,5000,Refunded\n"+
		"i,doubt,5000,FAILED\ni,denied,5000,failed\ni,no,5000,failed\ni,stranger,7000,succeeded\ni,unheard,1,failed\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range operate.Reconcile(ours, report) {
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

func TestMappingRenamesColumnsAndWords(t *testing.T) {
	t.Parallel()
	m, err := operate.ReadMapping("# settlement of the bank\ninvoice_number = Invoice No\namount=Nominal\nstatus.SETTLED=success\n")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := operate.ReadReport(strings.NewReader("Nominal,Invoice No,partner_refund_no_or_request_id,status\n1000,INV-1,k,SETTLED\n"), m)
	if err != nil || len(lines) != 1 || lines[0] != (operate.Line{Number: 2, Invoice: "INV-1", Key: "k", Amount: 1000, Paid: true}) {
		t.Errorf("%+v, %v", lines, err)
	}
}

func TestUnreadableReportsNameTheLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"empty":     {"", "header"},
		"no column": {"invoice_number,amount,status\n", `"partner_refund_no_or_request_id"`},
		"cents":     {header + "i,k,10.50,success\n", "line 2"},
		"negative":  {header + "i,k,-5,success\n", "line 2"},
		"word":      {header + "i,k,5,success\ni,k,5,perhaps\n", "line 3"},
		"short row": {header + "i,k\n", "line 2"},
	} {
		if _, err := operate.ReadReport(strings.NewReader(tt.text), nil); !errors.Is(err, operate.ErrReport) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := operate.ReadMapping("amount"); !errors.Is(err, operate.ErrReport) {
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
	if results[key].Status != jobs.StatusSucceeded {
		t.Errorf("%+v", results)
	}
}
