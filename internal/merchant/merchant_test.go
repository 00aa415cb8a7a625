package merchant_test

import (
	"strings"
	"testing"
	"time"

	"refundworker/internal/merchant"
	"refundworker/internal/settings"
)

func good() merchant.Settings {
	return merchant.Settings{DOKUEnv: "sandbox", DOKUClientID: "BRN-1", DOKUSecretKey: "planted-secret-7", DOKUTimeout: "60s"}
}

func TestGoodFlagsAreAMerchant(t *testing.T) {
	t.Parallel()
	var p settings.Problems
	m := good().Check(&p)
	if len(p) > 0 || m.BaseURL != "https://api-sandbox.doku.com" || m.ClientID != "BRN-1" || m.Timeout != time.Minute || m.Secret.Reveal() != "planted-secret-7" {
		t.Errorf("%+v, problems %v", m, p)
	}
}

func TestEveryProblemIsNamedAtOnceAndNoSecretIsShown(t *testing.T) {
	t.Parallel()
	var p settings.Problems
	merchant.Settings{
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

func TestShortCallsAreRefusedWhereMoneyIsReal(t *testing.T) {
	t.Parallel()
	f := good()
	f.DOKUEnv, f.DOKUTimeout = "production", "5s"
	var p settings.Problems
	if f.Check(&p); len(p) != 1 || !strings.HasPrefix(p[0], "DOKU_TIMEOUT:") {
		t.Errorf("problems %v", p)
	}
}
