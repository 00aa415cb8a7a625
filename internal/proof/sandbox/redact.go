package sandbox

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	crypto "crypto/rand"

	"refundworker.example/refundworker/internal/doku"
)

// redactor replaces ids by others of the same form, the same one for the same
// id within a transcript, and cuts tokens and signatures. The key is made anew
// for each transcript and kept nowhere.
type redactor struct {
	key    []byte
	known  map[string]string // ids that stand within other texts too
	hidden []string          // never to be seen, in whatever place
}

func newRedactor(cfg Config) *redactor {
	r := &redactor{key: []byte(crypto.Text()), known: map[string]string{}}
	r.id(cfg.ClientID)
	for line := range strings.Lines(cfg.Secret.Reveal()) {
		r.hidden = append(r.hidden, strings.TrimSpace(line))
	}
	return r
}

// id is what stands in the transcript for an id.
func (r *redactor) id(text string) string {
	if len(text) < 4 {
		return text
	}
	if _, ok := r.known[text]; !ok {
		r.known[text] = r.hash(text)
	}
	return r.known[text]
}

// hash keeps length and kind of each character.
func (r *redactor) hash(text string) string {
	mac := hmac.New(sha256.New, r.key)
	_, _ = mac.Write([]byte(text))
	sum := mac.Sum(nil)
	dice := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:]))) //nolint:gosec // seeded by a keyed hash
	return strings.Map(func(c rune) rune {
		switch {
		case c >= '0' && c <= '9':
			return '0' + dice.Int32N(10)
		case c >= 'a' && c <= 'z':
			return 'a' + dice.Int32N(26)
		case c >= 'A' && c <= 'Z':
			return 'A' + dice.Int32N(26)
		case c > utf8.RuneSelf:
			return 'x'
		default:
			return c
		}
	}, text)
}

// order returns the order as the transcript shows it.
func (r *redactor) order(o doku.Order) Order {
	return Order{
		Channel: o.Channel, InvoiceNumber: r.id(o.InvoiceNumber), Original: r.id(o.OriginalRequestID), Amount: o.Amount, Reason: o.Reason,
		RequestID: r.id(o.RequestID), ExternalID: r.id(o.ExternalID), PartnerRefundNo: r.id(o.PartnerRefundNo),
	}
}

// cutAt is how much is left of a token or a signature.
const cutAt = 4

func shorten(text string) string {
	scheme, value, found := strings.Cut(text, " ")
	if !found {
		scheme, value = "", text
	}
	if prefix, rest, is := strings.Cut(value, "HMACSHA256="); is {
		value = rest
		scheme += prefix + "HMACSHA256="
	} else if found {
		scheme += " "
	}
	return scheme + value[:min(cutAt, len(value))] + "...cut"
}

// shown are the headers of a transcript, and what becomes of each.
var shown = map[string]func(r *redactor, value string) string{
	"Accept": plain, "Authorization": cutValue, "Authorization-Customer": cutValue, "Client-Id": hashed, "Content-Encoding": plain,
	"Content-Type": plain, "Date": plain, "Digest": plain, "Request-Id": hashed, "Request-Timestamp": plain, "Response-Timestamp": plain,
	"Retry-After": plain, "Server": plain, "Signature": cutValue, "X-Client-Key": hashed, "X-Device-Id": plain, "X-External-Id": hashed,
	"X-Ip-Address": plain, "X-Partner-Id": hashed, "X-Signature": cutValue, "X-Timestamp": plain,
}

func plain(r *redactor, value string) string    { return r.text(value) }
func hashed(r *redactor, value string) string   { return r.id(value) }
func cutValue(_ *redactor, value string) string { return shorten(value) }

func (r *redactor) headers(h http.Header) map[string]string {
	kept := map[string]string{}
	for name, values := range h {
		if show, ok := shown[http.CanonicalHeaderKey(name)]; ok && len(values) > 0 {
			kept[name] = show(r, values[0])
		}
	}
	return kept
}

// spoken are members whose text says what DOKU means; every other text or long
// number in an answer may be somebody's id.
var spoken = []string{
	"accesstokenexpirytime", "amount", "approval_code", "channel", "code", "currency", "date", "error", "expiresin", "granttype",
	"latesttransactionstatus", "message", "originalresponsecode", "originalresponsemessage", "path", "reason", "refunddate", "refundstatus",
	"refundtime", "response_code", "response_message", "responsecode", "responsemessage", "servicecode", "status", "timestamp", "tokentype",
	"transaction_status", "transactionstatusdesc", "transactiontype", "type", "value",
}

var (
	longNumber = regexp.MustCompile(`\b[0-9]{6,}\b`)
	tokens     = []string{"accesstoken", "refreshtoken", "authcode"}
	escapes    = regexp.MustCompile(`\\.`)
	members    = regexp.MustCompile(`("([A-Za-z_]+)"\s*:\s*)("(?:[^"\\]|\\.)*"|[0-9]{6,})`)
)

// text replaces known ids wherever they stand, the longest first.
func (r *redactor) text(text string) string {
	for _, secret := range r.hidden {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "...hidden")
		}
	}
	known := make([]string, 0, len(r.known))
	for id := range r.known {
		known = append(known, id)
	}
	slices.SortFunc(known, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, id := range known {
		text = strings.ReplaceAll(text, id, r.known[id])
	}
	return text
}

// body redacts JSON member by member and leaves all else as it came: a BOM, a
// repeated member, a number with an exponent.
func (r *redactor) body(body string) string {
	done := map[string]bool{}
	for _, id := range r.known {
		done[id] = true
	}
	return members.ReplaceAllStringFunc(r.text(body), func(member string) string {
		parts := members.FindStringSubmatch(member)
		name, value := strings.ToLower(parts[2]), strings.Trim(parts[3], `"`)
		switch {
		case slices.Contains(tokens, name):
			return parts[1] + `"` + shorten(value) + `"`
		case strings.Contains(name, "message"), strings.Contains(name, "desc"):
			return parts[1] + longNumber.ReplaceAllStringFunc(parts[3], func(number string) string {
				if done[number] {
					return number
				}
				return r.hash(number)
			})
		case slices.Contains(spoken, name), done[value], len(value) < 4:
			return member
		case strings.HasPrefix(parts[3], `"`):
			return parts[1] + `"` + r.id(escapes.ReplaceAllString(value, "x")) + `"`
		default:
			return parts[1] + "1" + r.hash(value)[1:] // no zero in front
		}
	})
}
