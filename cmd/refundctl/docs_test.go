package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sections are the headings of the runbook.
func sections(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(read(t, "../../docs/runbook.md")) {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			found[strings.TrimSpace(title)] = true
		}
	}
	return found
}

func TestRunbookHasASectionForEveryAlert(t *testing.T) {
	t.Parallel()
	known := sections(t)
	alerts := regexp.MustCompile(`(?m)^\s*- alert: (\w+)`).FindAllStringSubmatch(read(t, "../../deploy/alerts.yml"), -1)
	if len(alerts) < 5 {
		t.Fatalf("only %d alerts found", len(alerts))
	}
	for _, alert := range alerts {
		if !known[alert[1]] {
			t.Errorf("no section for the alert %s", alert[1])
		}
	}
}

// Every command line in the documents is parsed by the program itself.
func TestDocumentsNameNoCommandOrFlagThatIsNotThere(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	if status := run(t.Context(), []string{"completion", "fish"}, nil, &help, &help); status != 0 {
		t.Fatal(help.String())
	}
	words := map[string]bool{}
	for _, word := range strings.FieldsFunc(help.String(), func(r rune) bool { return r == ' ' || r == '\'' || r == '\n' }) {
		words[word] = true
	}
	calls := regexp.MustCompile(`refundctl ((?:--?\S+ )*)([a-z]+)([^\x60\n|]*)`)
	flags := regexp.MustCompile(`--[a-z-]+`)
	for _, name := range []string{"../../docs/runbook.md", "../../docs/refundctl.md"} {
		for _, call := range calls.FindAllStringSubmatch(read(t, name), -1) {
			if strings.HasPrefix(call[0], "refundctl pay") || strings.Contains(call[0], "refundctl --output json") {
				continue // shown as a mistake; an option with a value of its own
			}
			if !words[call[2]] && !prose[call[2]] {
				t.Errorf("%s: there is no command %q in %q", name, call[2], call[0])
			}
			for _, flag := range flags.FindAllString(call[3], -1) {
				if !words[flag] {
					t.Errorf("%s: there is no flag %s in %q", name, flag, call[0])
				}
			}
		}
	}
}

// prose follows the program's name in sentences.
var prose = map[string]bool{"sends": true, "says": true, "is": true, "needs": true}
