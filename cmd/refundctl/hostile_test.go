package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

// hostile is what nobody wants on a terminal or in a cell: escape sequences of
// C0 and C1, overrides of direction, a forged line, a formula.
const hostile = "=cmd|' /C calc'!A0\x1b]0;owned\x07\u009b31m\u202eevil\u2066\u2028x\x7f\r\nforged: line\t"

// hostileHeader has no line end, which no header can have.
const hostileHeader = "=1\x1b[2J\u009b31m\u202e\x7f"

// poison puts text into every string of v that no rule restricts.
func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "RefundID" && name != "Channel" && name != "ClientID" && name != "Environment" {
				poison(v.Field(i), text)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), text)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{text: text}))
	case reflect.String:
		v.SetString(text)
	}
}

func poisoned(id string, state refund.State) *refund.Record {
	r := record(id, state)
	r.Response = &refund.Response{HTTPStatus: 200}
	poison(reflect.ValueOf(r).Elem(), hostile)
	r.Traceparent, r.By = "", "refundctl-"+id+hostile
	return r
}

// harmless fails where text could do anything but be read.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: is no UTF-8", what)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); i >= 0 {
		t.Errorf("%s: has %q", what, text[i:min(len(text), i+20)])
	}
	if strings.Contains(text, "\nforged") {
		t.Errorf("%s: has a forged line:\n%s", what, text)
	}
}

func poisonedBroker(t *testing.T) broker {
	t.Helper()
	b := setup(t)
	b.put(t, poisoned("rf-open", refund.Unresolved))
	b.put(t, poisoned("rf-ask", refund.Unknown))
	b.put(t, poisoned("rf-lost", refund.Waiting))
	b.put(t, poisoned("rf-done", refund.Sending), poisoned("rf-done", refund.Succeeded))
	b.put(t, poisoned("rf-new", refund.Waiting))
	waiting := poisoned("rf-wait", refund.Waiting)
	b.put(t, waiting)
	b.wait(t, waiting)
	action, err := json.Marshal(operator.Action{Action: hostile, Letter: 2, RefundID: hostile, Operator: hostile, Because: hostile})
	if err != nil {
		t.Fatal(err)
	}
	for i, letter := range []*nats.Msg{
		{Data: []byte(hostile), Header: nats.Header{jobs.HeaderDeadReason: {hostileHeader}, jobs.HeaderDeadSubject: {hostileHeader}}},
		{Data: []byte(`{"refund_id":"rf-7","` + "\u202e" + `\u001b[2J":1,"metadata":{"\u001b":"\u001b[2J"}}`), Header: nats.Header{jobs.HeaderDeadReason: {"unreadable"}}},
		{Data: []byte(`{"refund_id":"rf-8","channel":"credit_card","invoice_number":"I","original_request_id":"q","amount":1,"reason":"` + "\u202e\u2028" + `"}`), Header: nats.Header{jobs.HeaderDeadReason: {"unreadable"}}},
		{Data: action, Header: nats.Header{operator.HeaderDeadAction: {hostileHeader}}},
	} {
		letter.Subject = "refunds.dead.credit_card"
		if _, err := b.js.PublishMsg(t.Context(), letter); err != nil {
			t.Fatal(i, err)
		}
	}
	return b
}

func TestTextFromOutsideIsHarmlessInEveryCommandAndFormat(t *testing.T) {
	t.Parallel()
	b := poisonedBroker(t)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": hostile, "message": hostile, "type": hostile}})
		_, _ = w.Write(body)
	}))
	t.Cleanup(gateway.Close)
	merchant := []string{"--doku-client-id=BRN-1", "--doku-secret-key=s", "--doku-env=simulator", "--doku-base-url=" + gateway.URL}
	dir := t.TempDir()
	report, found := filepath.Join(dir, "\x1b[2J\u202ereport.csv"), filepath.Join(dir, "found.csv")
	rows, _ := os.Create(report)
	w := csv.NewWriter(rows)
	_ = w.WriteAll([][]string{
		{"invoice_number", "partner_refund_no_or_request_id", "amount", "status"},
		{hostile, "+" + hostile, "-5", "SUCCESS"}, {"a;=1", "@x", "5", "success"},
	})
	_ = rows.Close()
	verdicts := filepath.Join(dir, "\x1b[2Jverdicts.csv")
	if err := os.WriteFile(verdicts, []byte("refund_id,verdict,evidence\n\"=\x1b[2J\u202e\",\u202epaid,x\nrf-open,failed,\x1b]0;x\x07\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	month := []string{"--from=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--to=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	runs := [][]string{
		{"status", "rf-open"}, {"status", "rf-done"}, {"status", hostile},
		{"list"}, {"list", "--state=waiting"}, {"list", "--state=" + hostile}, {"list", "--after=" + hostile}, {"list", "--text=" + hostile},
		{"list", "--invoice=" + hostile}, {"list", "--doku-ref=" + hostile}, {"list", "--from=" + hostile}, {"list", "--amount=" + hostile}, {"--zone=" + hostile, "list"},
		append([]string{"inquire", "--state=unknown", "--rate=1000"}, merchant...), {"resolve", "--file=" + verdicts}, {"resolve", "--file=" + verdicts + hostile},
		{"unresolved", "list"}, {"unresolved", "list", "--channel=" + hostile}, {"stats"}, {"watch", "rf-done"}, {"watch", hostile},
		{"sweep", "--settle=1ms", "--dry-run"}, {"sweep", "--settle=1ms"}, {"setup"}, {"doctor", "--nats-only"},
		append([]string{"doctor"}, merchant...), append([]string{"inquire", "rf-ask"}, merchant...),
		{"dead", "list"}, {"dead", "list", "--all"}, {"dead", "list", "--reason=" + hostile}, {"dead", "show", "1"}, {"dead", "show", "2"}, {"dead", "show", "3"},
		{"dead", "replay", "1", "2", "3", "--dry-run"}, {"dead", "replay", "3", "--because=x"}, {"dead", "replay", "3", "--set=" + hostile, "--because=x"},
		{"dead", "discard", "1", "--because=x"}, {"dead", "discard", "3", "--because=" + hostile},
		append([]string{"reconcile", report, "--csv=" + found}, month...), append([]string{"reconcile", report + hostile}, month...),
		append([]string{"reconcile", report, "--mapping=" + report}, month...),
		{"export"}, {"export", "--file=" + filepath.Join(dir, "\x1b[2Jhistory")}, {"export", "--from=" + hostile},
		{"pause", "credit_card"}, {"pause", hostile}, {"resume", "credit_card"}, {"completion", "bash"}, {"completion", hostile},
		{"retry", "rf-wait", "--because=x"}, {"retry", "rf-ask"}, {"cancel", "rf-wait"}, {"cancel", "rf-never", "--channel=emoney_ovo"},
		{"resolve", "rf-open", "--succeeded", "--because=" + hostile}, {"resolve", "rf-open", "--failed", "--because=x"}, {"status", "rf-open"},
		{"consumer", "add", "shop"}, {"consumer", "add", hostile}, {"consumer", "add", "x", "--status=" + hostile}, {"consumer", "add", "x", "--account=" + hostile},
		{"consumer", "list"}, {"consumer", "remove", hostile}, {"consumer", "remove", "shop"},
		{hostile}, {"--" + hostile}, {"--operator=" + hostile, "cancel", "rf-lost", "--because=x"}, {"--nats-url=" + hostile, "status", "rf-1"},
	}
	for _, format := range []string{"table", "json"} {
		for _, args := range runs {
			e := b.operator(t, append([]string{"--output=" + format}, args...)...)
			what := fmt.Sprintf("%s %.60q", format, args)
			harmless(t, what+", stdout", e.out)
			harmless(t, what+", stderr", e.errors)
			if lines := strings.Count(e.errors, "\n"); e.status == 1 && lines > 1 {
				t.Errorf("%s: %d lines on stderr:\n%s", what, lines, e.errors)
			}
		}
	}
	for _, leaf := range leaves(kong.Must(&Config{}, kong.Vars{"version": ""}).Model.Node, "") {
		if !slices.ContainsFunc(runs, func(args []string) bool { return strings.HasPrefix(strings.Join(args, " ")+" ", leaf+" ") }) {
			t.Errorf("%q is not tried with hostile texts", leaf)
		}
	}
	noFormulas(t, found)
}

// leaves are the commands that do something.
func leaves(node *kong.Node, path string) []string {
	var list []string
	for _, child := range node.Children {
		list = append(list, leaves(child, strings.TrimSpace(path+" "+child.Name))...)
	}
	if len(list) == 0 {
		return []string{path}
	}
	return list
}

func noFormulas(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 3 {
		t.Fatalf("%q, %v", rows, err)
	}
	formula := regexp.MustCompile(`(^|[;,])\s*[=+\-@\t\r]`)
	for _, row := range rows {
		for _, cell := range row {
			harmless(t, "cell", cell)
			if formula.MatchString(cell) {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
}

func TestAHostileOwnerOfTheLedgerIsHarmless(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ledger = ledgerOf(b.js, hostileHeader)
	b.put(t, record("rf-1", refund.Succeeded, func(r *refund.Record) { r.ClientID = hostileHeader }))
	for _, args := range [][]string{{"doctor", "--nats-only"}, {"--doku-client-id=BRN-1", "status", "rf-1"}, {"--output=json", "status", "rf-1"}} {
		e := b.operator(t, args...)
		harmless(t, args[0], e.out+e.errors)
		if !strings.Contains(e.out+e.errors, "[2J") && args[0] != "--output=json" {
			t.Errorf("%v: the owner is not shown: %+v", args, e)
		}
	}
}

func TestJSONKeepsWhatWasSaid(t *testing.T) {
	t.Parallel()
	b := poisonedBroker(t)
	var s operator.Status
	b.json(t, &s, "status", "rf-open")
	if s.Reason != hostile || s.History[0].Because != hostile || s.History[0].Response.Message != hostile {
		t.Errorf("%q, %+v", s.Reason, s.History)
	}
}

// A stream of somebody else's that is in the way is named, whatever it is called.
func TestAHostileNameOfAnotherStreamIsHarmless(t *testing.T) {
	t.Parallel()
	b := administrated(t)
	for _, stream := range []string{stream.Jobs, stream.Dead} {
		if err := b.js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	for name, subject := range map[string]string{"\u202eevil\u009b31m\x1b[2J": "refunds.jobs.>", "=cmd\u2066\u200b": "refunds.\u202edead.>"} {
		if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"setup"}, {"--output=json", "setup"}, {"doctor", "--nats-only"}, {"--output=json", "doctor", "--nats-only"}} {
		e := b.runAs(t, "admin", args...)
		harmless(t, strings.Join(args, " "), e.out+e.errors)
		if args[0] == "setup" && !strings.Contains(e.errors, "evil") {
			t.Errorf("%v does not name the stream: %+v", args, e)
		}
	}
}
