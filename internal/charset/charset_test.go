package charset_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"refundworker.example/refundworker/internal/charset"
)

// golden pairs reasons with what is sent for them. The file must not change
// with a version of the Unicode tables: what was sent is recorded, but two
// workers of different versions should still agree.
func golden(t *testing.T) [][2]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "reasons.json"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][2]string
	if err := json.Unmarshal(text, &pairs); err != nil {
		t.Fatal(err)
	}
	return pairs
}

func TestReasonsAreFoldedAsTheGoldenFileSays(t *testing.T) {
	t.Parallel()
	for _, pair := range golden(t) {
		if got := charset.Reason(pair[0]); got != pair[1] {
			t.Errorf("%q\n got %q\nwant %q", pair[0], got, pair[1])
		}
	}
}

func TestEveryCharacterOfTheSetStays(t *testing.T) {
	t.Parallel()
	set := regexp.MustCompile(`[a-zA-Z0-9.\-/+,=_:'@% ]`)
	for r := rune(0); r < unicode.MaxASCII; r++ {
		want := " "
		if set.MatchString(string(r)) {
			want = string(r)
		}
		if got := charset.Fold(string(r)); got != want {
			t.Errorf("%q becomes %q, want %q", r, got, want)
		}
	}
}

// 255 characters are counted after folding and before the ends are cut.
func TestReasonIsCutBeforeItsEndsAreTrimmed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Repeat("é", 255):                strings.Repeat("e", 255),
		strings.Repeat("ﬃ", 100):                strings.Repeat("ffi", 85),
		"😀" + strings.Repeat("a", 254):          strings.Repeat("a", 254),
		strings.Repeat("a", 254) + "ǆ":          strings.Repeat("a", 254) + "d",
		strings.Repeat("a", 250) + "ﷺ":          strings.Repeat("a", 250),
		"\u3000" + strings.Repeat("ﬃ", 85):      strings.Repeat("ffi", 84) + "ff",
		"a" + strings.Repeat("\u0301", 254):     "a",
		strings.Repeat("退款", 100) + " refund 7": "refund 7",
		strings.Repeat("退", 255):                "",
	} {
		if got := charset.Reason(text); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

func FuzzReason(f *testing.F) {
	for _, text := range []string{"", "Request by customer", "Pengembalian — “rusak” 😀", "ﷺ\u0301\u034f", "４１１１　１１１１", "\xff\xfea"} {
		f.Add(text)
	}
	set := regexp.MustCompile(`^([a-zA-Z0-9.\-/+,=_:'@%]([a-zA-Z0-9.\-/+,=_:'@% ]{0,253}[a-zA-Z0-9.\-/+,=_:'@%])?)?$`)
	f.Fuzz(func(t *testing.T, text string) {
		got := charset.Reason(text)
		if !set.MatchString(got) {
			t.Fatalf("%q becomes %q", text, got)
		}
		if again := charset.Reason(got); again != got {
			t.Fatalf("%q becomes %q, and that %q", text, got, again)
		}
		if want := slowly(text); got != want {
			t.Fatalf("%q becomes %q, want %q", text, got, want)
		}
	})
}

// slowly is the contract's sentence, step by step.
func slowly(text string) string {
	var kept []string
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.IsMark(r):
		case strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/+,=_:'@% ", r):
			kept = append(kept, string(r))
		default:
			kept = append(kept, " ")
		}
	}
	return strings.Trim(strings.Join(kept[:min(len(kept), 255)], ""), " ")
}

func ExampleReason() {
	fmt.Println(charset.Reason("Barang rusak 😢 – café №12"))
	// Output: Barang rusak     cafe No12
}
