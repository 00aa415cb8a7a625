package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/config"
)

type flags struct {
	Name  string        `env:"TEST_SETTINGS_NAME" default:"none" help:"A name."`
	Setup config.Switch `default:"false" help:"A switch."`
}

func parse(args ...string) (f flags, status int, ok bool, out, errs string) {
	var stdout, stderr bytes.Buffer
	status, ok = config.Program{Name: "prog", Description: "Does things.", Version: "1"}.Parse(&f, args, &stdout, &stderr)
	return f, status, ok, stdout.String(), stderr.String()
}

func TestFlagsComeBeforeTheEnvironmentAndItBeforeDefaults(t *testing.T) {
	if f, _, _, _, _ := parse(); f.Name != "none" {
		t.Errorf("default: %q", f.Name)
	}
	t.Setenv("TEST_SETTINGS_NAME", "environment")
	if f, _, _, _, _ := parse(); f.Name != "environment" {
		t.Errorf("environment: %q", f.Name)
	}
	if f, _, _, _, _ := parse("--name=flag"); f.Name != "flag" {
		t.Errorf("flag: %q", f.Name)
	}
}

func TestSwitchStandsAloneOrTakesAValue(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]config.Switch{"--setup": "true", "--setup=false": "false", "--setup=maybe": "maybe"} {
		if f, _, ok, _, errs := parse(arg); !ok || f.Setup != want {
			t.Errorf("%s: %q, %s", arg, f.Setup, errs)
		}
	}
}

func TestHelpEndsTheProgramWellAndAnUnknownFlagBadly(t *testing.T) {
	t.Parallel()
	if _, status, ok, out, _ := parse("--help"); ok || status != 0 || !strings.Contains(out, "Does things.") {
		t.Errorf("--help: %d, %t, %q", status, ok, out)
	}
	_, status, ok, _, errs := parse("--nonsense")
	if ok || status != 2 || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "prog: ") {
		t.Errorf("--nonsense: %d, %t, %q", status, ok, errs)
	}
}

func TestProblemsNameTheSettingAndTheRule(t *testing.T) {
	t.Parallel()
	var p config.Problems
	p.Duration("D1", "soon", 0)
	p.Duration("D2", "1s", time.Minute)
	p.Int("I1", "many", 1, 5)
	p.Int("I2", "6", 1, 5)
	p.Rate("R1", "NaN")
	p.Rate("R2", "-1")
	p.Bool("B", "maybe")
	p.OneOf("O1", "c", "a", "b")
	p.OneOf("O2", "", "a", "b")
	want := []string{"D1:", "D2:", "I1:", "I2:", "R1:", "R2:", "B:", "O1:", "O2: must be given"}
	if len(p) != len(want) {
		t.Fatalf("%d problems: %q", len(p), p)
	}
	for i, prefix := range want {
		if !strings.HasPrefix(p[i], prefix) {
			t.Errorf("%q, want %s…", p[i], prefix)
		}
	}
}

func TestGoodValuesAreNoProblem(t *testing.T) {
	t.Parallel()
	var p config.Problems
	if p.Duration("D", "90s", time.Second) != 90*time.Second || p.Int("I", "5", 1, 5) != 5 || p.Rate("R", "0.5") != 0.5 ||
		!p.Bool("B", "true") || p.OneOf("O", "b", "a", "b") != "b" || len(p) > 0 {
		t.Errorf("%q", p)
	}
}

func TestSecretComesFromItsTextOrItsFileAndIsNeverShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, empty := filepath.Join(dir, "secret"), filepath.Join(dir, "empty")
	for name, content := range map[string]string{file: "planted-9\n", empty: " \n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var p config.Problems
	if p.Secret("S", "", file).Reveal() != "planted-9" || p.Secret("S", "planted-9", "").Reveal() != "planted-9" || len(p) > 0 {
		t.Errorf("%q", p)
	}
	p.Secret("S1", "planted-9", file)
	p.Secret("S2", "", filepath.Join(dir, "away"))
	p.Secret("S3", "", empty)
	if len(p) != 3 || strings.Contains(strings.Join(p, ""), "planted-9") {
		t.Errorf("%q", p)
	}
}

func TestSizesAreReadInBytesAndUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1073741824": 1 << 30, "1GiB": 1 << 30, "512MiB": 512 << 20, "64KiB": 64 << 10, "2 TiB": 2 << 40, "1GB": 1e9, "5MB": 5e6, "7KB": 7000, "12B": 12,
	} {
		var p config.Problems
		if got := p.Bytes("SIZE", text, 0); got != want || len(p) != 0 {
			t.Errorf("%s: %d, %q", text, got, p)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1.5GiB", "1gib", "1e9", "99999999999GiB", "9223372036854775808", "1 000"} {
		var p config.Problems
		if got := p.Bytes("SIZE", text, 0); got != 0 || len(p) != 1 {
			t.Errorf("%s: %d, %q", text, got, p)
		}
	}
	var p config.Problems
	if p.Bytes("SIZE", "1023KiB", 1<<20); len(p) != 1 {
		t.Errorf("less than the least: %q", p)
	}
}
