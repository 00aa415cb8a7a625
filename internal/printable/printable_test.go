package printable_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/printable"
)

func TestTextIsOneLineOfGraphicCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain, é 日本 💸 a\u00a0b": "plain, é 日本 💸 a\u00a0b",
		"\x1b[2J\x07":            `\x1b[2J\x07`,
		"\u009b31m\x7f":          `\u009b31m\x7f`,
		"a\r\nb\tc":              `a\r\nb\tc`,
		"a\u202eb\u2066c\u200fd": `a\u202eb\u2066c\u200fd`,
		"a\u2028b\u2029c":        `a\u2028b\u2029c`,
		"a\xffb\xc2":             `a\xffb\xc2`,
		"\U000e0041":             `\U000e0041`,
		"\x00":                   `\x00`,
		`C:\new`:                 `C:\new`,
	} {
		if got := printable.Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := printable.Error(errors.Join(errors.New("a\x1b"), errors.New("b"))); got != `a\x1b; b` {
		t.Errorf("%q", got)
	}
}

func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "\t=1": `'\t=1`, "\r=1": `'\r=1`, "  =1": "'  =1",
		"\uff1d1": "'\uff1d1", "a;=cmd|'/c calc'!A0": "a;'=cmd|'/c calc'!A0", "a, @x": "a,' @x", "\"=1": "'\"=1",
		"-90000": "-90000", "-1.5": "-1.5", "90000": "90000", "INV-1": "INV-1", "a=b": "a=b", "": "", "-": "'-", "\x1b[2J": `\x1b[2J`,
	} {
		if got := printable.Cell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestKeptTextHasNoControlCharacterAndItsLength(t *testing.T) {
	t.Parallel()
	if got := printable.Kept("a\x1b\u0085\u2028\xff💸"+strings.Repeat("é", 600), 512); strings.ContainsFunc(got, unicode.IsControl) ||
		len(got) > 512 || !utf8.ValidString(got) || !strings.HasPrefix(got, "a   \uFFFD💸é") {
		t.Errorf("%q", got)
	}
}

func FuzzJSONMeansTheSameAndCanBePrinted(f *testing.F) {
	for _, seed := range []string{"a", "\x1b\u009b\u202e\u2028\x7f", "\U000e0041", "💸", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := json.MarshalIndent(map[string]string{"text": text}, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		safe := printable.JSON(encoded)
		for _, form := range [][]byte{safe, printable.JSONLine(encoded)} {
			var back map[string]string
			if err := json.Unmarshal(form, &back); err != nil || back["text"] != strings.ToValidUTF8(text, "\uFFFD") && utf8.ValidString(text) {
				t.Errorf("%q became %s: %v", text, form, err)
			}
		}
		for _, r := range string(safe) {
			if r != '\n' && !unicode.IsGraphic(r) {
				t.Errorf("%q: %U is left", text, r)
			}
		}
		if shown := printable.Text(text); !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}
