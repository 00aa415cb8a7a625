package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/refund"
)

var update = flag.Bool("update", false, "rewrite golden files")

// parse reads flags as the program does.
func parse(t *testing.T, args ...string) flags {
	t.Helper()
	var f flags
	var out bytes.Buffer
	if status, ok := (config.Program{Name: program}).Parse(&f, args, &out, &out); !ok {
		t.Fatalf("status %d: %s", status, out.String())
	}
	return f
}

// good are the least settings that a worker starts with.
func good(more ...string) []string {
	return append([]string{"--doku-env=sandbox", "--doku-client-id=BRN-1", "--doku-secret-key=planted-secret-7"}, more...)
}

func keyFile(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	c, problems := parse(t, good("--doku-private-key-file="+keyFile(t))...).config()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.BaseURL != "https://api-sandbox.doku.com" || c.Concurrency != 32 || c.HTTPAddr != "127.0.0.1:9464" || c.RateLimit != 0 {
		t.Errorf("%+v", c)
	}
	if p := c.Policy; p.Timeout != time.Minute || p.Quiet != time.Minute || p.RetryDeadline != 24*time.Hour || p.Repeat != refund.RepeatSameDay {
		t.Errorf("policy %+v", p)
	}
	if c.Retry.Initial != 2*time.Second || c.Retry.Max != 15*time.Minute || c.Setup || c.Replicas != 1 {
		t.Errorf("%+v", c)
	}
	if len(c.Channels) != 8 {
		t.Errorf("channels %v", c.Channels)
	}
}

func TestRepeatAfterUnknownHasThreeValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]refund.Repeat{
		"never": refund.RepeatNever, "same-day": refund.RepeatSameDay, "trust-inquiry": refund.RepeatTrustInquiry,
	} {
		c, problems := parse(t, good("--repeat-after-unknown="+text)...).config()
		if len(problems) > 0 || c.Policy.Repeat != want {
			t.Errorf("%s: %d, %v", text, c.Policy.Repeat, problems)
		}
	}
}

func TestWithoutARSAKeyCardsAreTheOnlyChannel(t *testing.T) {
	t.Parallel()
	c, problems := parse(t, good()...).config()
	if len(problems) > 0 || len(c.Channels) != 1 || c.Channels[0] != channel.CreditCard {
		t.Errorf("channels %v, problems %v", c.Channels, problems)
	}
}

func TestEveryBadSettingIsNamedAndNoSecretIsShown(t *testing.T) {
	t.Parallel()
	notAKey := filepath.Join(t.TempDir(), "not-a-key")
	if err := os.WriteFile(notAKey, []byte("planted-secret-8"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		want string
	}{
		"no environment":        {[]string{"--doku-client-id=a", "--doku-secret-key=b"}, "DOKU_ENV: must be given"},
		"other environment":     {good("--doku-env=prod"), "DOKU_ENV:"},
		"no client id":          {[]string{"--doku-env=sandbox", "--doku-secret-key=b"}, "DOKU_CLIENT_ID:"},
		"no secret":             {[]string{"--doku-env=sandbox", "--doku-client-id=a"}, "DOKU_SECRET_KEY:"},
		"secret twice":          {good("--doku-secret-key-file=" + notAKey), "DOKU_SECRET_KEY:"},
		"secret file away":      {[]string{"--doku-env=sandbox", "--doku-client-id=a", "--doku-secret-key-file=/nowhere"}, "DOKU_SECRET_KEY_FILE:"},
		"plain http":            {good("--doku-base-url=http://api.doku.com"), "DOKU_BASE_URL:"},
		"base url with a path":  {good("--doku-base-url=https://api.doku.com/x"), "DOKU_BASE_URL:"},
		"simulator elsewhere":   {good("--doku-env=simulator", "--doku-base-url=https://api.doku.com"), "DOKU_BASE_URL: the simulator"},
		"short call":            {good("--doku-env=production", "--doku-timeout=5s"), "DOKU_TIMEOUT:"},
		"short quiet":           {good("--doku-env=production", "--inquiry-delay=59s"), "INQUIRY_DELAY:"},
		"no duration":           {good("--retry-initial=2"), "RETRY_INITIAL:"},
		"max below initial":     {good("--retry-initial=2m", "--retry-max=1m"), "RETRY_MAX:"},
		"no deadline":           {good("--retry-deadline=0s"), "RETRY_DEADLINE:"},
		"concurrency":           {good("--concurrency=0"), "CONCURRENCY:"},
		"rate":                  {good("--rate-limit=-1"), "RATE_LIMIT:"},
		"repeat":                {good("--repeat-after-unknown=always"), "REPEAT_AFTER_UNKNOWN:"},
		"unknown channel":       {good("--channels=credit_card,cash"), "CHANNELS:"},
		"channel twice":         {good("--channels=credit_card,credit_card"), "CHANNELS:"},
		"channel without a key": {good("--channels=emoney_ovo"), "CHANNELS: emoney_ovo needs DOKU_PRIVATE_KEY_FILE"},
		"key away":              {good("--doku-private-key-file=/nowhere"), "DOKU_PRIVATE_KEY_FILE:"},
		"no key":                {good("--doku-private-key-file=" + notAKey), "DOKU_PRIVATE_KEY_FILE:"},
		"address":               {good("--http-addr=9464"), "HTTP_ADDR:"},
		"level":                 {good("--log-level=loud"), "LOG_LEVEL:"},
		"setup":                 {good("--setup=perhaps"), "SETUP:"},
		"replicas":              {good("--replicas=2"), "REPLICAS:"},
		"credentials away":      {good("--nats-creds=/nowhere"), "NATS_CREDS:"},
		"certificate alone":     {good("--nats-cert=" + notAKey), "NATS_CERT:"},
		"inbox prefix":          {good("--nats-inbox-prefix=a.>"), "NATS_INBOX_PREFIX:"},
		"no server":             {good("--nats-url="), "NATS_URL:"},
		"code of another row":   {good("--doku-definite-codes=MAINTENANCE_MODE"), "DOKU_DEFINITE_CODES: MAINTENANCE_MODE "},
		"code of ours":          {good("--doku-definite-codes=X, invalid_client_id"), "DOKU_DEFINITE_CODES: invalid_client_id "},
		"code of a time-out":    {good("--doku-definite-codes=PAYMENT_TIMEOUT"), "DOKU_DEFINITE_CODES: PAYMENT_TIMEOUT "},
		"code of a duplicate":   {good("--doku-definite-codes=,DUPLICATE_TRANSACTION,"), "DOKU_DEFINITE_CODES: DUPLICATE_TRANSACTION "},
		"no code":               {good("--doku-definite-codes=not a code"), "DOKU_DEFINITE_CODES: \"not a code\" "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := parse(t, tt.args...).config()
			text := strings.Join(problems, "\n")
			if len(problems) != 1 || !strings.HasPrefix(text, tt.want) {
				t.Errorf("problems:\n%s\nwant one that begins with %q", text, tt.want)
			}
			if strings.Contains(text, "planted-secret") {
				t.Errorf("a secret is shown: %s", text)
			}
		})
	}
}

func TestDefiniteCodesAreAList(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"": "[]", "REFUND_NOT_ALLOWED": "[REFUND_NOT_ALLOWED]", " A , b.c ,, INVALID_PARAMETER": "[A b.c INVALID_PARAMETER]",
	} {
		c, problems := parse(t, good("--doku-definite-codes="+list)...).config()
		if len(problems) > 0 || fmt.Sprint(c.DefiniteCodes) != want {
			t.Errorf("%q: %v, problems %v", list, c.DefiniteCodes, problems)
		}
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"--doku-timeout=x", "--concurrency=y", "--setup=z"}, nil, &out, &errs)
	if status != 2 || strings.Count(errs.String(), "\n") != 6 || out.Len() > 0 {
		t.Errorf("status %d, stderr:\n%s", status, errs.String())
	}
}

func TestUnknownFlagEndsWithStatusTwo(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"--nonsense"}, nil, &out, &errs); status != 2 || !strings.Contains(errs.String(), "nonsense") {
		t.Errorf("status %d: %s", status, errs.String())
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"--help"}, nil, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	golden := filepath.Join("testdata", "help.golden")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("help is\n%s\nwant\n%s", out.String(), want)
	}
}

func TestVersionIsPrintedWithoutSettings(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"--version"}, nil, &out, &errs); status != 0 || !strings.HasPrefix(out.String(), version) {
		t.Errorf("status %d: %q %q", status, out.String(), errs.String())
	}
}
