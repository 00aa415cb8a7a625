package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func TestOperatorCancelsRetriesAndResolvesWithShippedPermissions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	waiting := record("rf-wait", refund.Waiting)
	b.put(t, waiting)
	b.wait(t, waiting)
	b.put(t, record("rf-new", refund.Waiting, neverSent))
	b.put(t, record("rf-open", refund.Unresolved, func(r *refund.Record) { r.Code = refund.CodeOutcomeUnknown }))
	holds(t, b.done(t, "status", "rf-wait"), "waiting", "is sent again at", "wait fires", "Rp 90.000", "INV-rf-wait")
	holds(t, b.done(t, "retry", "rf-wait", "--because=balance is back"), "brought forward", "before       waiting")
	holds(t, b.done(t, "status", "rf-wait"), "ayu: balance is back", "brought_forward")
	holds(t, b.done(t, "cancel", "rf-new"), "cancelled", "rejected")
	holds(t, b.done(t, "cancel", "rf-never", "--channel=emoney_ovo"), "rejected")
	holds(t, b.done(t, "resolve", "rf-open", "--succeeded", "--because=bank statement"), "settled", "succeeded")
	var o outcome
	if e := b.operator(t, "resolve", "rf-open", "--failed", "--because=oops"); e.status != 1 || !strings.Contains(e.errors, "it has ended") {
		t.Errorf("settled twice: %+v", e)
	}
	b.json(t, &o, "cancel", "rf-json", "--channel=emoney_dana")
	if !o.Changed || o.Refund.State != "rejected" || o.Operator != "ayu" {
		t.Errorf("%+v", o)
	}
}

func TestInquireAsksDOKUAndRecordsItsProof(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	b := broker{url: stack.NATS.URL(), js: stack.JS}
	b.ledger = ledgerOf(stack.JS, devstack.ClientID)
	b.put(t, record("rf-1", refund.Unknown, func(r *refund.Record) { r.ClientID = devstack.ClientID }))
	args := []string{
		"--nats-url=" + b.url, "--doku-env=simulator", "--doku-base-url=" + stack.DOKUURL(),
		"--doku-client-id=" + devstack.ClientID, "--doku-secret-key=" + stack.Secret().Reveal(), "inquire", "rf-1",
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), args, nil, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	// The simulator never saw it, and that proves nothing.
	holds(t, out.String(), "asked DOKU: not_found", "nothing was changed", "unknown")
	if b.state(t, "rf-1") != refund.Unknown {
		t.Error("an inquiry without proof changed the state")
	}
}

func TestBadUsageEndsWithStatusTwoAndSaysWhy(t *testing.T) {
	t.Parallel()
	notAKey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(notAKey, []byte("planted-secret-9"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":  {[]string{"pay", "rf-1"}, "unexpected argument pay"},
		"no id":            {[]string{"status"}, "<ID>"},
		"no word":          {[]string{"resolve", "rf-1", "--because=x"}, "or --failed must be given"},
		"two words":        {[]string{"resolve", "rf-1", "--because=x", "--failed", "--succeeded"}, "can't be used together"},
		"no reason":        {[]string{"resolve", "rf-1", "--failed"}, "--because"},
		"unknown output":   {[]string{"--output=xml", "status", "rf-1"}, "--output"},
		"unknown channel":  {[]string{"cancel", "rf-1", "--channel=cash"}, "--channel"},
		"no merchant":      {[]string{"inquire", "rf-1"}, "DOKU_CLIENT_ID"},
		"no such key file": {[]string{"inquire", "rf-1", "--doku-private-key-file=" + notAKey}, "DOKU_PRIVATE_KEY_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if status := run(t.Context(), tt.args, nil, &out, &errs); status != 2 || out.Len() > 0 {
				t.Errorf("status %d, stdout %q", status, out.String())
			}
			holds(t, errs.String(), tt.want)
			if strings.Contains(errs.String(), "planted-secret") {
				t.Error("a secret is shown")
			}
		})
	}
}

func TestWhatCannotBeDoneEndsWithStatusOneAndOneLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Sending))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no such refund":     {[]string{"status", "rf-2"}, "no record"},
		"a wildcard":         {[]string{"status", "rf.*"}, "no refund_id"},
		"no channel":         {[]string{"cancel", "rf-2"}, "name its channel"},
		"sent already":       {[]string{"cancel", "rf-1"}, "cannot be taken back"},
		"not waiting":        {[]string{"retry", "rf-1"}, "a call is under way"},
		"not unresolved":     {[]string{"resolve", "rf-1", "--failed", "--because=x"}, "only what is unresolved"},
		"a card number":      {[]string{"resolve", "rf-1", "--failed", "--because=4111111111111111"}, "card number"},
		"another's ledger":   {[]string{"--doku-client-id=BRN-2", "status", "rf-1"}, "another client id"},
		"another's sandbox":  {[]string{"--doku-env=sandbox", "status", "rf-1"}, "another client id or environment"},
		"nobody at the port": {[]string{"--nats-url=nats://127.0.0.1:1", "status", "rf-1"}, "connect to NATS"},
	} {
		e := b.operator(t, tt.args...)
		if e.status != 1 || !strings.Contains(e.errors, tt.want) || strings.Count(e.errors, "\n") != 1 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestADenialIsNamedAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if e := b.runAs(t, "metrics", "status", "rf-1"); e.status != 1 || !strings.Contains(e.errors, "denied by NATS") {
		t.Errorf("%+v", e)
	}
}

// Anyone who has the settings of another merchant in the environment must not act
// on this one's queues, and is told so once.
func TestEveryCommandRefusesALedgerOfAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Succeeded))
	b.put(t, record("rf-2", refund.Unresolved))
	month := []string{"--from=2026-11-01", "--to=2026-12-01"}
	report := filepath.Join(t.TempDir(), "report.csv")
	if err := os.WriteFile(report, []byte("invoice_number,partner_refund_no_or_request_id,amount,status\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status", "rf-1"}, {"list"}, {"list", "--state=unresolved"}, {"unresolved", "list"}, {"stats"}, {"watch", "rf-1"},
		{"cancel", "rf-3", "--channel=credit_card", "--because=x"}, {"retry", "rf-2", "--because=x"}, {"resolve", "rf-2", "--failed", "--because=x"},
		{"dead", "list"}, {"dead", "show", "1"}, {"dead", "replay", "1", "--because=x"}, {"dead", "discard", "1", "--because=x"},
		{"pause", "credit_card"}, {"resume", "credit_card"}, {"sweep"}, append([]string{"reconcile", report}, month...), {"export"},
	} {
		for _, other := range []string{"--doku-client-id=BRN-2", "--doku-env=sandbox"} {
			e := b.operator(t, append([]string{other}, args...)...)
			if e.status != exitWrong || e.out != "" || strings.Count(e.errors, "another client id or environment") != 1 || strings.Count(e.errors, "\n") != 1 {
				t.Errorf("%s %v: %+v", other, args, e)
			}
		}
	}
}
