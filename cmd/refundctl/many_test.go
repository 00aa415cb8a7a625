package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func TestListFindsWhatACallerHasWithShippedPermissions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	paid := record("rf-paid", refund.Succeeded, func(r *refund.Record) { r.Response = &refund.Response{HTTPStatus: 200, RefundNo: "DOKU-77"} })
	b.put(t, record("rf-paid", refund.Sending), paid)
	b.put(t, record("rf-wait", refund.Waiting, func(r *refund.Record) { r.Job.Amount = 1500000 }))
	for _, args := range [][]string{
		{"--invoice=INV-rf-paid"}, {"--request-id=" + paid.Identity.RequestID}, {"--doku-ref=DOKU-77"}, {"--amount=90000"},
		{"--from=" + time.Now().Add(-24*time.Hour).Format(time.DateOnly), "--result=succeeded"},
	} {
		out := b.done(t, append([]string{"list"}, args...)...)
		holds(t, out, "rf-paid", "INV-rf-paid", "Rp 90.000")
		if strings.Contains(out, "rf-wait") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	holds(t, b.done(t, "list", "--amount=1500000"), "rf-wait", "Rp 1.500.000")
	holds(t, b.done(t, "list", "--partner-refund-no=X"), "no refund fits")
	holds(t, b.done(t, "--zone=WIB", "status", "rf-paid"), " WIB")
	for _, bad := range []string{"--amount=90.000", "--amount=0", "--from=yesterday", "--from=2026-11-21", "--zone=Jakarta"} {
		args := []string{"list", bad}
		if bad == "--from=2026-11-21" {
			args = append(args, "--to=2026-11-20")
		}
		if e := b.operator(t, args...); e.status != 2 {
			t.Errorf("%s: %+v", bad, e)
		}
	}
}

func TestResolveFromAFileSettlesAllOrNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"rf-1", "rf-2"} {
		b.put(t, record(id, refund.Unresolved, func(r *refund.Record) { r.Code = refund.CodeOutcomeUnknown }))
	}
	b.put(t, record("rf-3", refund.Succeeded))
	file := filepath.Join(t.TempDir(), "settle.csv")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "refund_id,verdict,evidence\nrf-1,succeeded,statement of 21 November\nrf-2,failed,ticket 4711\n"
	write(good + "rf-3,failed,a slip\n")
	for _, args := range [][]string{{"--dry-run"}, nil} {
		e := b.operator(t, append([]string{"resolve", "--file=" + file}, args...)...)
		holds(t, e.out, "rf-1", "it has ended", "statement of 21 November", "refused")
		if e.status != 1 || b.state(t, "rf-1") != refund.Unresolved {
			t.Errorf("%+v", e)
		}
	}
	write(good)
	holds(t, b.done(t, "resolve", "--file="+file, "--dry-run"), "would be settled", "2 lines: 0 would be refused; nothing was changed")
	if b.state(t, "rf-1") != refund.Unresolved {
		t.Error("a dry run settled")
	}
	holds(t, b.done(t, "resolve", "--file="+file), "Rp 90.000", "2 lines: 2 settled, 0 refused")
	if b.state(t, "rf-1") != refund.Succeeded || b.state(t, "rf-2") != refund.Failed {
		t.Error("not settled")
	}
	holds(t, b.done(t, "status", "rf-2"), "ayu: ticket 4711")
	for _, args := range [][]string{{"rf-1", "--file=" + file}, {"--file=" + file, "--failed"}, {"--file=/nowhere"}, {"--dry-run"}, {"rf-1", "--failed", "--because=x", "--dry-run"}} {
		if e := b.operator(t, append([]string{"resolve"}, args...)...); e.status != 2 {
			t.Errorf("%v: %+v", args, e)
		}
	}
	write("refund_id,verdict,evidence\nrf-1,paid,x\nrf-2,failed,\n")
	if e := b.operator(t, "resolve", "--file="+file); e.status != 2 || strings.Count(e.errors, "--file: settle.csv, line ") != 2 {
		t.Errorf("%+v", e)
	}
}

func TestInquireAsksAboutManyAndStopsAtNone(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	b := broker{url: stack.NATS.URL(), js: stack.JS}
	b.ledger = ledgerOf(stack.JS, devstack.ClientID)
	for _, id := range []string{"rf-1", "rf-2", "rf-never"} {
		b.put(t, record(id, refund.Unresolved, func(r *refund.Record) {
			r.ClientID = devstack.ClientID
			if id == "rf-never" {
				r.Sends = 0
			}
		}))
	}
	inquire := func(args ...string) ended {
		var out, errs bytes.Buffer
		args = append([]string{
			"--nats-url=" + b.url, "--doku-env=simulator", "--doku-base-url=" + stack.DOKUURL(), "--operator=ayu",
			"--doku-client-id=" + devstack.ClientID, "--doku-secret-key=" + stack.Secret().Reveal(),
		}, args...)
		status := run(t.Context(), args, nil, &out, &errs)
		return ended{status, out.String(), errs.String()}
	}
	e := inquire("inquire", "--state=unresolved", "--rate=1000")
	holds(t, e.out, "rf-1  not_found: it stays unresolved", "rf-never  refused", "asked about 3: 0 settled, 1 could not be asked about")
	if e.status != 1 {
		t.Errorf("%+v", e)
	}
	e = inquire("--output=json", "inquire", "--state=unresolved", "--text=2", "--rate=1000")
	var line inquired
	if err := json.Unmarshal([]byte(e.out), &line); err != nil || e.status != 0 || line.RefundID != "rf-2" || line.Finding != "not_found" {
		t.Errorf("%+v, %v", e, err)
	}
	for _, args := range [][]string{{"inquire"}, {"inquire", "--state=waiting"}, {"inquire", "rf-1", "--state=unknown"}, {"inquire", "--state=unknown", "--rate=0"}} {
		if e := inquire(args...); e.status != 2 {
			t.Errorf("%v: %+v", args, e)
		}
	}
}

// After a collision DOKU's answer may be about another refund.
func TestHintsAreTrue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Unresolved, func(r *refund.Record) { r.Code = refund.CodeOutcomeUnknown }))
	b.put(t, record("rf-2", refund.Unresolved, func(r *refund.Record) { r.Code = refund.CodeIdentifierCollision }))
	holds(t, b.done(t, "status", "rf-1"), "refundctl inquire")
	if out := b.done(t, "status", "rf-2"); strings.Contains(out, "refundctl inquire") || !strings.Contains(out, "refundctl resolve") {
		t.Errorf("%s", out)
	}
}
