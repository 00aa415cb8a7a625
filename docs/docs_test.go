// Package docs_test keeps the documents true where a program can: settings,
// metrics, examples, names of tests and links.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/gateway"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/observe"
)

const readme = "../README.md"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are the texts that people read, by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, path := range append(paths, readme, "../CHANGELOG.md", "../SECURITY.md") {
		texts[path] = read(t, path)
	}
	return texts
}

func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	help := read(t, "../cmd/worker/testdata/help.golden")
	names := regexp.MustCompile(`\(\$([A-Z][A-Z_]+)\)`).FindAllStringSubmatch(help, -1)
	if len(names) < 25 {
		t.Fatalf("only %d settings found", len(names))
	}
	text := read(t, "operations.md")
	for _, name := range names {
		if !strings.Contains(text, "`"+name[1]+"`") {
			t.Errorf("operations.md does not name %s", name[1])
		}
	}
}

// Every metric with each of its label values, and no other.
func TestMetricsAreDocumentedWithTheirLabels(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics := observe.NewMetrics(registry, "v", "r")
	metrics.WorkerInfo.WithLabelValues("c", "e", "v").Set(1)
	metrics.Expect(observe.Calls{
		Operations: []string{doku.OpRefund, doku.OpInquiry, doku.OpToken}, Outcomes: doku.Outcomes(),
		TokenFailures: doku.TokenFailures(), Mismatches: doku.MismatchFields(),
	})
	gateway.NewMetrics(registry, "v", "r")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(read(t, "contract.md"), "with `refund_gateway_build_info` beside them", "\n| `refund_gateway_build_info` | gauge | `version`, `revision` | 1 |\n", 1)
	var known []string
	for _, family := range families {
		known = append(known, family.GetName())
		row := regexp.MustCompile("(?m)^\\| `" + family.GetName() + "` \\| " + strings.ToLower(family.GetType().String()) + " \\|.*$").FindString(text)
		if row == "" {
			t.Errorf("%s, a %s, has no row", family.GetName(), family.GetType())
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				open := slices.Contains([]string{"channel", "status", "version", "revision", "client_id", "environment", "route"}, label.GetName()) // documented elsewhere
				if !strings.Contains(row, "`"+label.GetName()+"`") || !open && !strings.Contains(row, "`"+label.GetValue()+"`") {
					t.Errorf("%s: %s=%s is not documented", family.GetName(), label.GetName(), label.GetValue())
				}
			}
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (?:counter|gauge|histogram) ").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, row[1]) {
			t.Errorf("there is no metric %s", row[1])
		}
	}
}

func blocks(text, language string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func TestSnippetsOfPublishingAreTheTestedCode(t *testing.T) {
	t.Parallel()
	text := read(t, "publishing.md")
	for language, pattern := range map[string]string{"go": "examples/go/*/*.go", "ts": "../clients/typescript/examples/*.ts"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var code strings.Builder
		for _, file := range files {
			code.WriteString(read(t, file))
		}
		snippets := blocks(text, language)
		if len(snippets) < 2 {
			t.Errorf("only %d snippets of %s found", len(snippets), language)
		}
		for _, snippet := range snippets {
			if !strings.Contains(code.String(), snippet) {
				t.Errorf("this is not in %s:\n%s", pattern, snippet)
			}
		}
	}
}

func TestExampleJobsAndResultsAreSound(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range documents(t) {
		examples := blocks(text, "json")
		for _, m := range regexp.MustCompile(`(?s)'(\{"refund_id".*?\})'`).FindAllStringSubmatch(text, -1) {
			examples = append(examples, m[1])
		}
		for _, m := range regexp.MustCompile("(?s)`(\\{\"refund_id\".*?\\})`\\)").FindAllStringSubmatch(text, -1) {
			examples = append(examples, m[1])
		}
		for _, example := range examples {
			found++
			if strings.Contains(example, `"v":`) {
				if _, err := jobs.DecodeResult([]byte(example)); err != nil {
					t.Errorf("%s: %v:\n%s", path, err, example)
				}
				continue
			}
			name := regexp.MustCompile(`"channel":\s*"(\w+)"`).FindStringSubmatch(example)
			if name == nil {
				t.Errorf("%s: no channel:\n%s", path, example)
				continue
			}
			if d := jobs.Decode(channel.Channel(name[1]), []byte(example)); d.Outcome != jobs.Valid {
				t.Errorf("%s: %v %v:\n%s", path, d.Problems, d.Err, example)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d examples found", found)
	}
}

func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			code.WriteString(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(read(t, "safety.md")+read(t, "../SECURITY.md"), -1)
	if len(names) < 40 {
		t.Errorf("only %d names found", len(names))
	}
	for _, name := range names {
		if !strings.Contains(code.String(), "\nfunc "+name[1]+"(") && name[1] != "TestName" {
			t.Errorf("there is no %s", name[1])
		}
	}
}
