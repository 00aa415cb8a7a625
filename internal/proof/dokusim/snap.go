package dokusim

import (
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Services: the middle two digits of a response code (docs/doku-api.md,
// "Classification of refund answers: SNAP").
const (
	serviceRefund = "07" // DOKU's pages
	service58     = "58" // Bank Indonesia's standard
	serviceStatus = "55"
	serviceB2B    = "73"
	serviceB2B2C  = "74"
)

// snapWords is what goes with HTTP status and case; the words are Bank
// Indonesia's, and nobody should match on them.
var snapWords = map[string]string{
	"20000": "Successful", "20200": "Request In Progress",
	"40000": "Bad Request", "40001": "Invalid Field Format", "40002": "Invalid Mandatory Field",
	"40100": "Unauthorized", "40101": "Invalid Token (B2B)", "40102": "Invalid Customer Token",
	"40103": "Token Not Found (B2B)", "40104": "Customer Token Not Found",
	"40306": "Feature Not Allowed At This Time", "40400": "Invalid Transaction Status", "40408": "Invalid Merchant",
	"40417": "Invalid Terminal",
	"40401": "Transaction Not Found", "40413": "Invalid Amount", "40418": "Inconsistent Request",
	"40900": "Conflict", "40901": "Duplicate partnerReferenceNo",
	"42900": "Too Many Requests", "50000": "General Error",
}

// money is an amount of the SNAP family: "10000.00", IDR.
type money struct {
	Value    string `json:"value"`
	Currency string `json:"currency"`
}

func rupiahs(amount int64) money { return money{itoa(amount) + ".00", "IDR"} }

func (m money) rupiah() (int64, bool) {
	whole, decimals, _ := strings.Cut(m.Value, ".")
	amount, ok := wholeRupiah(whole)
	return amount, ok && decimals == "00" && m.Currency == "IDR"
}

// snapOrder is the body of a refund or of an inquiry (DOKU's direct debit document; docs/doku-api.md,
// "The SNAP refund request").
type snapOrder struct {
	Original           string `json:"originalPartnerReferenceNo"`
	OriginalExternalID string `json:"originalExternalId"`
	RefundAmount       money  `json:"refundAmount"`
	Reason             string `json:"reason"`
	PartnerRefundNo    string `json:"partnerRefundNo"`
	ServiceCode        string `json:"serviceCode"`
	AdditionalInfo     struct {
		Channel string `json:"channel"`
	} `json:"additionalInfo"`
}

func (s *Server) identifySNAP(x *exchange) {
	if x.decoding == nil {
		x.decoding = json.Unmarshal(x.body, &x.snap)
	}
	x.seen.ID, x.seen.Invoice, x.seen.Key = x.q.Header.Get("X-EXTERNAL-ID"), x.snap.Original, x.snap.PartnerRefundNo
	x.seen.Channel = snapChannels[x.snap.AdditionalInfo.Channel].name
	x.seen.Amount, _ = x.snap.RefundAmount.rupiah()
}

// snapHead begins every answer of the family.
type snapHead struct {
	Code    jsontext.Value `json:"responseCode"`
	Message string         `json:"responseMessage"`
}

func (s *Server) snapHead(x *exchange, status int, number string) (snapHead, string) {
	service := x.service
	if service == serviceRefund && s.cfg.has(QuirkService58) {
		service = service58
	}
	code := itoa(int64(status)) + service + number
	return snapHead{s.snapCode(code), snapWordsOf(code)}, code
}

// snapCode is a responseCode as it stands in an answer.
func (s *Server) snapCode(code string) jsontext.Value {
	if s.cfg.has(QuirkNumericCodes) && digits(code, 7) {
		return jsontext.Value(code)
	}
	text, err := jsontext.AppendQuote(nil, code)
	if err != nil {
		return jsontext.Value(`""`)
	}
	return text
}

// snapWordsOf is the message that goes with a code of seven digits.
func snapWordsOf(code string) string {
	if len(code) != 7 {
		return "Error"
	}
	status, _ := strconv.Atoi(code[:3])
	return or(snapWords[code[:3]+code[5:]], http.StatusText(status))
}

// snapRefusal is an answer of a code and words, with what is wrong if that can
// be told.
func (s *Server) snapRefusal(x *exchange, status int, number, what string) answer {
	head, code := s.snapHead(x, status, number)
	if what != "" {
		head.Message += " " + what
	}
	return jsonAnswer(status, code, head)
}

// checkSNAP verifies headers, token and signature of a call (docs/doku-api.md,
// "The SNAP refund request").
func (s *Server) checkSNAP(x *exchange) (answer, bool) {
	h := x.q.Header
	for _, name := range []string{"X-TIMESTAMP", "X-SIGNATURE", "X-PARTNER-ID", "X-EXTERNAL-ID", "Authorization"} {
		if h.Get(name) == "" {
			return s.snapRefusal(x, http.StatusBadRequest, "02", name), false
		}
	}
	if !digits(h.Get("X-EXTERNAL-ID"), 36) {
		return s.snapRefusal(x, http.StatusBadRequest, "01", "X-EXTERNAL-ID"), false
	}
	if a, ok := s.checkSNAPClock(x, h.Get("X-PARTNER-ID")); !ok {
		return a, false
	}
	token, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	if !ok {
		return s.snapRefusal(x, http.StatusBadRequest, "01", "Authorization"), false
	}
	if number := s.tokens.verdictB2B(token, x.at); number != "" {
		return s.snapRefusal(x, http.StatusUnauthorized, number, ""), false
	}
	hash := snapBodyHash(x.body, s.cfg.has(QuirkReserialise))
	want := snapSign(s.cfg.SecretKey, x.q.Method, x.q.URL.EscapedPath(), token, hash, h.Get("X-TIMESTAMP"))
	if !same(want, h.Get("X-SIGNATURE")) {
		return s.snapRefusal(x, http.StatusUnauthorized, "00", "Invalid Signature"), false
	}
	return answer{}, true
}

// snapTimestamp is RFC 3339 in whole seconds or, as in DOKU's direct debit document's sample, with
// milliseconds.
var snapTimestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)$`)

func (s *Server) checkSNAPClock(x *exchange, client string) (answer, bool) {
	when := x.q.Header.Get("X-TIMESTAMP")
	sent, err := time.Parse(time.RFC3339, when)
	switch {
	case err != nil || !snapTimestamp.MatchString(when):
		return s.snapRefusal(x, http.StatusBadRequest, "01", "X-TIMESTAMP"), false
	case client != s.cfg.ClientID:
		return s.snapRefusal(x, http.StatusUnauthorized, "00", "Unknown Client"), false
	case x.at.Sub(sent).Abs() > s.cfg.Skew:
		return s.snapRefusal(x, http.StatusUnauthorized, "00", "Timestamp is too far from now"), false
	}
	return answer{}, true
}

// useExternalID is false when the id was there before today; else it goes into
// the entry. Callers hold the book's lock.
func (s *Server) useExternalID(x *exchange, e *entry) bool {
	day := s.cfg.day(x.at)
	if _, used := s.book.used[day][x.seen.ID]; used {
		return false
	}
	e.External = &usedID{day, x.seen.ID}
	return true
}

// fieldProblem names the first field of a refund that is missing (case 02) or
// malformed (case 01).
func (o snapOrder) fieldProblem(t terms, strict bool) (number, field string) {
	_, amount := o.RefundAmount.rupiah()
	for _, rule := range []struct {
		holds         bool
		number, field string
	}{
		{o.Original != "", "02", "originalPartnerReferenceNo"},
		{o.PartnerRefundNo != "", "02", "partnerRefundNo"},
		{o.RefundAmount.Value != "", "02", "refundAmount.value"},
		{o.RefundAmount.Currency != "", "02", "refundAmount.currency"},
		{t.invoice.covers(o.Original), "01", "originalPartnerReferenceNo"},
		{t.refundNo.covers(o.PartnerRefundNo), "01", "partnerRefundNo"},
		{amount, "01", "refundAmount"},
		{utf8.RuneCountInString(o.OriginalExternalID) <= 36, "01", "originalExternalId"},
		{utf8.RuneCountInString(o.Reason) <= 255, "01", "reason"},
		{!strict || plainText(o.Reason), "01", "reason"},
		{!strict || plainText(o.OriginalExternalID), "01", "originalExternalId"},
		{!strict || plainText(o.PartnerRefundNo), "01", "partnerRefundNo"},
	} {
		if !rule.holds {
			return rule.number, rule.field
		}
	}
	return "", ""
}

// headerProblem names what the channel wants in the headers and does not find.
func (s *Server) headerProblem(x *exchange, t terms) (answer, bool) {
	h := x.q.Header
	for _, rule := range []struct {
		wanted bool
		name   string
	}{{t.customerToken, "Authorization-customer"}, {t.device, "X-DEVICE-ID"}, {t.address, "X-IP-ADDRESS"}} {
		if rule.wanted && h.Get(rule.name) == "" {
			return s.snapRefusal(x, http.StatusBadRequest, "02", rule.name), false
		}
	}
	if a, ok := s.strictHeaders(x); !ok {
		return a, false
	}
	customer, sent := h["Authorization-Customer"]
	if !sent || (!t.customerToken && !t.customerMay) {
		return answer{}, true
	}
	token := strings.TrimPrefix(customer[0], "Bearer ") // most official clients send it bare
	if number := s.tokens.verdictCustomer(token, x.at); number != "" {
		return s.snapRefusal(x, http.StatusUnauthorized, number, ""), false
	}
	return answer{}, true
}

// plainText is what DOKU's Java client lets into its texts.
var plainText = regexp.MustCompile(`^[a-zA-Z0-9.\-/+,=_:'@% ]*$`).MatchString

// strictHeaders keeps, under its quirk, the bounds of the official clients.
func (s *Server) strictHeaders(x *exchange) (answer, bool) {
	if !s.cfg.has(QuirkStrictTexts) {
		return answer{}, true
	}
	if !(span{0, 64}).covers(x.q.Header.Get("X-DEVICE-ID")) {
		return s.snapRefusal(x, http.StatusBadRequest, "01", "X-DEVICE-ID"), false
	}
	address, err := netip.ParseAddr(x.q.Header.Get("X-IP-ADDRESS"))
	if x.q.Header.Get("X-IP-ADDRESS") != "" && (err != nil || !address.Is4()) {
		return s.snapRefusal(x, http.StatusBadRequest, "01", "X-IP-ADDRESS"), false
	}
	return answer{}, true
}
