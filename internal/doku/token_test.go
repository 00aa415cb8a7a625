package doku

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

func TestTokenRequestIsSignedWithTheMerchantsKey(t *testing.T) {
	t.Parallel()
	public := testPrivateKey(t).PublicKey
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method+" "+r.RequestURI != "POST /authorization/v1/access-token/b2b" ||
			string(body) != `{"grantType":"client_credentials"}` || r.Header.Get("X-Client-Key") != testClientID {
			t.Errorf("%s %s %s %q", r.Method, r.RequestURI, body, r.Header)
		}
		sum := sha256.Sum256([]byte(testClientID + "|" + r.Header.Get("X-Timestamp")))
		signature, _ := base64.StdEncoding.DecodeString(r.Header.Get("X-Signature"))
		if err := rsa.VerifyPKCS1v15(&public, crypto.SHA256, sum[:], signature); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, tokenSuccessBody)
	})
	prepare(t, newTestClient(t, s.URL))
}

func TestCardsNeedNoToken(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, "http://127.0.0.1", func(c *Config) { c.PrivateKey = nil })
	if err := c.Prepare(t.Context(), channel.CreditCard); err != nil {
		t.Error(err)
	}
	err := c.Prepare(t.Context(), channel.EmoneyOVO)
	var failed *PrepareError
	if !errors.Is(err, ErrNoPrivateKey) || !errors.As(err, &failed) || failed.Cause != Credentials {
		t.Errorf("got %v", err)
	}
}

func TestRefundWithoutTokenAtHandSendsNothing(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	wantVerdict(t, newTestClient(t, s.URL).Refund(t.Context(), snapOrder()), NotExecuted, NoToken)
	if calls.Load() != 0 {
		t.Errorf("%d calls", calls.Load())
	}
}

// fakeTokens is a token source whose requests the test answers.
func fakeTokens(t *testing.T, fetch func(context.Context) (token, *PrepareError)) *tokens {
	t.Helper()
	life, end := context.WithCancel(t.Context())
	source := &tokens{now: time.Now, fetch: fetch, life: life}
	t.Cleanup(func() { end(); source.running.Wait() })
	return source
}

// numbered makes tokens 1, 2, 3 … of 900 s.
func numbered(calls *atomic.Int32) func(context.Context) (token, *PrepareError) {
	return func(context.Context) (token, *PrepareError) {
		value := secret.New(fmt.Sprintf("token-%d", calls.Add(1)))
		return token{value: value, ends: time.Now().Add(900 * time.Second), renew: time.Now().Add(870 * time.Second)}, nil
	}
}

func TestTokenIsRenewedBeforeItEndsAndNotSooner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		source := fakeTokens(t, numbered(&calls))
		for _, step := range []struct {
			wait  time.Duration
			calls int32
		}{{0, 1}, {869 * time.Second, 1}, {time.Second, 2}, {800 * time.Second, 2}} {
			<-time.After(step.wait)
			if _, failed := source.get(t.Context()); failed != nil || calls.Load() != step.calls {
				t.Errorf("after %v: %d renewals, %v", step.wait, calls.Load(), failed)
			}
		}
	})
}

func TestTokenIsAtHandUntilItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		source := fakeTokens(t, numbered(&calls))
		if _, ok := source.usable(); ok {
			t.Error("a token at hand before there was one")
		}
		_, _ = source.get(t.Context())
		<-time.After(899 * time.Second)
		if _, ok := source.usable(); !ok {
			t.Error("none at hand though it lives")
		}
		<-time.After(time.Second)
		if _, ok := source.usable(); ok {
			t.Error("an ended token at hand")
		}
	})
}

func TestOneCallerRenewsWhileTheOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		answer := make(chan struct{})
		source := fakeTokens(t, func(ctx context.Context) (token, *PrepareError) {
			<-answer
			return numbered(&calls)(ctx)
		})
		var waiting sync.WaitGroup
		for range 20 {
			waiting.Go(func() {
				if value, failed := source.get(t.Context()); failed != nil || value.Reveal() != "token-1" {
					t.Errorf("got %q, %v", value.Reveal(), failed)
				}
			})
		}
		// One of them gives up by its own context; the others do not notice.
		ctx, cancel := context.WithCancel(t.Context())
		waiting.Go(func() {
			_, failed := source.get(ctx)
			if failed == nil || !errors.Is(failed, context.Canceled) || failed.Cause != NotWritten {
				t.Errorf("got %v", failed)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(answer)
		waiting.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d renewals", calls.Load())
		}
	})
}

func TestRenewalOutlivesTheCallerThatBeganIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		answer := make(chan struct{})
		source := fakeTokens(t, func(ctx context.Context) (token, *PrepareError) {
			<-answer
			return numbered(&calls)(ctx)
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, failed := source.get(ctx); failed == nil {
			t.Error("no error though the context has ended")
		}
		close(answer)
		synctest.Wait()
		if value, ok := source.usable(); !ok || value.Reveal() != "token-1" {
			t.Errorf("at hand: %v", ok)
		}
	})
}

func TestFailedRenewalIsToldToAllAndTriedAgainByTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		source := fakeTokens(t, func(ctx context.Context) (token, *PrepareError) {
			if calls.Add(1) == 1 {
				<-time.After(time.Second)
				return token{}, &PrepareError{Cause: Throttled, RetryAfter: 5 * time.Second, Err: errors.New("refused")}
			}
			return numbered(&calls)(ctx)
		})
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if _, failed := source.get(t.Context()); failed == nil || failed.RetryAfter != 5*time.Second {
					t.Errorf("got %v", failed)
				}
			})
		}
		waiting.Wait()
		if _, failed := source.get(t.Context()); failed != nil {
			t.Error(failed)
		}
	})
}

func TestRefusedTokenIsDroppedOnlyIfItIsStillInUse(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	source := fakeTokens(t, numbered(&calls))
	first, _ := source.get(t.Context())
	source.drop(first)
	if _, ok := source.usable(); ok {
		t.Error("a refused token is still at hand")
	}
	second, _ := source.get(t.Context())
	source.drop(first) // a late 401 for the token before
	if value, ok := source.usable(); !ok || value != second || calls.Load() != 2 {
		t.Error("the new token was dropped for the old one's refusal")
	}
}

func TestCloseEndsARenewalThatIsUnderWay(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-r.Context().Done()
	})
	c := newTestClient(t, s.URL, func(c *Config) { c.Timeout = time.Hour })
	failed := make(chan error, 1)
	go func() { failed <- c.Prepare(t.Context(), channel.EmoneyOVO) }()
	<-asked
	c.Close()
	c.Close() // once more is harmless
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	if err := c.Prepare(t.Context(), channel.EmoneyOVO); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestTokenAnswers(t *testing.T) {
	t.Parallel()
	answer := func(code, token, expires string) string {
		return `{"responseCode":` + code + `,"accessToken":"` + token + `","expiresIn":` + expires + `}`
	}
	tests := []struct {
		name   string
		status int
		body   string
		life   time.Duration // 0: refused
		cause  Cause
	}{
		{"seconds as a number", 200, answer(`"2007300"`, "t", `900`), 900 * time.Second, Plain},
		{"seconds as a text", 200, answer(`"2007300"`, "t", `"600"`), 600 * time.Second, Plain},
		{"code as a number", 200, answer(`2007300`, "t", `900`), 900 * time.Second, Plain},
		{"no seconds", 200, `{"responseCode":"2007300","accessToken":"t"}`, 900 * time.Second, Plain},
		{"seconds as a double", 200, answer(`"2007300"`, "t", `3600.0`), time.Hour, Plain},
		{"seconds as a double in quotes", 200, answer(`"2007300"`, "t", `"3600.0"`), time.Hour, Plain},
		{"seconds as a double with an exponent", 200, answer(`"2007300"`, "t", `3.6E3`), time.Hour, Plain},
		{"seconds with a fraction", 200, answer(`"2007300"`, "t", `899.5`), 899 * time.Second, Plain},
		{"a day", 200, answer(`"2007300"`, "t", `86400`), 24 * time.Hour, Plain},
		{"a year", 200, answer(`"2007300"`, "t", `31536000`), 900 * time.Second, Plain},
		{"more than any clock", 200, answer(`"2007300"`, "t", `1e300`), 900 * time.Second, Plain},
		{"seconds as words", 200, answer(`"2007300"`, "t", `"soon"`), 900 * time.Second, Plain},
		{"seconds as an object", 200, answer(`"2007300"`, "t", `{"s":900}`), 900 * time.Second, Plain},
		{"seconds null", 200, answer(`"2007300"`, "t", `null`), 900 * time.Second, Plain},
		{"no second", 200, answer(`"2007300"`, "t", `0`), 900 * time.Second, Plain},
		{"half a second", 200, answer(`"2007300"`, "t", `0.5`), 900 * time.Second, Plain},
		{"negative seconds", 200, answer(`"2007300"`, "t", `-1`), 900 * time.Second, Plain},
		{"seconds twice", 200, `{"responseCode":"2007300","accessToken":"t","expiresIn":1,"expiresIn":2}`, 0, Failing},
		{"a byte order mark", 200, "\uFEFF" + answer(`"2007300"`, "t", `900`), 900 * time.Second, Plain},
		{"no token", 200, answer(`"2007300"`, "", `900`), 0, Failing},
		{"a token with a line break", 200, answer(`"2007300"`, `a\nb`, `900`), 0, Failing},
		{"a token that is a list", 200, `{"responseCode":"2007300","accessToken":["t"]}`, 0, Failing},
		{"another case", 200, answer(`"2007301"`, "t", `900`), 0, Failing},
		{"html", 200, `<html>`, 0, Failing},
		{"nothing", 200, ``, 0, Failing},
		{"unauthorized", 401, `{"responseCode":"4017300","responseMessage":"Unauthorized"}`, 0, Credentials},
		{"unauthorized with html", 401, `<html>`, 0, Credentials},
		{"unauthorized inside 200", 200, `{"responseCode":"4017300","accessToken":""}`, 0, Credentials},
		{"throttled inside 200", 200, `{"responseCode":"4297300"}`, 0, Throttled},
		{"unauthorized inside 500", 500, `{"responseCode":"4017300"}`, 0, Failing},
		{"forbidden", 403, `{"responseCode":"4037300"}`, 0, Credentials},
		{"forbidden by a firewall", 403, `<html>`, 0, Failing},
		{"forbidden by a gateway", 403, `{"message":"Forbidden"}`, 0, Failing},
		{"bad request", 400, `{"responseCode":"4007301"}`, 0, Credentials},
		{"bad request without a code", 400, `{}`, 0, Failing},
		{"a code that no table lists", 404, `{"responseCode":"4047300"}`, 0, Failing},
		{"throttled", 429, `<html>`, 0, Throttled},
		{"server error", 500, `{"responseCode":"5007300"}`, 0, Failing},
		{"bad gateway", 502, `<html>`, 0, Failing},
		{"redirect", 302, answer(`"2007300"`, "t", `900`), 0, Failing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := time.Unix(5000, 0)
			r := respond(tt.status, tt.body)
			r.header.Set("Retry-After", "4")
			got, failed := readToken(r, asked)
			if tt.life > 0 {
				if failed != nil || got.ends.Sub(asked) != tt.life || got.value.Reveal() != "t" {
					t.Errorf("got %v, %v", got.ends.Sub(asked), failed)
				}
				return
			}
			if failed == nil || failed.Cause != tt.cause || failed.RetryAfter != 4*time.Second || failed.HTTPStatus != tt.status {
				t.Errorf("got %+v", failed)
			}
		})
	}
}

func TestShortLivedTokenIsStillUsed(t *testing.T) {
	t.Parallel()
	asked := time.Unix(5000, 0)
	got, failed := readToken(respond(200, `{"responseCode":"2007300","accessToken":"t","expiresIn":10}`), asked)
	if failed != nil || got.renew.Sub(asked) != 5*time.Second || got.ends.Sub(asked) != 10*time.Second {
		t.Errorf("got %+v, %v", got, failed)
	}
}

// The whole way of a 401: the refund is not executed, the token is gone, the
// next Prepare brings another, and the second send goes out with it.
func TestTokenRefusedIsReplacedForTheNextSend(t *testing.T) {
	t.Parallel()
	var given atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			_, _ = fmt.Fprintf(w, `{"responseCode":"2007300","accessToken":"token-%d","expiresIn":900}`, given.Add(1))
			return
		}
		if r.Header.Get("Authorization") == "Bearer token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"responseCode":"4010701","responseMessage":"Access Token Invalid (B2B)"}`)
			return
		}
		_, _ = io.WriteString(w, snapSuccessBody)
	})
	var kinds []string
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Observe.TokenFailure = func(kind string) { kinds = append(kinds, kind) }
	})
	prepare(t, c)
	wantVerdict(t, c.Refund(t.Context(), snapOrder()), NotExecuted, Credentials)
	wantVerdict(t, c.Refund(t.Context(), snapOrder()), NotExecuted, NoToken) // none at hand, and none fetched
	prepare(t, c)
	wantVerdict(t, c.Refund(t.Context(), snapOrder()), Succeeded, Plain)
	if given.Load() != 2 || fmt.Sprint(kinds) != "[refused]" {
		t.Errorf("%d tokens, failures %v", given.Load(), kinds)
	}
}

func TestCustomersRefusalDropsNoB2BToken(t *testing.T) {
	t.Parallel()
	s := snapServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"responseCode":"4010702"}`)
	})
	c := newTestClient(t, s.URL)
	prepare(t, c)
	wantVerdict(t, c.Refund(t.Context(), snapOrder()), NotExecuted, CustomerToken)
	if _, ok := c.tokens.usable(); !ok {
		t.Error("the b2b token was dropped")
	}
}
