package doku

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

// suiteCases returns the 318 cases of JSONTestSuite by file name: y_ is JSON,
// n_ is not, i_ is left to the parser.
func suiteCases(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../jobs/testdata/JSONTestSuite/test_parsing/*.json")
	if err != nil || len(paths) != 318 {
		t.Fatalf("%d cases, err %v", len(paths), err)
	}
	cases := make(map[string]string, len(paths))
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cases[filepath.Base(path)] = string(body)
	}
	return cases
}

// suiteStatuses are those at which a body decides something, and some at which
// none does.
var suiteStatuses = []int{200, 202, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503}

// opinions is what all decoders make of one body.
type opinions struct {
	refunds   []RefundOutcome
	inquiries []InquiryOutcome
}

func judgeAll(status int, body string) opinions {
	r := respond(status, body)
	var j opinions
	for _, s := range []signatureStatus{signatureAbsent, signatureRight, signatureWrong} {
		j.refunds = append(j.refunds, classifyCard(cardOrder(), r, s))
		j.inquiries = append(j.inquiries, findCard(cardOrder(), r, s))
	}
	found, _ := findSNAP(snapOrder(), r)
	j.refunds = append(j.refunds, classifySNAP(snapOrder(), r))
	j.inquiries = append(j.inquiries, found)
	return j
}

// None of the cases says anything about a refund, so a body proves nothing;
// only a 401 and a 429 speak for themselves (docs/doku-api.md, "Classification
// of refund answers: cards").
func TestNoCaseOfTheSuiteIsAProof(t *testing.T) {
	t.Parallel()
	for name, body := range suiteCases(t) {
		for _, status := range suiteStatuses {
			j := judgeAll(status, body)
			for _, v := range j.refunds {
				checkVerdict(t, v, status)
				if v.Class != Unknown && (v.Class != NotExecuted || status != 401 && status != 429) {
					t.Errorf("%s on %d: %v (%s)", name, status, v.Class, v.Problem)
				}
			}
			for _, i := range j.inquiries {
				if i.Finding != refund.NoAnswer || i.Problem == "" {
					t.Errorf("%s on %d: %v (%s)", name, status, i.Finding, i.Problem)
				}
			}
		}
	}
}

// proofs are whole answers that prove something, by who is asked.
func proofs(t *testing.T, body string) map[string]bool {
	t.Helper()
	i, _ := findSNAP(snapOrder(), respond(200, body))
	return map[string]bool{
		cardSuccessBody: classifyCard(cardOrder(), respond(200, body), signatureRight).Class == Succeeded,
		cardFailedBody:  classifyCard(cardOrder(), respond(200, body), signatureRight).Class == Failed,
		snapSuccessBody: classifySNAP(snapOrder(), respond(200, body)).Class == Succeeded,
		cardStatusBody:  findCard(cardOrder(), respond(200, body), signatureRight).Finding == refund.FoundSuccess,
		snapStatusBody:  i.Finding == refund.FoundSuccess,
	}
}

// A member that nobody reads may hold anything that is JSON, and nothing that is
// not: then the whole answer proves nothing, however good the rest of it looks.
func TestCaseOfTheSuiteAsAMemberSpoilsAProofIfItIsNoJSON(t *testing.T) {
	t.Parallel()
	cases := suiteCases(t)
	for _, whole := range []string{cardSuccessBody, cardFailedBody, snapSuccessBody, cardStatusBody, snapStatusBody} {
		if !proofs(t, whole)[whole] {
			t.Fatalf("no proof to begin with: %s", whole)
		}
		for name, value := range cases {
			first := `{"another":` + value + "\n," + whole[1:]
			last := whole[:len(whole)-1] + `,"another":` + value + "\n}"
			for at, body := range map[string]string{"first": first, "last": last} {
				got := proofs(t, body)[whole]
				switch {
				case strings.HasPrefix(name, "n_") && got:
					t.Errorf("%s as the %s member is overlooked", name, at)
				case strings.HasPrefix(name, "y_") && !got && !repeats(value):
					t.Errorf("%s as the %s member spoils the proof", name, at)
				}
			}
		}
	}
}

// repeats reports whether an object holds a member twice, which is JSON, and
// which we refuse: two readers may differ on which of them counts.
func repeats(value string) bool {
	d := json.NewDecoder(strings.NewReader(value))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		text, ok := name.(string)
		if err != nil || !ok || seen[text] {
			return true
		}
		seen[text] = true
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return true
		}
	}
	return false
}

// What follows or precedes a proof makes it none, unless it is white space, or
// the one byte order mark before it.
func TestCaseOfTheSuiteAroundAProofSpoilsIt(t *testing.T) {
	t.Parallel()
	for name, value := range suiteCases(t) {
		if strings.Trim(value, " \t\r\n") == "" {
			continue
		}
		for _, whole := range []string{cardSuccessBody, cardFailedBody, snapSuccessBody, cardStatusBody, snapStatusBody} {
			for _, body := range []string{value + whole, whole + value, fmt.Sprintf("[%s]", whole)} {
				if marked := body == string(byteOrderMark)+whole; proofs(t, body)[whole] != marked {
					t.Errorf("%s around a proof is overlooked: %.200q", name, body)
				}
			}
		}
	}
}

// A case in the place of a member that is read: a proof stands on values of the
// right kind only.
func TestCaseOfTheSuiteAsAValueThatIsReadIsNoProof(t *testing.T) {
	t.Parallel()
	for name, value := range suiteCases(t) {
		for whole, old := range map[string]string{
			cardSuccessBody: `"SUCCESS"`, cardFailedBody: `"FAILED"`, snapSuccessBody: `"2000700"`,
			cardStatusBody: `"REFUNDED"`, snapStatusBody: `"2005500"`,
		} {
			if proofs(t, edit(t, whole, old, value+"\n"))[whole] {
				t.Errorf("%s instead of %s is a proof", name, old)
			}
		}
	}
}
