package dokusim

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Secret is the key shared with the merchant. It prints as [redacted].
type Secret string

// Format writes [redacted], whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue keeps the key out of structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText keeps the key out of every encoder.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Config is one simulator. Only ClientID, SecretKey and MerchantKey must be
// given; the zero value of every other field is its default.
type Config struct {
	// AutoPayments, in rupiah, is the amount of a payment that is registered
	// when a refund first names its invoice: default 1,000,000,000,000, and the
	// refund's own amount where that is more, or where the channel refunds only
	// whole payments. Generous, so that a second payment of the same refund is
	// never hidden behind a refusal. Negative: unknown invoices are refused.
	AutoPayments int64

	// BookFile keeps the book across restarts: one JSON line a change, appended
	// before the answer leaves. Empty: the book lives in memory.
	BookFile string

	// ClientID is the merchant's, as sent in Client-Id, X-PARTNER-ID and
	// X-CLIENT-KEY.
	ClientID string

	// DayZone says where a day ends for X-EXTERNAL-ID. Default: Jakarta.
	DayZone *time.Location

	// Delay is how long DOKU works on a request; the commit is in the middle.
	Delay time.Duration

	// KeepRequests bounds [Server.Requests]: default 100,000, then the oldest go.
	KeepRequests int

	// Log gets one debug line a request and nothing secret. Default: none.
	Log *slog.Logger

	// MerchantKey verifies the signatures of token requests.
	MerchantKey *rsa.PublicKey

	// Now is the server's clock. Default: time.Now.
	Now func() time.Time

	// Quirks are the readings of what the documents leave open.
	Quirks []Quirk

	// SecretKey signs and verifies both families.
	SecretKey Secret

	// Seed makes the dice of rules with a probability: the same seed gives the
	// same request, by its ids, the same fate, in whatever order they come.
	Seed uint64

	// Skew is how far a request's timestamp may be from Now. Default: 3600 s, as
	// DOKU's own words about a card request say.
	Skew time.Duration

	// TokenLife is how long a B2B token lives. Default: 900 s
	// (docs/doku-api.md, "B2B tokens").
	TokenLife time.Duration
}

// Quirk is one reading of something that DOKU's documents do not say. A client
// must be safe under each.
type Quirk string

// The closed set of quirks; [Quirks] describes them.
const (
	QuirkAdditionalInfoEmpty Quirk = "additional_info_empty"
	QuirkAmountsAsText       Quirk = "amounts_as_text"
	QuirkBareConflict        Quirk = "bare_conflict"
	QuirkByteOrderMark       Quirk = "byte_order_mark"
	QuirkEmptyHistory        Quirk = "empty_history"
	QuirkExpiresInText       Quirk = "expires_in_text"
	QuirkFailedWith400       Quirk = "failed_with_400"
	QuirkGetNoDigest         Quirk = "get_no_digest"
	QuirkGzip                Quirk = "gzip"
	QuirkHistoryInside       Quirk = "history_inside"
	QuirkHistoryNoNumbers    Quirk = "history_no_numbers"
	QuirkHistoryReferenceNo  Quirk = "history_partner_reference_no"
	QuirkIDsEndWithDay       Quirk = "ids_end_with_day"
	QuirkIdempotent400       Quirk = "idempotent_400"
	QuirkJavaAmounts         Quirk = "java_amounts"
	QuirkNumbersAsText       Quirk = "numbers_as_text"
	QuirkNumericCodes        Quirk = "numeric_codes"
	QuirkOneRefundAtATime    Quirk = "one_refund_at_a_time"
	QuirkOwnNumbers          Quirk = "own_numbers"
	QuirkPartialStatus       Quirk = "partial_status"
	QuirkPartnerRefundNoFree Quirk = "partner_refund_no_free"
	QuirkRefusalsUseID       Quirk = "refusals_use_id"
	QuirkRefusalsUseNoID     Quirk = "refusals_use_no_id"
	QuirkReserialise         Quirk = "reserialise"
	QuirkService58           Quirk = "service_58"
	QuirkSignErrors          Quirk = "sign_errors"
	QuirkStrictTexts         Quirk = "strict_texts"
	QuirkUnpadded            Quirk = "unpadded"
)

// Defaults of Config.
const (
	defaultAuto      = 1_000_000_000_000
	defaultKeep      = 100_000
	defaultSkew      = 3600 * time.Second
	defaultTokenLife = 900 * time.Second
	jakartaOffset    = 7 * 60 * 60 // seconds
)

// largestAmount is the largest refund in rupiah: 16 digits.
const largestAmount int64 = 9_999_999_999_999_999

var quirkTexts = map[Quirk]string{
	QuirkAdditionalInfoEmpty: "additionalInfo is an empty array",
	QuirkAmountsAsText:       "card amounts come back as strings",
	QuirkBareConflict:        "a repeated Request-Id gets idempotent_request without the stored body",
	QuirkByteOrderMark:       "every answer begins with a BOM",
	QuirkEmptyHistory:        "a SNAP inquiry leaves refundHistory empty",
	QuirkExpiresInText:       "expiresIn of a token is a string",
	QuirkFailedWith400:       "a FAILED card answer has HTTP status 400",
	QuirkGetNoDigest:         "answers to a GET are signed without a Digest line",
	QuirkGzip:                "every answer is compressed, asked or not; signatures cover what was compressed",
	QuirkHistoryInside:       "a SNAP inquiry has refundHistory inside additionalInfo",
	QuirkHistoryNoNumbers:    "refundHistory leaves out partnerRefundNo",
	QuirkHistoryReferenceNo:  "refundHistory calls partnerRefundNo partnerReferenceNo",
	QuirkIDsEndWithDay:       "Request-Ids and partnerRefundNos are forgotten at the end of the day",
	QuirkIdempotent400:       "idempotent_request comes with HTTP status 400 instead of 409",
	QuirkJavaAmounts:         "amounts are printed as a Java double is: 90000.0, 1.0E7",
	QuirkNumbersAsText:       "every JSON number comes back as a string",
	QuirkNumericCodes:        "responseCode is a JSON number",
	QuirkOneRefundAtATime:    "a second refund of a payment is refused while one is in progress",
	QuirkOwnNumbers:          "SNAP answers and refundHistory show DOKU's numbers in place of ours, as DOKU's direct debit document's sample does",
	QuirkPartialStatus:       "a card inquiry says PARTIAL_REFUND of a partial refund",
	QuirkPartnerRefundNoFree: "a repeated partnerRefundNo is paid again",
	QuirkRefusalsUseID:       "every refused request uses up its Request-Id or X-EXTERNAL-ID",
	QuirkRefusalsUseNoID:     "a refused request leaves its Request-Id or X-EXTERNAL-ID unused",
	QuirkReserialise:         "the SNAP body hash is taken after parsing and printing the body",
	QuirkService58:           "refunds answer with service 58 of the standard instead of 07",
	QuirkSignErrors:          "card errors and 409s are signed too",
	QuirkStrictTexts:         "texts, device ids and addresses are held to what the official clients send",
	QuirkUnpadded:            "card signatures have no base64 padding",
}

// Quirks returns every quirk with a line about it.
func Quirks() map[Quirk]string {
	all := make(map[Quirk]string, len(quirkTexts))
	for quirk, text := range quirkTexts {
		all[quirk] = text
	}
	return all
}

// filled returns c with its defaults, or every problem at once.
func (c Config) filled() (Config, error) {
	var problems []error
	complain := func(bad bool, text string) {
		if bad {
			problems = append(problems, fmt.Errorf("%w: %s", ErrConfig, text))
		}
	}
	complain(c.ClientID == "", "client id is missing")
	complain(c.SecretKey == "", "secret key is missing")
	complain(c.MerchantKey == nil, "merchant key is missing")
	complain(c.Delay < 0, "delay is negative")
	complain(c.Skew < 0, "skew is negative")
	complain(c.TokenLife < 0, "token life is negative")
	complain(c.AutoPayments > largestAmount, "automatic payments are larger than any refund")
	for _, quirk := range c.Quirks {
		complain(quirkTexts[quirk] == "", fmt.Sprintf("no quirk is called %.40q", string(quirk)))
	}
	complain(c.has(QuirkRefusalsUseID) && c.has(QuirkRefusalsUseNoID), "a refused request cannot both use its id and not")
	return c.defaulted(), errors.Join(problems...)
}

func (c Config) defaulted() Config {
	c.AutoPayments = or(c.AutoPayments, defaultAuto)
	c.KeepRequests = or(c.KeepRequests, defaultKeep)
	c.Skew = or(c.Skew, defaultSkew)
	c.TokenLife = or(c.TokenLife, defaultTokenLife)
	if c.DayZone == nil {
		c.DayZone = time.FixedZone("WIB", jakartaOffset)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) has(quirk Quirk) bool { return slices.Contains(c.Quirks, quirk) }

func (c Config) day(at time.Time) string { return at.In(c.DayZone).Format(time.DateOnly) }

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// digits reports whether text is 1 to most decimal digits.
func digits(text string, most int) bool {
	return text != "" && len(text) <= most && strings.Trim(text, "0123456789") == ""
}
