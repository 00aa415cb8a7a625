//go:build sandbox

package sandbox

import (
	"os"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
)

// asked is what a run needs of the worker's settings.
type asked struct {
	config.MerchantFlags

	Channels string `env:"CHANNELS"`
	File     string `env:"SANDBOX_TRANSCRIPT" default:"sandbox-transcript.jsonl"`
}

// TestSandbox sends the probes to the DOKU that the worker's settings name.
// `make sandbox` runs it.
func TestSandbox(t *testing.T) {
	t.Parallel()
	var a asked
	if _, ok := (config.Program{Name: "sandbox", Version: "-"}).Parse(&a, nil, os.Stdout, os.Stderr); !ok {
		t.Fatal("bad settings")
	}
	cfg := a.config(t)
	lines, failed := Run(t.Context(), cfg)
	if len(lines) > 0 { // else an older transcript would be lost for nothing
		a.write(t, lines)
	}
	for _, l := range lines {
		t.Log(l)
		if !l.Fits {
			t.Errorf("%s: none of what is known: %s", l.Probe, strings.Join(l.Expected, "; "))
		}
	}
	if failed != nil {
		t.Error(failed)
	}
	t.Logf("%d lines for %s", len(lines), a.File)
}

func (a asked) write(t *testing.T, lines []Line) {
	t.Helper()
	file, err := os.Create(a.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(file, lines); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func (a asked) config(t *testing.T) Config {
	t.Helper()
	var p config.Problems
	m := a.Check(&p)
	cfg := Config{
		BaseURL: m.BaseURL, ClientID: m.ClientID, Environment: m.Environment, Private: m.Private, Secret: m.Secret, Timeout: m.Timeout,
		Proxy: m.Proxy, Channels: channel.All(),
	}
	if a.Channels != "" {
		cfg.Channels = nil
		for name := range strings.SplitSeq(a.Channels, ",") {
			ch, err := channel.Parse(strings.TrimSpace(name))
			if err != nil {
				p.Add("CHANNELS", "%s", err)
			}
			if ch != channel.CreditCard && err == nil && cfg.Private == nil {
				p.Add("DOKU_PRIVATE_KEY_FILE", "is needed by %s", ch)
			}
			cfg.Channels = append(cfg.Channels, ch)
		}
	}
	if len(p) > 0 {
		t.Fatal(strings.Join(p, "\n"))
	}
	return cfg
}
