package spreadsheet_test

import (
	"errors"
	"testing"

	"refundworker.example/refundworker/internal/spreadsheet"
)

func TestAmountsAreReadAsReportsWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"90000": 90000, "90000.0": 90000, "90000.00": 90000, "90000,00": 90000, "0": 0, "90.00": 90, "90,0": 90,
		"90.000": 90000, "90,000": 90000, "1.500.000": 1500000, "1,500,000": 1500000, "1,234.00": 1234, "1.234,00": 1234,
		"1.500.000,0": 1500000, "Rp 1.500.000": 1500000, "Rp1.500.000,00": 1500000, "Rp. 90.000": 90000, "IDR 90,000.00": 90000,
		"90000 IDR": 90000, "1 500 000": 1500000, "1\u00a0500\u00a0000,00": 1500000, "1'500'000": 1500000, " 90000 ": 90000,
		"-90000": -90000, "(90.000)": -90000, "-Rp 90.000": -90000, "Rp -90.000": -90000, "−5": -5, "+5": 5, "Rp 90.000,-": 90000,
		"9999999999999999": 9999999999999999,
	} {
		if got, err := spreadsheet.Rupiah(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestAmountsThatCouldBeTwoAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "much", "10.50", "10,5", "1.000,000", "1,000.000", "1.00.000", "1.5000", "1234.567", "0.500", "0,500", "90000.000", "1.234.00",
		"1,234,00", "1.500.00", "--5", "(-5)", "1.", ".5", "1 50", "1 234.567", "Rp", "$5", "5 USD", "٩", "99999999999999999999", "0x10", "1_000",
	} {
		if got, err := spreadsheet.Rupiah(text); !errors.Is(err, spreadsheet.ErrAmount) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"1E+05", "1.5E+06", "9,5e+10"} {
		if got, err := spreadsheet.Rupiah(text); !errors.Is(err, spreadsheet.ErrExponent) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestPlainAmountsHaveNoSeparators(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"90000": "90000", "90000.0": "90000", "90000.00": "90000", "0": "0"} {
		if got, ok := spreadsheet.PlainRupiah(text); !ok || got != want {
			t.Errorf("%q: %q, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "90.000", "90,000", "90000.000", "90000,00", "1E+05", "Rp 9", " 9", "-9", "+9", "09", "9.", "00"} {
		if got, ok := spreadsheet.PlainRupiah(text); ok {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestIdsThatASpreadsheetHasChangedAreRecognised(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"2.02611E+11", "2,02611E+11", "1E+05", "5e-07", "'00123", `="00123"`, "=A1", "#REF!", "#N/A", "#NAME?", "#DIV/0!", "########",
		"30443786930722700000000000000000", " 2.02611E+11 ", "2.02611E11", "1,5e7", "1234567890123450000",
		"21-Nov", "3-Mei", "Nov-26", "Agu-26", "21-Nov-26", "01-Des-2026",
	} {
		if spreadsheet.Mangled(id) == "" {
			t.Errorf("%q passes", id)
		}
	}
	for _, id := range []string{
		"", "rf-1", "2E11", "12345E67", "1e5", "00123", "30443786930722726463280097920912", "2026112100000000", "INV/2026/00012",
		"RINV:1#2", "#17", "b266c265-3d61-4708-9860-c0d5b9a98f8c", "-1", "5E-rf",
		"2026112112345600", "21/11/2026", "2026-11-21", "MAR-2001", "Nov-2026-7", "mar-26", "21-Nov-7-1", "Nov-260", "B21-Nov",
	} {
		if got := spreadsheet.Mangled(id); got != "" {
			t.Errorf("%q: %s", id, got)
		}
	}
}
