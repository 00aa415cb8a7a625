package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
)

// probe is one request to DOKU.
type probe struct {
	name     string
	op       string
	channel  channel.Channel
	again    bool              // with the order of the probe before, every id the same
	spoil    func(http.Header) // on the way to DOKU; nil: sent as the worker would
	late     time.Duration     // how far the clock that signs is behind
	reason   string            // of the refund
	readings []reading         // answers that we know of, the documented one first
}

// reading is an answer that a probe may get, and what it tells about DOKU.
type reading struct {
	status int      // 0: any
	codes  []string // cards: error.code; SNAP: the case, two digits; nil: any
	as     string   // how it must be classified
	cause  string
	means  string
}

const oddReason = "salah kirim ☹"

// What the client's classes, findings and causes are called.
const (
	failed, notExecuted, unknown      = "failed", "not_executed", "unknown"
	notFound, noHistory, hasToken     = "not_found", "not_found_no_history", "token"
	noCause, credentials, customerTok = "plain", "credentials", "customer_token"
	collision                         = "collision"
)

var (
	cardMissing  = []string{"data_not_found", "transaction_not_found", "not_found"}
	cardNo       = []string{"invalid_parameter", "validation_error", "data_not_found", "transaction_not_found", "payment_failed"}
	usedBefore   = []string{"idempotent_request", "idempotency_id_conflict"}
	refusedFirst = []reading{{401, []string{"02", "04"}, notExecuted, customerTok, "the made-up customer token is refused before the payment is looked for"}}
)

// probes are all that a merchant with these channels can send.
func probes(channels []channel.Channel, withKey bool) []probe {
	var all []probe
	var snap []channel.Channel
	for _, ch := range channels {
		if ch == channel.CreditCard {
			all = append(all, cardProbes...)
		} else if withKey {
			snap = append(snap, ch)
		}
	}
	if len(snap) == 0 {
		return all
	}
	all = append(all, tokenProbes(snap[0])...)
	for _, ch := range snap {
		all = append(all, probe{name: "SNAP refund of an unknown payment", op: opRefund, channel: ch, readings: snapUnknown})
	}
	for _, p := range snapProbes {
		p.channel = plainest(snap)
		all = append(all, p)
	}
	return all
}

// plainest prefers a channel that wants nothing of the customer: a made-up token
// would be refused before what the probe is about.
func plainest(channels []channel.Channel) channel.Channel {
	for _, ch := range channels {
		if ch.Facts().CustomerToken != channel.Required {
			return ch
		}
	}
	return channels[0]
}

func set(name, value string) func(http.Header) {
	return func(h http.Header) {
		delete(h, name) // as the client wrote it, whatever its letters
		h.Del(name)
		h[name] = []string{value}
	}
}

func drop(name string) func(http.Header) {
	return func(h http.Header) { delete(h, name); h.Del(name) }
}

// forge replaces a signature by one of the same form.
func forge(name, prefix string, length int) func(http.Header) {
	return set(name, prefix+strings.Repeat("A", length-1)+"=")
}

var cardUnknown = []reading{
	{404, cardMissing[:2], failed, noCause, "an unknown payment is a definite no"},
	{400, cardNo, failed, noCause, "an unknown payment is refused with HTTP 400"},
	{422, cardNo, failed, noCause, "an unknown payment is refused with HTTP 422"},
	{200, []string{"payment_failed"}, failed, noCause, "an unknown payment is a FAILED refund"},
}

// used are the answers to a Request-Id that was there before.
func used(means string) []reading {
	return []reading{
		{409, nil, unknown, collision, means},
		{0, usedBefore, unknown, collision, means},
	}
}

func unused(means string) []reading {
	return []reading{
		{404, cardMissing[:2], failed, noCause, means}, {400, cardNo, failed, noCause, means},
		{422, cardNo, failed, noCause, means}, {200, []string{"payment_failed"}, failed, noCause, means},
	}
}

func both(first, second []reading) []reading { return append(append([]reading{}, first...), second...) }

var cardProbes = []probe{
	{
		name: "card status inquiry of an unknown Request-Id", op: opInquiry, channel: channel.CreditCard,
		readings: []reading{{404, cardMissing, notFound, noCause, "an unknown Request-Id is not found"}},
	},
	{name: "card refund of an unknown payment", op: opRefund, channel: channel.CreditCard, readings: cardUnknown},
	{
		name: "the same Request-Id again", op: opRefund, channel: channel.CreditCard, again: true,
		readings: both(used("a request that was refused for what it asks uses up its Request-Id"), unused("a request that was refused for what it asks leaves its Request-Id unused")),
	},
	{
		name: "card refund with a wrong signature", op: opRefund, channel: channel.CreditCard, spoil: forge("Signature", "HMACSHA256=", 44),
		readings: []reading{
			{400, []string{"invalid_signature"}, notExecuted, credentials, "a wrong signature is refused with HTTP 400"},
			{401, nil, notExecuted, credentials, "a wrong signature is refused with HTTP 401"},
		},
	},
	{
		name: "the same Request-Id after a wrong signature", op: opRefund, channel: channel.CreditCard, again: true,
		readings: both(unused("a request that was not executed leaves its Request-Id unused"), used("DOKU counts the Request-Id of a refused request as used")),
	},
	{
		name: "card refund with a timestamp an hour off", op: opRefund, channel: channel.CreditCard, late: time.Hour + 2*time.Minute,
		readings: []reading{{400, []string{"request_time_out_of_range"}, notExecuted, credentials, "the clock may be 3600 s off"}},
	},
	{
		name: "card refund with a wrong client id", op: opRefund, channel: channel.CreditCard, spoil: set("Client-Id", "BRN-0000-0000000000000"),
		readings: []reading{
			{400, []string{"invalid_client_id"}, notExecuted, credentials, "the client id is checked before the signature"},
			{400, []string{"invalid_signature"}, notExecuted, credentials, "the signature is checked before the client id"},
			{401, nil, notExecuted, credentials, "a wrong client id is refused with HTTP 401"},
		},
	},
	{
		name: "card refund without Request-Timestamp", op: opRefund, channel: channel.CreditCard, spoil: drop("Request-Timestamp"),
		readings: []reading{{400, []string{"invalid_header_request"}, notExecuted, credentials, "a missing header is refused before all else"}},
	},
	{
		name: "card refund with a reason outside the character set", op: opRefund, channel: channel.CreditCard, reason: oddReason,
		readings: both(cardUnknown[:1], []reading{{400, cardNo, failed, noCause, "a reason outside the character set is refused"}}),
	},
}

func tokenProbes(ch channel.Channel) []probe {
	return []probe{
		{name: "B2B token", op: opToken, channel: ch, readings: []reading{{200, []string{"00"}, hasToken, noCause, "the key pair and the client id are right"}}},
		{
			name: "B2B token with a wrong signature", op: opToken, channel: ch, spoil: forge("X-SIGNATURE", "", 344),
			readings: []reading{
				{401, nil, "no_token", credentials, "a wrong signature is refused with HTTP 401"},
				{400, nil, "no_token", credentials, "a wrong signature is refused with HTTP 400"},
			},
		},
	}
}

var snapUnknown = both([]reading{
	{404, []string{"01"}, failed, noCause, "an unknown payment is not found"},
	{404, []string{"00"}, failed, noCause, "an unknown payment has the wrong status"},
}, refusedFirst)

func snapUsed(means string) []reading {
	return []reading{
		{409, []string{"00"}, unknown, collision, means},
		{409, []string{"01"}, unknown, collision, "partnerRefundNo counts as used: " + means},
	}
}

func snapUnused(means string) []reading {
	return both([]reading{{404, []string{"01", "00"}, failed, noCause, means}}, refusedFirst)
}

// snapProbes are sent on one channel.
var snapProbes = []probe{
	{
		name: "SNAP status inquiry of an unknown reference", op: opInquiry,
		readings: []reading{
			{404, []string{"01"}, notFound, noCause, "an unknown reference is not found"},
			{200, []string{"00"}, notFound, noCause, "an unknown reference has the status not found"},
			{200, []string{"00"}, noHistory, noCause, "an unknown reference has no history"},
		},
	},
	{name: "SNAP refund of an unknown payment, once more", op: opRefund, readings: snapUnknown},
	{
		name: "the same X-EXTERNAL-ID again", op: opRefund, again: true,
		readings: both(snapUsed("a refused request uses up its X-EXTERNAL-ID"), snapUnused("a refused request leaves its X-EXTERNAL-ID unused")),
	},
	{
		name: "SNAP refund with a wrong signature", op: opRefund, spoil: forge("X-SIGNATURE", "", 88),
		readings: []reading{{401, nil, notExecuted, credentials, "a wrong signature is refused with HTTP 401"}},
	},
	{
		name: "the same X-EXTERNAL-ID after a wrong signature", op: opRefund, again: true,
		readings: both(snapUnused("a request that was not executed leaves its X-EXTERNAL-ID unused"), snapUsed("DOKU counts the X-EXTERNAL-ID of a refused request as used")),
	},
	{
		name: "SNAP refund with a wrong X-PARTNER-ID", op: opRefund, spoil: set("X-PARTNER-ID", "BRN-0000-0000000000000"),
		readings: []reading{
			{401, nil, notExecuted, credentials, "a wrong client id is refused with HTTP 401"},
			{400, []string{"01", "02"}, notExecuted, credentials, "a wrong client id is refused as a bad header"},
			{404, []string{"08"}, notExecuted, credentials, "a wrong client id is no merchant"},
		},
	},
	{
		name: "SNAP refund without X-TIMESTAMP", op: opRefund, spoil: drop("X-TIMESTAMP"),
		readings: []reading{
			{400, []string{"01", "02"}, notExecuted, credentials, "a missing header is refused by its name"},
			{401, nil, notExecuted, credentials, "a missing header is a wrong signature"},
		},
	},
	{
		name: "SNAP refund with a reason outside the character set", op: opRefund, reason: oddReason,
		readings: both(snapUnknown, []reading{{400, []string{"01", "00"}, failed, noCause, "a reason outside the character set is refused"}}),
	},
}

// fits reports whether the line is the answer that r speaks of.
func (r reading) fits(l Line) bool {
	if r.status != 0 && r.status != l.Got.Status || r.as != l.Classified.As || r.cause != l.Classified.Cause {
		return false
	}
	if r.codes == nil {
		return true
	}
	for _, code := range r.codes {
		if strings.EqualFold(code, l.Classified.Code) || len(code) == 2 && len(l.Classified.Code) == 7 && strings.HasSuffix(l.Classified.Code, code) {
			return true
		}
	}
	return false
}

// String is the reading in words.
func (r reading) String() string {
	text := "any status"
	if r.status != 0 {
		text = "HTTP " + strconv.Itoa(r.status)
	}
	if r.codes != nil {
		text += " " + strings.Join(r.codes, " or ")
	}
	return text + ": " + r.as + ", " + r.cause
}
