package dokusim

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Customers' tokens that nobody issued here are good, but for these prefixes:
// so that a job can carry any token it likes, or one that is refused.
const (
	expiredCustomer = "expired-"  // 401/02
	unknownCustomer = "unknown-"  // 401/04
	unlinkedCode    = "unlinked-" // authCode: 401/00, the customer has gone
)

// Lives of a customer's tokens.
const (
	customerLife = 15 * 24 * time.Hour
	refreshLife  = 90 * 24 * time.Hour
)

// tokens are those that were issued, with their ends; a token that ended is
// kept, so that it is told from one that never was.
type tokens struct {
	mu       sync.Mutex
	b2b      map[string]time.Time
	customer map[string]time.Time
	refresh  map[string]grant
}

// grant is what a refresh token stands for.
type grant struct {
	access string
	ends   time.Time
}

func newTokens() *tokens {
	return &tokens{b2b: map[string]time.Time{}, customer: map[string]time.Time{}, refresh: map[string]grant{}}
}

// ExpireTokens ends every token issued so far, B2B and customers'. The next
// call with one of them gets 401/01 or 401/02.
func (s *Server) ExpireTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	for token := range s.tokens.b2b {
		s.tokens.b2b[token] = time.Time{}
	}
	for token := range s.tokens.customer {
		s.tokens.customer[token] = time.Time{}
	}
}

// verdictB2B is the case of the 401 that the token gets: 01 ended, 03 never
// issued, empty: it is good.
func (t *tokens) verdictB2B(token string, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ends, issued := t.b2b[token]
	switch {
	case !issued:
		return "03"
	case !now.Before(ends):
		return "01"
	default:
		return ""
	}
}

// verdictCustomer likewise: 02 ended, 04 unknown.
func (t *tokens) verdictCustomer(token string, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ends, issued := t.customer[token]
	switch {
	case token == "" || strings.HasPrefix(token, unknownCustomer):
		return "04"
	case issued && !now.Before(ends), strings.HasPrefix(token, expiredCustomer):
		return "02"
	default:
		return ""
	}
}

// checkToken verifies the headers of a token request (docs/doku-api.md, "B2B
// tokens").
func (s *Server) checkToken(x *exchange) (answer, bool) {
	h := x.q.Header
	for _, name := range []string{"X-CLIENT-KEY", "X-TIMESTAMP", "X-SIGNATURE"} {
		if h.Get(name) == "" {
			return s.snapRefusal(x, http.StatusBadRequest, "02", name), false
		}
	}
	if a, ok := s.checkSNAPClock(x, h.Get("X-CLIENT-KEY")); !ok {
		return a, false
	}
	if !tokenSignatureHolds(s.cfg.MerchantKey, s.cfg.ClientID, h.Get("X-TIMESTAMP"), h.Get("X-SIGNATURE")) {
		return s.snapRefusal(x, http.StatusUnauthorized, "00", "Invalid Signature"), false
	}
	return answer{}, true
}

// tokenOrder is the body of both token requests.
type tokenOrder struct {
	GrantType    string `json:"grantType"`
	AuthCode     string `json:"authCode"`
	RefreshToken string `json:"refreshToken"`
}

type b2bView struct {
	snapHead
	AccessToken string         `json:"accessToken"`
	TokenType   string         `json:"tokenType"`
	ExpiresIn   jsontext.Value `json:"expiresIn"`
	Info        string         `json:"additionalInfo"`
}

func (s *Server) tokenB2B(x *exchange) answer {
	if a, ok := s.checkToken(x); !ok {
		return a
	}
	var order tokenOrder
	if err := json.Unmarshal(x.body, &order); err != nil || order.GrantType != "client_credentials" {
		return s.snapRefusal(x, http.StatusBadRequest, "01", "grantType")
	}
	token := rand.Text()
	s.tokens.mu.Lock()
	s.tokens.b2b[token] = x.at.Add(s.cfg.TokenLife)
	s.tokens.mu.Unlock()
	head, code := s.snapHead(x, http.StatusOK, "00")
	seconds := itoa(int64(s.cfg.TokenLife / time.Second))
	if s.cfg.has(QuirkExpiresInText) {
		seconds = `"` + seconds + `"`
	}
	return jsonAnswer(http.StatusOK, code, b2bView{head, token, "Bearer", jsontext.Value(seconds), ""})
}

type b2b2cView struct {
	snapHead
	AccessToken  string `json:"accessToken"`
	TokenType    string `json:"tokenType"`
	AccessEnds   string `json:"accessTokenExpiryTime"`
	RefreshToken string `json:"refreshToken"`
	RefreshEnds  string `json:"refreshTokenExpiryTime"`
}

func (s *Server) tokenB2B2C(x *exchange) answer {
	if a, ok := s.checkToken(x); !ok {
		return a
	}
	var order tokenOrder
	if err := json.Unmarshal(x.body, &order); err != nil {
		return s.snapRefusal(x, http.StatusBadRequest, "00", "")
	}
	switch {
	case order.GrantType == "authorization_code" && order.AuthCode == "":
		return s.snapRefusal(x, http.StatusBadRequest, "02", "authCode")
	case order.GrantType == "authorization_code" && strings.HasPrefix(order.AuthCode, unlinkedCode):
		return s.snapRefusal(x, http.StatusUnauthorized, "00", "Customer is not linked")
	case order.GrantType == "authorization_code":
		return s.grantCustomer(x)
	case order.GrantType == "refresh_token" && s.tokens.redeem(order.RefreshToken, x.at):
		return s.grantCustomer(x)
	case order.GrantType == "refresh_token":
		return s.snapRefusal(x, http.StatusUnauthorized, "00", "Invalid Refresh Token")
	default:
		return s.snapRefusal(x, http.StatusBadRequest, "01", "grantType")
	}
}

// redeem uses up a refresh token and ends the access token that came with it:
// anyone who refreshes takes the token from everybody else who holds it.
func (t *tokens) redeem(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, issued := t.refresh[token]
	delete(t.refresh, token)
	if !issued || !now.Before(old.ends) {
		return false
	}
	t.customer[old.access] = time.Time{}
	return true
}

func (s *Server) grantCustomer(x *exchange) answer {
	access, refresh := rand.Text(), rand.Text()
	accessEnds, refreshEnds := x.at.Add(customerLife), x.at.Add(refreshLife)
	s.tokens.mu.Lock()
	s.tokens.customer[access] = accessEnds
	s.tokens.refresh[refresh] = grant{access, refreshEnds}
	s.tokens.mu.Unlock()
	head, code := s.snapHead(x, http.StatusOK, "00")
	local := func(at time.Time) string { return at.In(s.cfg.DayZone).Format(time.RFC3339) }
	return jsonAnswer(http.StatusOK, code, b2b2cView{head, access, "Bearer", local(accessEnds), refresh, local(refreshEnds)})
}
