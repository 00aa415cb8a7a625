package doku

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// snapCode is a responseCode: HTTP status, service, case; a string or a number.
type snapCode struct {
	text                    string
	status, service, caseNo int
}

var errCode = errors.New("response code is neither text nor number")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (c *snapCode) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n':
		*c = snapCode{}
	case '"':
		*c = parseSNAPCode(token.String())
	case '0':
		*c = parseSNAPCode(digitsOf(token.String()))
	default:
		return errCode
	}
	return nil
}

// digitsOf writes a number as the whole number that it is: 2000700.0 is one.
func digitsOf(number string) string {
	d, ok := parseDecimal(number)
	value, whole := d.whole()
	if !ok || !whole {
		return number
	}
	return strconv.FormatInt(value, 10)
}

func parseSNAPCode(text string) snapCode {
	c := snapCode{text: text}
	if len(text) != 7 || !allDigits(text) {
		return c
	}
	c.status, _ = strconv.Atoi(text[:3])
	c.service, _ = strconv.Atoi(text[3:5])
	c.caseNo, _ = strconv.Atoi(text[5:])
	return c
}

// snapRow is one row of the table; the first that fits decides. The service part
// of the code is ignored.
type snapRow struct {
	status int
	cases  []int // nil: the rest
	class  Class
	cause  Cause
	why    string
}

// snapRows: what stands nowhere here is unknown.
var snapRows = []snapRow{
	{status: 200, cases: []int{0}, class: Succeeded, why: "done"},
	{status: 202, cases: []int{0}, class: InProgress, why: "in progress"},
	{status: 400, cases: []int{0, 1, 2, 4}, class: Failed, why: "a field is malformed, wrong or missing"},
	{status: 400, cases: []int{3}, why: "said to be done already"},
	{status: 401, cases: []int{2, 4}, class: NotExecuted, cause: CustomerToken, why: "customer token refused"},
	{status: 401, class: NotExecuted, cause: Credentials, why: "credentials or b2b token refused"},
	{status: 403, cases: []int{4, 6, 14, 20, 23}, class: NotExecuted, cause: Unavailable, why: "not now: limit, cut-off or balance"},
	{status: 403, class: Failed, why: "not permitted"},
	{status: 404, cases: []int{0, 1}, class: Failed, why: "wrong status or not found"},
	{status: 404, cases: []int{2}, class: NotExecuted, cause: Unavailable, why: "no route"},
	{status: 404, cases: []int{8, 17}, class: NotExecuted, cause: Credentials, why: "no such merchant or terminal: our configuration"},
	{status: 404, cases: []int{3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 19}, class: Failed, why: "no such account or amount"},
	{status: 404, cases: []int{18}, why: "same reference, other content"},
	{status: 405, cases: []int{0}, class: Failed, why: "not supported"},
	{status: 405, cases: []int{1}, class: NotExecuted, cause: Unavailable, why: "not now"},
	{status: 409, cases: []int{0, 1}, cause: Collision, why: "identifier used before"},
	{status: 429, class: NotExecuted, cause: Throttled, why: "too many requests"},
	{status: 500, cause: Failing, why: "an error of the server's"},
	{status: 502, cause: Failing, why: "an error of the server's"},
	{status: 503, cause: Failing, why: "an error of the server's"},
	{status: 504, cause: Failing, why: "an error of the server's"},
}

func (r snapRow) fits(c snapCode) bool {
	return r.status == c.status && (r.cases == nil || slices.Contains(r.cases, c.caseNo))
}

// bySNAPCode looks the code up. message decides in one place only: which header
// is wrong or missing.
func bySNAPCode(c snapCode, message string) RefundOutcome {
	if v, ok := byHeader(c, message); ok {
		return v
	}
	for _, row := range snapRows {
		if row.fits(c) {
			return RefundOutcome{Class: row.class, Cause: row.cause, Problem: row.why}
		}
	}
	return RefundOutcome{Cause: Failing, Unlisted: true, Problem: "no table lists the response code"}
}

// ourHeaders are made of our configuration and our clock: they are wrong for
// every refund alike, and of no refund's fault.
var ourHeaders = []string{"X-TIMESTAMP", "X-SIGNATURE", "X-PARTNER-ID"}

const externalIDHeader = "X-EXTERNAL-ID"

// headerName is a header's name in a message, as a word of its own.
var headerName = regexp.MustCompile(`[A-Za-z0-9_-]+`)

// byHeader judges a field that is malformed (01) or missing (02) where the
// message names one of our own headers.
func byHeader(c snapCode, message string) (RefundOutcome, bool) {
	if c.status != http.StatusBadRequest || c.caseNo != 1 && c.caseNo != 2 {
		return RefundOutcome{}, false
	}
	var ours, others bool
	for _, word := range headerName.FindAllString(message, -1) {
		name := strings.ToUpper(strings.Trim(word, "-_"))
		switch {
		case name == externalIDHeader:
			return RefundOutcome{Problem: "the external id is refused"}, true
		case slices.Contains(ourHeaders, name):
			ours = true
		case strings.HasPrefix(name, "X-"):
			others = true
		}
	}
	switch {
	case ours && others:
		return RefundOutcome{Problem: "headers of ours and of the refund's are refused"}, true
	case ours:
		return RefundOutcome{Class: NotExecuted, Cause: Credentials, Problem: "a header is refused: our configuration"}, true
	default:
		return RefundOutcome{}, false
	}
}

// bySNAPStatus is the verdict where there is no code to be read: two statuses
// speak for themselves.
func bySNAPStatus(r reply, problem string) RefundOutcome {
	if r.status == http.StatusUnauthorized || r.status == http.StatusTooManyRequests {
		return bySNAPCode(snapCode{status: r.status}, "")
	}
	return RefundOutcome{Cause: Failing, Problem: problem}
}
