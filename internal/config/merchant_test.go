package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/config"
)

func good() config.MerchantFlags {
	return config.MerchantFlags{DOKUEnv: "sandbox", DOKUClientID: "BRN-1", DOKUSecretKey: "planted-secret-7", DOKUTimeout: "60s"}
}

func TestGoodFlagsAreAMerchant(t *testing.T) {
	t.Parallel()
	var p config.Problems
	m := good().Check(&p)
	if len(p) > 0 || m.BaseURL != "https://api-sandbox.doku.com" || m.ClientID != "BRN-1" || m.Timeout != time.Minute || m.Secret.Reveal() != "planted-secret-7" {
		t.Errorf("%+v, problems %v", m, p)
	}
}

func TestEveryProblemIsNamedAtOnceAndNoSecretIsShown(t *testing.T) {
	t.Parallel()
	var p config.Problems
	config.MerchantFlags{
		DOKUEnv: "simulator", DOKUBaseURL: "https://api.doku.com", DOKUSecretKey: "planted-secret-8",
		DOKUSecretKeyFile: "/nowhere", DOKUPrivateKeyFile: "/nowhere", DOKUTimeout: "x",
	}.Check(&p)
	text := strings.Join(p, "\n")
	for _, name := range []string{"DOKU_CLIENT_ID:", "DOKU_TIMEOUT:", "DOKU_SECRET_KEY:", "DOKU_PRIVATE_KEY_FILE:", "DOKU_BASE_URL: the simulator"} {
		if !strings.Contains(text, name) {
			t.Errorf("no line about %s in:\n%s", name, text)
		}
	}
	if strings.Contains(text, "planted-secret") {
		t.Errorf("a secret is shown: %s", text)
	}
}

func TestDOKUIsNotAskedInTheFirstMinuteWhereMoneyIsReal(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]time.Duration{"production": time.Minute, "sandbox": time.Millisecond, "simulator": time.Millisecond} {
		f := good()
		f.DOKUEnv = env
		var p config.Problems
		if m := f.Check(&p); m.LeastInquiryDelay != want || len(p) > 0 {
			t.Errorf("%s: %s, %v", env, m.LeastInquiryDelay, p)
		}
	}
}

// The client id goes into signatures and headers as it is written.
func TestClientIDThatAnEnvFileHasQuotedIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"BRN-1"`: "quotation mark", "'BRN-1'": "quotation mark", "BRN-1 ": "white space", "\ufeffBRN-1": "byte order mark",
		"BRN-1\r": "carriage return", "BRN-1\n": "line end", "BRN\u00a01": "printable ASCII", "B R N": "printable ascii",
	} {
		f := good()
		f.DOKUClientID = text
		var p config.Problems
		if f.Check(&p); len(p) != 1 || !strings.HasPrefix(p[0], "DOKU_CLIENT_ID: ") || !strings.Contains(p[0], want) {
			t.Errorf("%q: %q", text, p)
		}
	}
}

func TestPrivateKeyFileInAnotherEncodingIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	const pem = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n"
	wide := "\xff\xfe"
	for _, c := range pem {
		wide += string(c) + "\x00"
	}
	for content, want := range map[string]string{"\ufeff" + pem: "byte order mark", wide: "UTF-16", pem: "private key", "": "private key"} {
		f := good()
		f.DOKUPrivateKeyFile = filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(f.DOKUPrivateKeyFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var p config.Problems
		f.Check(&p)
		if len(p) != 1 || !strings.HasPrefix(p[0], "DOKU_PRIVATE_KEY_FILE: ") || !strings.Contains(p[0], want) || strings.Contains(p[0], "planted") {
			t.Errorf("%.20q: %q", content, p)
		}
	}
}

func TestShortCallsAreRefusedWhereMoneyIsReal(t *testing.T) {
	t.Parallel()
	f := good()
	f.DOKUEnv, f.DOKUTimeout = "production", "5s"
	var p config.Problems
	if f.Check(&p); len(p) != 1 || !strings.HasPrefix(p[0], "DOKU_TIMEOUT:") {
		t.Errorf("problems %v", p)
	}
}
