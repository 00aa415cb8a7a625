package gateway_test

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/gateway"
)

func TestAFileOfTokensThatBreaksARuleIsRefused(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		"":                                "no token in it",
		"# nobody\n":                      "no token in it",
		"shop":                            "line 1: is not NAME SHA256 [RATE]",
		"shop " + hash + " 1 2":           "line 1: is not NAME SHA256 [RATE]",
		"\nshop abc":                      "line 2: the hash is no SHA-256",
		"shop " + hash + "ab":             "line 1: the hash is no SHA-256",
		"shop " + hash + " 0":             "line 1: the rate is no number",
		"shop " + hash + " NaN":           "line 1: the rate is no number",
		"a/b " + hash:                     "line 1: a name has",
		"a " + hash + "\nb " + hash:       "line 2: the hash stands in the file twice",
		strings.Repeat("x", 1<<17) + " y": "too long",
	} {
		file := filepath.Join(t.TempDir(), "tokens")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := gateway.LoadTokens(file, 1, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if _, err := gateway.LoadTokens(filepath.Join(t.TempDir(), "none"), 1, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestATokenHasANameOfItsOwnForm(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a b", "a\nb", strings.Repeat("x", 65)} {
		if _, _, err := gateway.NewToken(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	one, line, err := gateway.NewToken("shop")
	other, _, _ := gateway.NewToken("shop")
	if err != nil || one == other || strings.Contains(line, one) || !strings.HasPrefix(one, "rfgw_") {
		t.Errorf("%q, %q, %v", one, line, err)
	}
}

// The file is read again when it has changed; a bad one changes nothing.
func TestTokensComeAndGoWhileItServes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tokens")
	token, line, _ := gateway.NewToken("shop")
	next, nextLine, _ := gateway.NewToken("next")
	write := func(text string) {
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write(line)
	var all *gateway.Tokens
	f := with(t, false, func(cfg *gateway.Config) {
		var err error
		if all, err = gateway.LoadTokens(file, 1e6, cfg.Log); err != nil {
			t.Fatal(err)
		}
		cfg.Tokens = all
	})
	status := func(token string) int {
		f.token = token
		return f.list("results", "").status
	}
	if status(token) != http.StatusOK || status(next) != http.StatusUnauthorized {
		t.Fatal("before")
	}
	write("nonsense")
	all.LookNow()
	if status(token) != http.StatusOK {
		t.Error("a bad file locks out")
	}
	write(nextLine)
	all.LookNow()
	if status(next) != http.StatusOK || status(token) != http.StatusUnauthorized {
		t.Error("after")
	}
	write("# nobody any more\n")
	all.LookNow()
	if status(next) != http.StatusUnauthorized {
		t.Error("the last token that was taken away is let in")
	}
}
