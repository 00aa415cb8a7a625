package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func TestSetupCreatesWhatIsMissingAndNothingElse(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	first := b.runAs(t, "setup", "setup")
	if first.status != 0 {
		t.Errorf("%+v", first)
	}
	holds(t, first.out, "created REFUND_JOBS", "created REFUND_WAITS/due_emoney_dana", "created 20;")
	holds(t, b.runAs(t, "setup", "setup").out, "created 0; what was there is as it was", "one replica")
	if e := b.runAs(t, "operator", "setup"); e.status != 0 { // nothing is missing, so nothing is denied
		t.Errorf("%+v", e)
	}
	if e := b.runAs(t, "setup", "setup", "--replicas=2"); e.status != 2 {
		t.Errorf("%+v", e)
	}
}

func TestDoctorFindsNothingWrongForAnOperator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Succeeded))
	monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"config":{"sync_interval":120000000000}}`))
	}))
	t.Cleanup(monitor.Close)
	out := b.done(t, "doctor", "--nats-only", "--monitor="+monitor.URL)
	holds(t, out, "ok streams", "ok heartbeats", "ok ledger: of BRN-1 in simulator", "ok storage", "ok clock of NATS", "ok permissions",
		"warning sync_interval: every 2m0s", "0 break a rule")
}

func TestDoctorNamesWhatBreaksARuleAndWhatToDo(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	e := b.runAs(t, "operator", "doctor", "--nats-only")
	if e.status != 1 {
		t.Errorf("status %d", e.status)
	}
	holds(t, e.out, "problem streams: missing: stream REFUND_JOBS", "run `refundctl setup`")
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), b.as(t, "setup")); err != nil {
		t.Fatal(err)
	}
	e = b.runAs(t, "metrics", "doctor", "--nats-only")
	if e.status != 1 {
		t.Errorf("status %d", e.status)
	}
	holds(t, e.out, "problem permissions: denied: $JS.API.STREAM.MSG.GET.REFUND_JOBS", "refunds.ledger.credit_card.waiting.refundctl-doctor",
		"log in as the user operator")
}

// doctored runs the doctor against the simulator.
func doctored(t *testing.T, stack *devstack.Stack, secret string) ended {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{
		"--nats-url=" + stack.NATS.URL(), "--doku-env=simulator", "--doku-base-url=" + stack.DOKUURL(),
		"--doku-client-id=" + devstack.ClientID, "--doku-secret-key=" + secret, "doctor",
	}, nil, &out, &errs)
	return ended{status, out.String(), errs.String()}
}

func TestDoctorTriesTheCredentials(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	good := doctored(t, stack, stack.Secret().Reveal())
	if good.status != 0 {
		t.Errorf("%+v", good)
	}
	holds(t, good.out, "ok card credentials", "ok clock of DOKU", "warning token: no RSA key given")
	bad := doctored(t, stack, "planted-secret-5")
	if bad.status != 1 || strings.Contains(bad.out+bad.errors, "planted-secret") {
		t.Errorf("%+v", bad)
	}
	holds(t, bad.out, "problem card credentials: refused")
}

func TestExportGoesOnAfterItsLastWholeLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Sending), record("rf-1", refund.Succeeded))
	file := filepath.Join(t.TempDir(), "history.ndjson")
	holds(t, b.done(t, "export", "--file="+file), "wrote 2 records")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(whole, `{"sequence":3,"sto`...), 0o600); err != nil { // cut off
		t.Fatal(err)
	}
	b.put(t, record("rf-2", refund.Failed))
	holds(t, b.done(t, "export", "--file="+file), "went on after sequence 2", "wrote 1 records")
	holds(t, b.done(t, "export", "--file="+file), "wrote 0 records")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var last exported
	if len(lines) != 3 || json.Unmarshal([]byte(lines[2]), &last) != nil || last.Record.State != refund.Failed || len(last.Result) == 0 {
		t.Errorf("%s", text)
	}
	if out := b.done(t, "export", "--after=2"); strings.Count(out, "\n") != 1 {
		t.Errorf("%s", out)
	}
	if out := b.done(t, "export", "--to=2020-01-01"); out != "" {
		t.Errorf("%s", out)
	}
	if e := b.operator(t, "export", "--from=yesterday"); e.status != 2 {
		t.Errorf("%+v", e)
	}
	foreign := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(foreign, []byte("do not lose me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := b.operator(t, "export", "--file="+foreign); e.status != 1 {
		t.Errorf("%+v", e)
	}
	if kept, err := os.ReadFile(foreign); err != nil || string(kept) != "do not lose me\n" {
		t.Errorf("a file that is no export was changed: %q, %v", kept, err)
	}
}

func TestReconcileEndsWithOneOnAnyDifference(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Succeeded))
	id := refund.RequestID("BRN-1", "rf-1")
	dir := t.TempDir()
	report, found := filepath.Join(dir, "report.csv"), filepath.Join(dir, "found.csv")
	write := func(line string) {
		text := "invoice_number,partner_refund_no_or_request_id,amount,status\n" + line + "\n"
		if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{
		"reconcile", report, "--from=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
		"--to=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "--csv=" + found,
	}
	write("INV-rf-1," + id + ",90000.00,SUCCESS")
	holds(t, b.done(t, args...), "1 results against 1 lines: 0 differences")
	write("INV-rf-1," + id + ",80000,SUCCESS")
	if e := b.operator(t, args...); e.status != 1 || !strings.Contains(e.out, "amount differs") {
		t.Errorf("%+v", e)
	}
	if text, err := os.ReadFile(found); err != nil || !strings.Contains(string(text), "amount differs,rf-1,INV-rf-1,"+id+",90000,80000,2,report.csv") {
		t.Errorf("%s, %v", text, err)
	}
	write("=cmd|'/c calc'!A0,@stranger,90.000,SUCCESS\nTOTAL,,1,")
	if e := b.operator(t, args...); e.status != 1 || !strings.Contains(e.out, "report.csv  2") || !strings.Contains(e.out, "skipped: lines 3 of report.csv") {
		t.Errorf("%+v", e)
	}
	if text, err := os.ReadFile(found); err != nil || !strings.Contains(string(text), "missing here,,'=cmd|'/c calc'!A0,'@stranger,,90000,2,report.csv") {
		t.Errorf("%s, %v", text, err)
	}
	write("INV-rf-1," + id + ",much,SUCCESS")
	if e := b.operator(t, args...); e.status != 2 || !strings.Contains(e.errors, "line 2") {
		t.Errorf("%+v", e)
	}
}

func TestBashCompletesCommandsAndFlags(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	var script, errs bytes.Buffer
	if status := run(t.Context(), []string{"completion", "bash"}, nil, &script, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	for typed, want := range map[string]string{"st": "status stats", "dead re": "replay", "resolve rf-1 --s": "--succeeded"} {
		words := "refundctl " + typed
		ask := script.String() + "COMP_WORDS=(" + words + "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _refundctl; echo ${COMPREPLY[@]}\n"
		out, err := exec.CommandContext(t.Context(), bash, "-c", ask).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", typed, got, err, want)
		}
	}
}
