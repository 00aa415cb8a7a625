package doku

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/secret"
)

const (
	tokenPath = "/authorization/v1/access-token/b2b" // docs/doku-api.md, "B2B tokens"
	tokenBody = `{"grantType":"client_credentials"}` //nolint:gosec // the same for every merchant

	// tokenMargin is how long a token must still live for a send: send_by is
	// 10 s away at most, and the two clocks may be 20 s apart.
	tokenMargin = 30 * time.Second

	tokenDefaultLife = 900 * time.Second // as DOKU documents it
	tokenMaxLife     = 24 * time.Hour    // what claims to live longer is taken for the default
)

// The kinds of token failure: the values of the label kind.
const (
	tokenUnauthorized    = "credentials"      // no token: DOKU refuses our signature, client id or clock
	tokenThrottled       = "throttled"        // no token: too many requests
	tokenNotSent         = "not_sent"         // no token: no connection
	tokenUnavailable     = "unavailable"      // no token: no answer, or one without a token
	tokenRefused         = "refused"          // a call was refused because of the B2B token, our signature or our configuration
	customerTokenRefused = "customer_refused" // a call was refused because of the customer's token
)

// TokenFailures returns the closed set of kinds that an [Observer] is told.
func TokenFailures() []string {
	return []string{
		tokenUnauthorized, tokenThrottled, tokenNotSent, tokenUnavailable, tokenRefused, customerTokenRefused,
	}
}

var failureKinds = map[Cause]string{
	Credentials: tokenUnauthorized,
	Throttled:   tokenThrottled,
	NotWritten:  tokenNotSent,
	NoSocket:    tokenNotSent,
	Failing:     tokenUnavailable,
}

// token is one B2B token.
type token struct {
	value secret.Text
	ends  time.Time
	renew time.Time // from here on it has not enough life left for a send
}

// renewal is one request for a token; done is closed when the rest is set.
type renewal struct {
	done   chan struct{}
	token  token
	failed *PrepareError
}

// tokens shares one B2B token among all callers: one of them renews it, the
// others wait, each as long as its own context allows.
type tokens struct {
	now   func() time.Time
	fetch func(context.Context) (token, *PrepareError) // one request, bounded in time

	life    context.Context // ends renewals: they belong to the client, not to the caller that began one
	running sync.WaitGroup

	mu      sync.Mutex
	current token
	pending *renewal
}

// usable returns the token if it still lives, without waiting for anything.
func (t *tokens) usable() (secret.Text, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current.value, !t.current.value.IsZero() && t.now().Before(t.current.ends)
}

// get returns a token with enough life left for a send.
func (t *tokens) get(ctx context.Context) (secret.Text, *PrepareError) {
	t.mu.Lock()
	if !t.current.value.IsZero() && t.now().Before(t.current.renew) {
		defer t.mu.Unlock()
		return t.current.value, nil
	}
	if t.life.Err() != nil {
		defer t.mu.Unlock()
		return secret.Text{}, &PrepareError{Cause: NotWritten, Err: ErrClosed}
	}
	r := t.join()
	t.mu.Unlock()
	select {
	case <-ctx.Done():
		return secret.Text{}, &PrepareError{Cause: NotWritten, Err: ctx.Err()}
	case <-r.done:
		return r.token.value, r.failed
	}
}

// join returns the renewal that is under way, or begins one. The caller holds
// the lock.
func (t *tokens) join() *renewal {
	if t.pending != nil {
		return t.pending
	}
	r := &renewal{done: make(chan struct{})}
	t.pending = r
	t.running.Go(func() { t.run(r) })
	return r
}

func (t *tokens) run(r *renewal) {
	defer close(r.done)
	r.token, r.failed = t.fetch(t.life)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = nil
	if r.failed == nil {
		t.current = r.token
	}
}

// inUse returns the token, ended or not.
func (t *tokens) inUse() secret.Text {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current.value
}

// drop forgets a token that DOKU refused, if it is still the one in use: the
// refusal may be late, and the token a new one.
func (t *tokens) drop(refused secret.Text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.value == refused {
		t.current = token{}
	}
}

// tokenAnswer is what is read of the answer to a request for a token.
type tokenAnswer struct {
	ResponseCode snapCode `json:"responseCode"`
	AccessToken  string   `json:"accessToken"`
	ExpiresIn    seconds  `json:"expiresIn"`
}

// seconds is expiresIn: a number or a text. Zero stands for one that is not
// there, or that no token's life can be read from (-1, a thousand years): the
// token is good all the same, and a refusal tells when it has ended.
type seconds struct{ value time.Duration }

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (s *seconds) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*s = seconds{}
	if kind := d.PeekKind(); kind != '"' && kind != '0' {
		return d.SkipValue()
	}
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	number, ok := parseDecimal(t.String())
	whole, fits := number.floor().whole()
	if ok && fits && whole <= int64(tokenMaxLife/time.Second) {
		s.value = time.Duration(whole) * time.Second
	}
	return nil
}

// fetchToken makes one request for a B2B token (docs/doku-api.md, "B2B tokens").
func (c *Client) fetchToken(ctx context.Context) (token, *PrepareError) {
	private := c.keys.Load().private
	if private == nil {
		return token{}, &PrepareError{Cause: Credentials, Err: ErrNoPrivateKey}
	}
	asked := c.cfg.Now()
	stamp := timestamp(asked)
	signature, err := tokenSignature(private, c.cfg.ClientID, stamp)
	if err != nil {
		return token{}, &PrepareError{Cause: Credentials, Err: err}
	}
	got := c.wire.send(ctx, request{
		operation: OpToken, method: http.MethodPost, path: tokenPath, body: []byte(tokenBody),
		header: header{{"X-CLIENT-KEY", c.cfg.ClientID}, {"X-TIMESTAMP", stamp}, {"X-SIGNATURE", signature}},
	})
	fresh, failed := readToken(got, asked)
	if failed != nil {
		c.cfg.Observe.tokenFailure(failureKinds[failed.Cause])
		c.cfg.Log.WarnContext(ctx, "b2b token not renewed", "code", failed.Code, "error", failed)
		if failed.Unlisted {
			c.unlisted(ctx, OpToken, failed.HTTPStatus, failed.Code)
		}
	}
	return fresh, failed
}

// readToken counts the token's life from before it was asked for.
func readToken(r reply, asked time.Time) (token, *PrepareError) {
	var a tokenAnswer
	err := r.decode(&a)
	failed := &PrepareError{RetryAfter: r.retryAfter(), HTTPStatus: r.status}
	failed.Cause, failed.Unlisted = a.cause(r, err)
	if a.ResponseCode.status != 0 { // else it may be any text
		failed.Code = a.ResponseCode.text
	}
	switch {
	case err != nil:
		failed.Err = err
		return token{}, failed
	case r.status != http.StatusOK || a.ResponseCode.status != http.StatusOK || a.ResponseCode.caseNo != 0:
		failed.Err = errors.New("refused")
		return token{}, failed
	case headerValue("token", a.AccessToken) != nil:
		failed.Err = errors.New("the answer holds no usable token")
		return token{}, failed
	}
	life := a.ExpiresIn.value
	if life == 0 {
		life = tokenDefaultLife
	}
	// A token that lives shorter than the margin is used for its first half,
	// else every send would ask for a new one.
	return token{
		value: secret.New(a.AccessToken),
		ends:  asked.Add(life),
		renew: asked.Add(life - min(tokenMargin, life/2)),
	}, nil
}

// tokenCauses by the status of the response code.
var tokenCauses = map[int]Cause{
	http.StatusBadRequest:      Credentials,
	http.StatusUnauthorized:    Credentials,
	http.StatusForbidden:       Credentials,
	http.StatusTooManyRequests: Throttled,
}

// cause says why there is no token, and whether the code stands in no table. A
// 401 and a 429 speak for themselves; anything else needs DOKU's code: a 403 may
// be a firewall's. A code inside an HTTP 200 is believed, for no money hangs on it.
func (a *tokenAnswer) cause(r reply, unreadable error) (cause Cause, unlisted bool) {
	code := a.ResponseCode.status
	switch {
	case r.fault == notWritten:
		return NotWritten, false
	case r.fault == noSocket:
		return NoSocket, false
	case r.status == http.StatusUnauthorized, r.status == http.StatusTooManyRequests:
		return tokenCauses[r.status], false
	case unreadable != nil || code == 0 || code != r.status && r.status != http.StatusOK:
		return Failing, false
	}
	if cause, ok := tokenCauses[code]; ok {
		return cause, false
	}
	return Failing, !slices.Contains(tokenListed, code)
}

// tokenListed are statuses whose codes say that DOKU fails, or that there is a
// token.
var tokenListed = []int{
	http.StatusOK, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}
