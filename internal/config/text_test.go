package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"refundworker.example/refundworker/internal/config"
)

// wide is text as Windows' editors save it.
func wide(text string, mark, big bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b strings.Builder
	for _, u := range units {
		low, high := byte(u), byte(u>>8)
		if big {
			low, high = high, low
		}
		b.WriteByte(low)
		b.WriteByte(high)
	}
	return b.String()
}

// arrivals are secrets as editors, env files and secret stores hand them over.
var arrivals = []struct {
	text string
	want string // a piece of the problem; empty: the value is taken
}{
	{"planted", ""},
	{"planted\n", ""},
	{"planted\r\n", ""},
	{"\n\nplanted\n\n", ""},
	{"plan ted", ""},
	{"planted=", ""},
	{"plan\"ted", ""},
	{"\ufeffplanted", "byte order mark"},
	{"\ufeffplanted\n", "byte order mark"},
	{wide("planted", true, false), "UTF-16"},
	{wide("planted", true, true), "UTF-16"},
	{wide("planted", false, false), "UTF-16"},
	{wide("planted\r\n", false, true), "UTF-16"},
	{"\"planted\"", "quotation mark"},
	{"'planted'", "quotation mark"},
	{"`planted`", "quotation mark"},
	{"\"planted", "quotation mark"},
	{"planted'", "quotation mark"},
	{"\"planted\"\n", "quotation mark"},
	{" planted", "white space"},
	{"planted ", "white space"},
	{"planted \n", "white space"},
	{"planted\t", "white space"},
	{"planted\u00a0", "white space"},
	{"planted\r", "carriage return"},
	{"plan\rted", "carriage return"},
	{"planted\x00", "NUL"},
	{"plan\x00ted\n", "NUL"},
	{"plant\xe9d", "UTF-8"},
	{"plantéd", "ASCII"},
	{"\u201cplanted\u201d", "ASCII"},
	{"plan\u200bted", "ASCII"},
	{"plan\x1bted", "ASCII"},
	{"DOKU_SECRET_KEY=planted\n", "env file"},
	{"export DOKU_SECRET_KEY=\"planted\"", "env file"},
	{"set API_KEY=planted", "env file"},
	{"DOKU_SECRET_KEY: planted", "env file"},
	{"# of the shop\nplanted\n", "line 1 is a comment"},
	{"planted=more", ""},
	{"PLANTED_AND=", ""},
	{"PLANTED_AND==", ""},
	{"#planted", ""},
	{"planted-1\nplanted-2 \n", "line 2 begins or ends with white space"},
}

func TestSecretsAreTakenAsTheyAreMeantOrNotAtAll(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	for _, c := range arrivals {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range [][2]string{{c.text, ""}, {"", file}} {
			var p config.Problems
			got := p.Secret("S", from[0], from[1])
			switch said := strings.Join(p, "; "); {
			case c.want == "" && (len(p) > 0 || got.Reveal() != strings.Trim(c.text, "\r\n")):
				t.Errorf("%q: %q, taken as %q", c.text, said, got.Reveal())
			case c.want != "" && (len(p) != 1 || !strings.HasPrefix(said, "S") || !strings.Contains(said, c.want) || !got.IsZero()):
				t.Errorf("%q: %q", c.text, said)
			case strings.Contains(said, "plan"):
				t.Errorf("%q is repeated: %s", c.text, said)
			}
		}
	}
}

func TestSecretOfSeveralLinesKeepsThem(t *testing.T) {
	t.Parallel()
	var p config.Problems
	if got := p.Secret("S", "new\r\n\r\nold\n", "").Reveal(); got != "new\nold" || len(p) > 0 {
		t.Errorf("%q, %q", got, p)
	}
}

func FuzzTextFlaw(f *testing.F) {
	for _, c := range arrivals {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		flaw := config.TextFlaw(text)
		if flaw == "" && (strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Trim(text, " \"'`") != text) {
			t.Fatalf("%q is taken", text)
		}
		if len(text) > 8 && strings.Contains(flaw, text) {
			t.Fatalf("%q is repeated: %s", text, flaw)
		}
	})
}
