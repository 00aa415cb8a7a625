package dokusim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// faulted is the answer to one refund and to one inquiry about it, the second
// of them under the fault.
func (m *merchant) faultedInquiry(card bool, f Fault) reply {
	m.t.Helper()
	m.script(Match{Operation: OpInquiry}, f)
	if card {
		m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", OriginalRequestID: "o-1", Amount: 90000})
		m.want(m.card("r-1", cardFaultBody), http.StatusOK, "")
		return m.cardInquiry("r-1")
	}
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusOK, "2000700")
	return m.snapInquiry(mandiri, "INV-0001")
}

func value(text string) jsontext.Value { return jsontext.Value(text) }

// What an inquiry may say that its documents do not: each is one edit.
func TestAnyAnswerCanBeEdited(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		card bool
		edit Fault
		want []string
		gone string
	}{
		"refunded, but the request failed": {
			true, Fault{Set: map[string]jsontext.Value{"/card_payment/transaction_status": value(`"FAILED"`)}},
			[]string{`"status":"REFUNDED"`, `"transaction_status":"FAILED"`}, `"SUCCESS"`,
		},
		"failed, but the request succeeded": {
			true, Fault{Set: map[string]jsontext.Value{"/transaction/status": value(`"FAILED"`)}},
			[]string{`"status":"FAILED"`, `"transaction_status":"SUCCESS"`}, `REFUNDED`,
		},
		"another spelling": {
			true, Fault{Set: map[string]jsontext.Value{"/transaction/status": value(`"PARTIALLY_REFUNDED"`)}, Drop: []string{"/card_payment/transaction_status"}},
			[]string{`"status":"PARTIALLY_REFUNDED"`}, `transaction_status`,
		},
		"a number for text": {
			true, Fault{Set: map[string]jsontext.Value{"/transaction/original_request_id": value(`5450`)}},
			[]string{`"original_request_id":5450`}, `"o-1"`,
		},
		"history elsewhere": {
			false, Fault{Move: map[string]string{"/refundHistory": "/additionalInfo/refundHistory"}},
			[]string{`"additionalInfo":{"channel":"` + mandiri + `","refundHistory":[{`}, `"refundHistory":[],`,
		},
		"a word for a status": {
			false, Fault{Set: map[string]jsontext.Value{"/latestTransactionStatus": value(`"COMPLETED"`)}},
			[]string{`"latestTransactionStatus":"COMPLETED"`}, `"latestTransactionStatus":"0`,
		},
		"an entry without a number": {
			false, Fault{Drop: []string{"/refundHistory/0/partnerRefundNo"}},
			[]string{`"refundHistory":[{"refundAmount"`}, `REF-0001`,
		},
		"an entry under another number": {
			false, Fault{Set: map[string]jsontext.Value{"/refundHistory/0/partnerRefundNo": value(`"REF-0009"`)}},
			[]string{`"partnerRefundNo":"REF-0009"`}, `REF-0001`,
		},
		"no entry": {false, Fault{Drop: []string{"/refundHistory/0"}}, []string{`"refundHistory":[]`}, `REF-0001`},
		"one entry more": {
			false, Fault{Set: map[string]jsontext.Value{"/refundHistory/9": value(`{"refundStatus":"06"}`)}},
			[]string{`"REF-0001"`, `},{"refundStatus":"06"}]`}, "null",
		},
		"additionalInfo null":      {false, Fault{Set: map[string]jsontext.Value{"/additionalInfo": value(`null`)}}, []string{`"additionalInfo":null`}, `{"channel"`},
		"additionalInfo empty":     {false, Fault{Set: map[string]jsontext.Value{"/additionalInfo": value(`""`)}}, []string{`"additionalInfo":""`}, `{"channel"`},
		"additionalInfo no object": {false, Fault{Set: map[string]jsontext.Value{"/additionalInfo": value(`[]`)}}, []string{`"additionalInfo":[]`}, `{"channel"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := setup(t)
			c.edit.Kind = Edit
			r := m.faultedInquiry(c.card, c.edit)
			for _, part := range c.want {
				if !strings.Contains(r.body, part) {
					t.Errorf("%s is not in %s", part, r.body)
				}
			}
			if strings.Contains(r.body, c.gone) {
				t.Errorf("%s is in %s", c.gone, r.body)
			}
			if c.card && !m.signedByDOKU(r, "/orders/v1/status/r-1") {
				t.Error("the edited answer is not signed")
			}
		})
	}
}

func TestATokenCanLiveAnOddTime(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for _, odd := range []string{"3600.0", "-1", "1e300", `"900"`, "null"} {
		m.script(Match{Operation: OpTokenB2B}, Fault{Kind: Edit, Set: map[string]jsontext.Value{"/expiresIn": value(odd)}})
		r := m.do(t.Context(), http.MethodPost, b2bPath, `{"grantType":"client_credentials"}`, m.tokenHeader())
		if !strings.Contains(r.body, `"expiresIn":`+odd+`,`) {
			t.Errorf("want %s, got %s", odd, r.body)
		}
	}
}

func TestAmountsCanBePrintedByJava(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		1: "1.0", 90000: "90000.0", 9999999: "9999999.0", 10000000: "1.0E7", 12345678: "1.2345678E7", 10500000: "1.05E7",
		9999999999999999: "9.999999999999999E15",
	} {
		if got := javaDouble(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	m := setup(t)
	m.script(Match{}, Fault{Kind: JavaAmounts, Count: 2})
	if r := m.card("r-1", cardBodyText("INV-1", "o-1", 10000000)); !strings.Contains(r.body, `"amount":1.0E7`) || !m.signedByDOKU(r, cardPath) {
		t.Errorf("got %s", r.body)
	}
	if r := m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 90000)); !strings.Contains(r.body, `"value":"90000.0"`) {
		t.Errorf("got %s", r.body)
	}
	m.moved(2, 10090000)
}

func TestNumbersAndTextsChangePlaces(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{Channel: CreditCard}, Fault{Kind: NumbersAsText})
	m.script(Match{Channel: EmoneyShopeePay}, Fault{Kind: NumbersAsText})
	m.script(Match{Channel: DirectDebitMandiri}, Fault{Kind: TextAsNumbers})
	if r := m.card("r-1", cardFaultBody); !strings.Contains(r.body, `"amount":"90000"`) {
		t.Errorf("got %s", r.body)
	}
	if r := m.snap("1", snapBodyText("EMONEY_SHOPEE_PAY_SNAP", "INV-0001", "REF-0001", 10000)); !strings.Contains(r.body, `"transactionType":"15"`) {
		t.Errorf("got %s", r.body)
	}
	r := m.snap("2", snapBodyText(mandiri, "123", "456", 10000))
	for _, part := range []string{`"responseCode":2000700`, `"partnerRefundNo":456`, `"originalPartnerReferenceNo":123`, `"value":10000.00`} {
		if !strings.Contains(r.body, part) {
			t.Errorf("%s is not in %s", part, r.body)
		}
	}
}

func TestBytesThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: ByteOrderMark}, Fault{Kind: Latin1}, Fault{Kind: Gzip}, Fault{Kind: GzipSigned})
	if r := m.card("r-1", cardFaultBody); !strings.HasPrefix(r.body, "\xef\xbb\xbf{") || !m.signedByDOKU(r, cardPath) {
		t.Errorf("got %q", r.body)
	}
	if r := m.card("r-2", cardFaultBody); !strings.Contains(r.body, "\"message\":\"\xe9Approved\"") || !m.signedByDOKU(r, cardPath) {
		t.Errorf("got %q", r.body)
	}
	for i, overWire := range []bool{false, true} { // in the order of the faults
		r := m.card(fmt.Sprintf("r-%d", 3+i), cardFaultBody)
		plain := unzipped(t, r)
		signed := m.signatureOver(r, cardPath, plain) == r.header.Get("Signature")
		if !strings.Contains(plain, `"status":"SUCCESS"`) || signed == overWire || m.signedByDOKU(r, cardPath) != overWire {
			t.Errorf("answer %d: signed over the wire: %v, got %s", i, !signed, plain)
		}
	}
}

func unzipped(t *testing.T, r reply) string {
	t.Helper()
	zip, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil || r.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v: %q", err, r.body)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestSignaturesOfOtherForms(t *testing.T) {
	t.Parallel()
	path := "/orders/v1/status/r-1"
	for name, c := range map[string]struct {
		quirks []Quirk
		fault  Kind
		body   bool // covered
		padded bool
	}{
		"by fault, no Digest":  {nil, NoDigestLine, false, true},
		"by fault, no padding": {nil, PaddingRemoved, true, false},
		"by quirk, no Digest":  {[]Quirk{QuirkGetNoDigest}, Delay, false, true},
		"by quirk, neither":    {[]Quirk{QuirkGetNoDigest, QuirkUnpadded}, Delay, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := setup(t, with(c.quirks...))
			r := m.faultedInquiry(true, Fault{Kind: c.fault})
			covered := ""
			if c.body {
				covered = r.body
			}
			want := m.signatureOver(r, path, covered)
			if !c.padded {
				want = strings.TrimRight(want, "=")
			}
			if got := r.header.Get("Signature"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// A quirk gives every answer the form that a fault gives to one.
func TestFormsOfQuirks(t *testing.T) {
	t.Parallel()
	for quirk, want := range map[Quirk]string{
		QuirkAdditionalInfoEmpty: `"additionalInfo":[]`,
		QuirkByteOrderMark:       "\xef\xbb\xbf{",
		QuirkHistoryInside:       `"additionalInfo":{"channel":"` + mandiri + `","refundHistory":[{`,
		QuirkHistoryNoNumbers:    `[{"refundNo":"SIM00000000000000000000000000001","refundAmount"`,
		QuirkJavaAmounts:         `"value":"10000.0"`,
		QuirkOwnNumbers:          `"partnerRefundNo":"SIM00000000000000000000000000001"`,
	} {
		m := setup(t, with(quirk))
		m.token = m.asked(t)
		m.want(plainly(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000))), http.StatusOK, "2000700")
		if r := m.snapInquiry(mandiri, "INV-0001"); !strings.Contains(r.body, want) {
			t.Errorf("%s: got %s", quirk, r.body)
		}
	}
	m := setup(t, with(QuirkNumbersAsText))
	if r := m.card("r-1", cardFaultBody); !strings.Contains(r.body, `"amount":"90000"`) || !m.signedByDOKU(r, cardPath) {
		t.Errorf("got %s", r.body)
	}
	m = setup(t, with(QuirkGzip))
	if r := m.card("r-1", cardFaultBody); !strings.Contains(unzipped(t, r), `"amount":90000`) {
		t.Errorf("got %s", r.body)
	}
	m = setup(t, with(QuirkPartialStatus))
	m.card("r-1", cardFaultBody)
	if r := m.cardInquiry("r-1"); !strings.Contains(r.body, `"status":"PARTIAL_REFUND"`) {
		t.Errorf("got %s", r.body)
	}
}

// asked is a token, whatever form its answer has.
func (m *merchant) asked(t *testing.T) string {
	t.Helper()
	r := m.do(t.Context(), http.MethodPost, b2bPath, `{"grantType":"client_credentials"}`, m.tokenHeader())
	_, rest, found := strings.Cut(r.body, `"accessToken":"`)
	if !found {
		t.Fatalf("no token: %s", r.body)
	}
	return rest[:26]
}

func plainly(r reply) reply {
	r.body = strings.TrimPrefix(r.body, "\xef\xbb\xbf")
	return r
}

func TestTextsAreHeldToWhatClientsSendUnderTheQuirk(t *testing.T) {
	t.Parallel()
	m := setup(t, with(QuirkStrictTexts))
	const dana = "EMONEY_DANA_SNAP"
	odd := strings.Replace(snapBodyText(dana, "INV-1", "REF-1", 10000), `"partnerRefundNo"`, `"reason":"täglich","partnerRefundNo"`, 1)
	m.want(m.snap("1", odd), http.StatusBadRequest, "4000701")
	body := snapBodyText(dana, "INV-1", "REF-1", 10000)
	for name, text := range map[string]string{"X-IP-ADDRESS": "::1", "X-DEVICE-ID": strings.Repeat("d", 65)} {
		h := m.snapHeader(snapPath, body, m.nextID())
		h[name] = text
		if r := m.do(t.Context(), http.MethodPost, snapPath, body, h); r.code() != "4000701" || !strings.Contains(r.body, name) {
			t.Errorf("%s: got %s", name, r.body)
		}
	}
	m.want(m.snap("9", body), http.StatusOK, "2000700")
	card := `{"order":{"invoice_number":"i"},"payment":{"original_request_id":"o"},"refund":{"amount":1,"reason":"☹"}}`
	m.want(m.card("r-1", card), http.StatusBadRequest, "INVALID_PARAMETER")
	lenient := setup(t)
	lenient.want(lenient.card("r-1", card), http.StatusOK, "")
}

// Leaving everything as it is must leave the meaning as it is, and what is no
// JSON must come through untouched.
func TestEditsKeepWhatTheyDoNotName(t *testing.T) {
	t.Parallel()
	before := answer{body: []byte(seedBody)}
	after := Fault{Drop: []string{"/nothing/here"}, Move: map[string]string{"/neither": "/nor"}}.edited(before)
	var a, b any
	if json.Unmarshal(before.body, &a) != nil || json.Unmarshal(after.body, &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("got %s", after.body)
	}
	for _, f := range forms {
		if f.quirk == QuirkByteOrderMark || f.quirk == QuirkGzip {
			continue
		}
		if got := f.form(answer{body: []byte("<html>")}); !bytes.Equal(got.body, []byte("<html>")) {
			t.Errorf("%s makes %s of a page", f.quirk, got.body)
		}
	}
}
