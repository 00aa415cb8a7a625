package refund

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker.example/refundworker/internal/channel"
)

var goldenSent = "Request by Customer" // recorded as if it had been folded

func fullRecord() Record {
	c := repeated(2).delayed(3)
	c.NotBefore, c.Due = later(-2*time.Hour), later(2*time.Minute)
	r := Record{
		V: RecordVersion, ClientID: goldenClient, Environment: "sandbox",
		Job: Job{
			RefundID: shortID, Channel: channel.DirectDebitMandiri, InvoiceNumber: "INV-0001", OriginalRequestID: "REQ-0001",
			Amount: 9999999999999999, Currency: "IDR", Reason: "Request by Customer", NotBefore: later(-2 * time.Hour),
			Deadline: later(24 * time.Hour), Metadata: map[string]string{"order": "A-17", "shop": "<Toko & Co>"},
		},
		Fingerprint: "3274fab8", Rules: 1, SentReason: &goldenSent, EnqueuedAt: later(-3*time.Hour) + 1, Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Core: c, Evidence: ByReplay,
		Response: &Response{
			HTTPStatus: 409, Code: "4090700", Message: "Conflict", ErrorMessage: "used before", Type: "Conflict",
			RefundType: "FULL_REFUND", ApprovalCode: "12321", RefundNo: "R-1", ReferenceNo: "P-1",
			RefundTime: "2024-01-01T09:09:00.123",
		},
		Note: "no answer within 60s", Operator: "ayu", Because: "bank statement of 21 November", At: morning,
		By: "worker-1/42", Prev: 1 << 40,
	}
	r.Identify()
	return r
}

func TestRecordsShapeIsFixed(t *testing.T) {
	t.Parallel()
	for path, r := range map[string]Record{
		"testdata/record_full.json": fullRecord(),
		"testdata/record_zero.json": {},
	} {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, path, append(text, '\n'))
		if got := reread(t, text); !reflect.DeepEqual(got, r) {
			t.Errorf("%s read back\n got %+v\nwant %+v", path, got, r)
		}
	}
}

// TestFullRecordLeavesNoFieldOut keeps the golden file honest when a field is
// added.
func TestFullRecordLeavesNoFieldOut(t *testing.T) {
	t.Parallel()
	var zero func(path string, v reflect.Value)
	zero = func(path string, v reflect.Value) {
		if v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				zero(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		}
		if v.IsZero() && path != ".Identity.RequestID" { // a card's; the record is of a SNAP channel
			t.Errorf("%s is not set", path)
		}
	}
	zero("", reflect.ValueOf(fullRecord()))
}

func TestRecordIsOneLineOfJSON(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	r.Note, r.Response.Message = "one\ntwo\r\nthree", "a\u2028b\x00"
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(text, "\r\n\x00") { // it travels in a header
		t.Errorf("record %q", text)
	}
}

func TestRecordSurvivesTheLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := reread(t, text); !reflect.DeepEqual(got, r) {
			t.Fatalf("read back\n got %+v\nwant %+v", got, r)
		}
	})
}

func reread(t interface {
	Helper()
	Fatalf(string, ...any)
}, text []byte,
) Record {
	t.Helper()
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func drawRecord(t *rapid.T) Record {
	word := rapid.OneOf(rapid.Just(""), rapid.String())
	instant := rapid.OneOf(rapid.Just(Time(0)), rapid.Map(
		rapid.Int64Range(int64(At(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))), int64(At(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)))),
		func(v int64) Time { return Time(v) }))
	r := Record{
		V: rapid.Int().Draw(t, "v"), ClientID: word.Draw(t, "client"), Environment: word.Draw(t, "environment"),
		Job: Job{
			RefundID: word.Draw(t, "refund id"), Channel: rapid.SampledFrom(channel.All()).Draw(t, "channel"),
			Amount: rapid.Int64().Draw(t, "amount"), Reason: word.Draw(t, "reason"), NotBefore: instant.Draw(t, "not before"),
			Metadata: rapid.OneOf(rapid.Just(map[string]string(nil)), rapid.MapOfN(word, word, 1, 3)).Draw(t, "metadata"),
		},
		EnqueuedAt: instant.Draw(t, "enqueued"),
		Core: Core{
			State: rapid.Map(rapid.Uint8Range(0, uint8(states)-1), func(v uint8) State { return State(v) }).Draw(t, "state"),
			Code:  rapid.Map(rapid.Uint8Range(0, uint8(codes)-1), func(v uint8) Code { return Code(v) }).Draw(t, "why"),
			Sends: rapid.Int32().Draw(t, "sends"), FirstUnknown: rapid.Int32().Draw(t, "first"), Delays: rapid.Int32().Draw(t, "delays"),
			Nonce:    rapid.Map(rapid.Uint64(), func(v uint64) Nonce { return Nonce(v) }).Draw(t, "nonce"),
			Deadline: instant.Draw(t, "deadline"), Due: instant.Draw(t, "due"), SendBy: instant.Draw(t, "send by"),
			AskFrom: instant.Draw(t, "ask from"), FirstUnknownAt: instant.Draw(t, "first at"),
			Quiet: time.Duration(rapid.Int64().Draw(t, "quiet")),
		},
		Prev: rapid.Uint64().Draw(t, "prev"), At: instant.Draw(t, "at"), By: word.Draw(t, "by"),
	}
	if rapid.Bool().Draw(t, "folded") {
		sent := word.Draw(t, "sent reason")
		r.Rules, r.SentReason = rapid.Int().Draw(t, "rules"), &sent
	}
	if rapid.Bool().Draw(t, "said") {
		r.Response = &Response{HTTPStatus: rapid.Int().Draw(t, "status"), Message: word.Draw(t, "message")}
	}
	return r
}

func TestTimesAreUTCWithNanosecondsAndNullIsNone(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal([]Time{0, morning + 1})
	if err != nil || string(text) != `[null,"2026-11-21T09:00:00.000000001Z"]` {
		t.Errorf("%s, %v", text, err)
	}
	var back []Time
	err = json.Unmarshal([]byte(`[null,"2026-11-21T16:00:00.000000001+07:00"]`), &back)
	if err != nil || back[0] != 0 || back[1] != morning+1 {
		t.Errorf("%v, %v", back, err)
	}
	if zone := morning.Time().Location(); zone != time.UTC {
		t.Errorf("zone %v", zone)
	}
	if !Time(0).Time().IsZero() || At(time.Time{}) != 0 {
		t.Error("no time is not the zero time")
	}
}

func TestUnreadableTextIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		into any
		want string
	}{
		{`"paid"`, new(State), `"paid"`},
		{`"Waiting"`, new(State), `"Waiting"`},
		{`"no_reason"`, new(Code), `"no_reason"`},
		{`"xyz"`, new(Nonce), "read nonce"},
		{`"yesterday"`, new(Time), "read time"},
	} {
		err := json.Unmarshal([]byte(c.text), c.into)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

func TestOnlyResultsAreResultsAndOnlyThreeAreFinal(t *testing.T) {
	t.Parallel()
	results, final := map[State]bool{Succeeded: true, Failed: true, Rejected: true, Unresolved: true},
		map[State]bool{Succeeded: true, Failed: true, Rejected: true}
	for s := range states {
		if s.Result() != results[s] || s.Final() != final[s] {
			t.Errorf("%v: result %v, final %v", s, s.Result(), s.Final())
		}
	}
}

func TestErrorCodesAreExactlyTheContracts(t *testing.T) {
	t.Parallel()
	var errorCodes []string
	for c := range codes {
		if c.IsError() {
			errorCodes = append(errorCodes, c.String())
		}
	}
	want := "invalid_job card_number cancelled deadline_exceeded customer_token_invalid identifier_collision identifier_used " +
		"outcome_unknown contradictory_evidence"
	if got := strings.Join(errorCodes, " "); got != want {
		t.Errorf("codes %s, want %s", got, want)
	}
}

// A record that was stored later than its writer's clock says was written by a
// clock that is behind, or was stored late: ask_from may only be later for it.
func TestAskFromGoesByTheServersTimeWhereTheWriterIsBehind(t *testing.T) {
	t.Parallel()
	r := Record{Core: sent(1), At: morning}
	for name, c := range map[string]struct {
		stored Time
		want   time.Duration
	}{
		"behind":    {later(150 * time.Second), 150 * time.Second},
		"a little":  {later(20 * time.Second), 0},
		"same":      {morning, 0},
		"ahead":     {later(-150 * time.Second), 0},
		"not known": {0, 0},
	} {
		got := r.CoreStored(c.stored)
		want := r.Core
		want.AskFrom = want.AskFrom.Add(c.want)
		if got != want {
			t.Errorf("%s: ask_from %s, want %s", name, got.AskFrom.Time(), want.AskFrom.Time())
		}
	}
	r.Core = waited(1)
	if got := r.CoreStored(later(time.Hour)); got != r.Core {
		t.Errorf("a refund that waits: %+v", got)
	}
}
