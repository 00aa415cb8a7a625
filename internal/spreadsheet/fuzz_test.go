package spreadsheet_test

import (
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"refundworker.example/refundworker/internal/spreadsheet"
)

// An amount that is read has the very digits of its text, but for a fraction of
// zeros: nothing is rounded, scaled or left out.
func FuzzAmountsKeepTheirDigits(f *testing.F) {
	for _, seed := range []string{"90000", "90.000", "1.500.000,00", "1,234.00", "Rp 1.500.000", "(5)", "1E+05", "1.50"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := spreadsheet.Rupiah(text)
		if err != nil {
			return
		}
		digits := strings.TrimLeft(strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, text), "0")
		whole := strconv.FormatInt(max(amount, -amount), 10)
		for _, fraction := range []string{"", "0", "00"} {
			if digits == strings.TrimLeft(whole+fraction, "0") {
				return
			}
		}
		t.Errorf("%q was read as %d", text, amount)
	})
}

// Text in UTF-16 is what it is in UTF-8.
func FuzzTextIsTheSameInUTF16(f *testing.F) {
	for _, seed := range []string{"id;amount\r\n", "é 💸", ""} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, big bool) {
		if !utf8.ValidString(text) {
			return
		}
		got, err := io.ReadAll(spreadsheet.NewTextReader(strings.NewReader(utf16Text(text, big))))
		if err != nil || string(got) != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}
