package doku

import (
	"errors"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/secret"
)

func goodConfig() Config {
	return Config{
		BaseURL: "https://api-sandbox.doku.com", ClientID: testClientID, Secret: secret.New(testKey),
		Timeout: time.Minute, Slots: 1,
	}
}

func TestSettingsReportAllThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Secret: secret.New(" \n")})
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"base url", "client id is missing", "secret is missing", "timeout", "slots"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among\n%v", want, err)
		}
	}
}

func TestBaseURLIsHTTPSOrLoopback(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://api.doku.com":           true,
		"https://api.doku.com/":          true,
		"https://api.doku.com:8443":      true,
		"http://127.0.0.1:9465":          true,
		"http://127.9.9.9":               true,
		"http://[::1]:9465":              true,
		"http://localhost:9465":          true,
		"http://api.doku.com":            false,
		"http://localhost.example.com":   false,
		"http://0.0.0.0:9465":            false,
		"https://api.doku.com/v1":        false,
		"https://api.doku.com?x=1":       false,
		"https://api.doku.com#x":         false,
		"https://user:pass@api.doku.com": false,
		"ftp://api.doku.com":             false,
		"api.doku.com":                   false,
		"https://":                       false,
		"https://:443":                   false,
		"https://api.doku.com:99999":     false,
		"http://127.0.0.1:0":             false,
		"https://api doku com":           false,
		"":                               false,
	} {
		c := goodConfig()
		c.BaseURL = url
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
		if err := c.Validate(); err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%v quotes the url", err)
		}
	}
}

func TestSecretMayHoldTwoKeysNewestFirst(t *testing.T) {
	t.Parallel()
	keys := secretLines(secret.New("  new \r\n\n old\n"))
	if len(keys) != 2 || keys[0].Reveal() != "new" || keys[1].Reveal() != "old" {
		t.Errorf("%d keys", len(keys))
	}
}
