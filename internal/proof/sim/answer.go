package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
)

// page is an answer of DOKU's.
type page struct {
	status     int
	body       string
	retryAfter string
	signature  signing
	cut        bool
}

// signing says how a card's answer is signed.
type signing uint8

const (
	signed signing = iota
	wronglySigned
	unsigned
)

const (
	clientID  = "MCH-0001"
	sharedKey = "SK-of-the-simulation"
	cardPath  = "/cancellation/credit-card/refund"
	askPath   = "/orders/v1/status/"
)

var htmlPage = page{status: 200, body: "<html><body>Maintenance</body></html>", signature: unsigned}

// answer puts the page on the wire. id and target are those of the request.
func (p page) answer(card bool, id, target string, at refund.Time) doku.Answer {
	a := doku.Answer{Ending: doku.EndWhole, Status: p.status, Body: []byte(p.body), At: at.Time()}
	if p.cut {
		a.Ending, a.Body = doku.EndCut, nil
	}
	if p.retryAfter != "" {
		a.Header = http.Header{"Retry-After": {p.retryAfter}}
	}
	if !card || p.signature == unsigned {
		return a
	}
	if a.Header == nil {
		a.Header = http.Header{}
	}
	stamp := at.Time().Format("2006-01-02T15:04:05Z")
	key := sharedKey
	if p.signature == wronglySigned {
		key = "another"
	}
	a.Header["Response-Timestamp"] = []string{stamp}
	a.Header["Signature"] = []string{signature(key, id, stamp, target, a.Body)}
	return a
}

// signature is DOKU's signature of an answer (docs/doku-api.md, "Signatures of
// answers"), made without a line of the code that checks it.
func signature(key, id, stamp, target string, body []byte) string {
	digest := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(mac, "Client-Id:"+clientID+"\nRequest-Id:"+id+"\nResponse-Timestamp:"+stamp+
		"\nRequest-Target:"+target+"\nDigest:"+base64.StdEncoding.EncodeToString(digest[:]))
	return "HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func snapPage(status int, caseNo, members string) page {
	return page{status: status, body: fmt.Sprintf(`{"responseCode":"%d07%s","responseMessage":"words"%s}`, status, caseNo, members)}
}

func cardError(status int, code string) page {
	return page{status: status, body: `{"error":{"code":"` + code + `","message":"words"}}`, signature: unsigned}
}

// cardOurs is a body that names the request.
func cardOurs(o doku.Order, refundMembers, more string) string {
	return fmt.Sprintf(`{"order":{"invoice_number":%q},"payment":{"original_request_id":%q},"refund":{"amount":%d%s}%s}`,
		o.InvoiceNumber, o.OriginalRequestID, o.Amount, refundMembers, more)
}

func snapAmount(amount int64) string {
	return fmt.Sprintf(`{"value":"%d.00","currency":"IDR"}`, amount)
}

func granted(o doku.Order) page {
	if o.Channel == channel.CreditCard {
		return page{status: 200, body: cardOurs(o, `,"type":"FULL_REFUND","status":"SUCCESS","message":"Approved","approval_code":"12321"`, "")}
	}
	more := fmt.Sprintf(`,"refundAmount":%s,"originalPartnerReferenceNo":%q`, snapAmount(o.Amount), o.InvoiceNumber)
	if o.Channel == channel.EmoneyShopeePay {
		return snapPage(200, "00", more+`,"additionalInfo":{"latestTransactionStatus":"00"}`)
	}
	return snapPage(200, "00", more+fmt.Sprintf(`,"refundNo":"R1","partnerRefundNo":%q,"refundTime":"2024-01-01T09:09:00.123"`, o.PartnerRefundNo))
}

// declined: DOKU says no in more than one way.
func declined(o doku.Order, way int) page {
	const tooMuch = `,"error":{"code":"PAYMENT_FAILED","message":"Total Refund amount is Bigger than Original Transaction"}`
	if o.Channel == channel.CreditCard {
		p := page{status: 200, body: cardOurs(o, `,"type":"FULL_REFUND","status":"FAILED"`, tooMuch)}
		if way > 0 {
			p.status = 400
		}
		return p
	}
	switch {
	case way == 0:
		return snapPage(404, "13", "")
	case o.Channel == channel.EmoneyShopeePay:
		return snapPage(200, "00", `,"additionalInfo":{"latestTransactionStatus":"06"}`)
	default:
		return snapPage(403, "03", "")
	}
}

func pending(o doku.Order) page {
	if o.Channel == channel.CreditCard {
		return page{status: 202, body: cardOurs(o, `,"status":"PENDING"`, "")}
	}
	return snapPage(202, "00", "")
}

func conflict(o doku.Order, caseNo string) page {
	if o.Channel == channel.CreditCard {
		return cardError(409, "DUPLICATE_REQUEST_ID")
	}
	return snapPage(409, caseNo, "")
}

// refusedForNow names the request, so that its repeat can replay it.
func refusedForNow(o doku.Order, f fault) page {
	card := o.Channel == channel.CreditCard
	switch {
	case card && f == tooMany:
		return page{status: 429, body: cardOurs(o, "", `,"error":{"code":"TOO_MANY_REQUESTS","message":"words"}`), signature: unsigned}
	case card:
		return cardError(503, "MAINTENANCE_MODE")
	case f == tooMany:
		return snapPage(429, "00", "")
	default:
		return snapPage(403, "14", "")
	}
}

func (w *world) credentialsRefused(o doku.Order) page {
	if o.Channel == channel.CreditCard {
		return cardError(400, "invalid_signature")
	}
	return snapPage(401, []string{"00", "01", "03"}[w.rng.IntN(3)], "")
}

func (w *world) brokenPage(o doku.Order) page {
	status := []int{500, 502, 503, 504}[w.rng.IntN(4)]
	if o.Channel == channel.CreditCard {
		return page{status: status, body: `{"status":500,"error":"Internal Server Error"}`, signature: unsigned}
	}
	return snapPage(status, "00", "")
}

// shownRequest is one of our requests as an inquiry shows it.
type shownRequest struct {
	state  progress
	amount int64
}

var cardWords = [...]string{running: "PENDING", paid: "REFUNDED", refused: "FAILED"}

// cardHistory shows the request that went furthest.
func (w *world) cardHistory(o doku.Order, shown []shownRequest) page {
	if len(shown) == 0 {
		if w.rng.IntN(2) == 0 {
			return cardError(404, "DATA_NOT_FOUND")
		}
		return page{status: 200, body: fmt.Sprintf(
			`{"order":{"invoice_number":%q},"transaction":{"status":"SUCCESS"},"card_payment":{"request_id":"the payment's"}}`, o.InvoiceNumber)}
	}
	best := shown[len(shown)-1]
	for _, s := range shown {
		if s.state == paid {
			best = s
		}
	}
	p := page{status: 200, body: fmt.Sprintf(
		`{"order":{"invoice_number":%q},"transaction":{"status":%q},"card_payment":{"request_id":%q},"refund":{"amount":%d}}`,
		o.InvoiceNumber, cardWords[best.state], o.RequestID, best.amount)}
	if w.rng.IntN(2) == 0 {
		p.signature = unsigned
	}
	return p
}

var snapWords = [...]string{running: "03", paid: "00", refused: "06"}

func (w *world) snapHistory(o doku.Order, shown []shownRequest) page {
	if len(shown) == 0 && w.rng.IntN(2) == 0 {
		return page{status: 404, body: `{"responseCode":"4045501","responseMessage":"words"}`}
	}
	entries := ""
	for i, s := range shown {
		if i > 0 {
			entries += ","
		}
		entries += fmt.Sprintf(`{"refundNo":"R1","partnerRefundNo":%q,"refundAmount":%s,"refundStatus":%q}`,
			o.PartnerRefundNo, snapAmount(s.amount), snapWords[s.state])
	}
	return page{status: 200, body: `{"responseCode":"2005500","responseMessage":"words","latestTransactionStatus":"00","refundHistory":[` + entries + `]}`}
}

// tokenPage answers a request for a B2B token.
func (w *world) tokenPage(f fault) page {
	switch f {
	case errorBefore:
		return page{status: 500, body: `{"responseCode":"5007300"}`}
	case pageBefore:
		return htmlPage
	case tooMany:
		return page{status: 429, body: `{"responseCode":"4297300"}`}
	case unauthorized:
		return page{status: 401, body: `{"responseCode":"4017300"}`}
	case truncated:
		return page{status: 200, cut: true}
	default:
		return page{status: 200, body: `{"responseCode":"2007300","accessToken":"b2b","tokenType":"Bearer","expiresIn":900}`}
	}
}

// round is how long an exchange takes when nothing goes wrong.
func (w *world) round() time.Duration { return w.between(10*time.Millisecond, 300*time.Millisecond) }
