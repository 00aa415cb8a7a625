package dokusim

import "net/http"

// about says what each fault does. "Before" kinds leave the book untouched; all others
// commit first: money moves, whatever the answer is.
var about = map[Kind]string{
	BadSignature:    "cards: the answer is signed by another",
	ByteOrderMark:   "commits, then answers with a byte order mark before the JSON",
	Delay:           "waits for delay, then commits",
	DelayAfter:      "commits, then waits for delay",
	Edit:            "commits, then changes the answer's JSON by move, drop and set",
	ErrorAfter:      "commits, then answers a 5xx (status; default 500)",
	ErrorBefore:     "answers a 5xx (status; default 500)",
	ExtraAnswer:     "commits, then answers twice at once",
	ExtraAnswerLate: "commits, answers, and answers again when the connection's next request begins",
	Gzip:            "commits, then compresses the answer; cards: signed before",
	GzipSigned:      "commits, then compresses the answer; cards: signed after",
	HTMLAfter:       "commits, then answers a page (status; default 200)",
	HTMLBefore:      "answers a page (status; default 200)",
	Hold:            "commits, then keeps the answer until it is released or the client is gone",
	HoldBefore:      "keeps the request until it is released, then commits, client or not",
	InProgress:      "takes the refund on and moves the money later: after delay, or looks inquiries; fails: never",
	JavaAmounts:     "commits, then prints amounts as a Java double: 90000.0, 1.0E7",
	Latin1:          "commits, then answers with a byte of Latin-1 in its first text",
	NoDigestLine:    "cards: the answer's signature covers no Digest line",
	NoSignature:     "cards: the answer is not signed",
	NumbersAsText:   "commits, then answers with every JSON number as a string",
	PaddingRemoved:  "cards: the answer's signature has no base64 padding",
	Redirect:        "answers a 307 to the same place",
	Refuse:          "answers an error with code, message and status",
	RefuseAfter:     "commits, then answers an error with code, message and status",
	ResetAfter:      "commits, then resets the connection",
	ResetBefore:     "resets the connection",
	Respond:         "answers status and body",
	RespondAfter:    "commits, then answers status and body",
	TextAsNumbers:   "commits, then answers with every string that spells a number as one",
	TooMany:         "answers a 429 with Retry-After (retry_after; default 1s)",
	Truncated:       "commits, then cuts the answer in half",
}

// About says what a fault does.
func (k Kind) About() string { return about[k] }

// Endpoint is one of the control plane.
type Endpoint struct {
	Method  string `json:"method"`
	Path    string `json:"path"`
	What    string `json:"what"`
	Example string `json:"example,omitzero"` // a body
}

// Endpoints returns the control plane: what tests and people steer the simulator by.
func Endpoints() []Endpoint {
	return []Endpoint{
		{http.MethodGet, "/_sim/", "this document", ""},
		{http.MethodGet, "/_sim/book?last=N", "the book, or the last N of each of its lists", ""},
		{http.MethodGet, "/_sim/requests?last=N", "what arrived; &operation= &channel= &invoice= &key= &id= filter", ""},
		{http.MethodGet, "/_sim/traffic", "connections and bytes that arrived", ""},
		{http.MethodGet, "/_sim/held", "requests that are held", ""},
		{http.MethodPost, "/_sim/release", "lets those that match go on; no body: all", `{"invoice":"INV-1"}`},
		{http.MethodGet, "/_sim/faults", "rules with faults left", ""},
		{http.MethodDelete, "/_sim/faults", "forgets all rules", ""},
		{http.MethodPost, "/_sim/faults", "adds a rule: requests that match meet the faults one after the other. A match without operation means refunds; count -1 is every time, for ends the rule",
			`{"match":{"invoice":"INV-1"},"faults":[{"kind":"error_after","count":2}],"for":"30s"}`},
		{http.MethodPost, "/_sim/outage", "a gateway's page in DOKU's place, for a time or until the faults are forgotten",
			`{"match":{"channel":"emoney_ovo"},"status":503,"for":"30s"}`},
		{http.MethodPost, "/_sim/payments", "registers a payment", `{"channel":"credit_card","invoice":"INV-1","amount":90000,"unsettled":true}`},
		{http.MethodPost, "/_sim/tokens/expire", "ends every token issued so far", ""},
	}
}

// index is GET /_sim/: all that can be asked for, and with what words.
type index struct {
	Endpoints  []Endpoint      `json:"endpoints"`
	Faults     map[Kind]string `json:"faults"`
	Operations []Operation     `json:"operations"`
	Channels   []string        `json:"channels"`
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	respond(w, index{Endpoints(), about, operations, channelNames})
}
