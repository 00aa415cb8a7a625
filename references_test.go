package refundworker_test

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// What comments, documents and configurations cite must exist: a reference to a
// file that is not in the repository, or to a heading that was renamed, leads
// nowhere.

var (
	// A document, wherever it is named: docs/contract.md, README.md, safety.md.
	documentName = regexp.MustCompile(`[A-Za-z0-9_./-]*[A-Za-z0-9_-]\.md\b`)
	// A path below one of our folders, or the name of a test file.
	ownPath  = regexp.MustCompile(`\b(?:cmd|deploy|docs|internal|tools)/[A-Za-z0-9_./-]*[A-Za-z0-9_]`)
	testFile = regexp.MustCompile(`\b[a-z0-9_]+_test\.go\b`)
	// A heading, as comments cite it.
	citedHeading = regexp.MustCompile(`(docs/[a-z-]+\.md), \\?"([^"\n\\]+)\\?"`)
	// A numbered section: our headings have no numbers.
	citedNumber = regexp.MustCompile(`\.md,? §`)
	// Links of Markdown.
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// repository is what references are checked against.
type repository struct {
	files    map[string]bool
	folders  map[string]bool
	headings map[string][]string // of each document
}

func newRepository(names []string, content func(string) string) repository {
	r := repository{files: map[string]bool{}, folders: map[string]bool{}, headings: map[string][]string{}}
	for _, name := range names {
		r.files[name] = true
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			r.folders[dir] = true
		}
		if path.Ext(name) == ".md" {
			r.headings[name] = headingsOf(content(name))
		}
	}
	return r
}

func headingsOf(markdown string) []string {
	var list []string
	fenced := false
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if text := strings.TrimLeft(line, "#"); text != line && !fenced {
			list = append(list, strings.TrimSpace(text))
		}
	}
	return list
}

// anchor is a heading as GitHub spells it in a link.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// commentBreak is where a comment continues in the next line.
var commentBreak = regexp.MustCompile(`\n\s*(?://|#) `)

// broken returns what a file cites that does not exist.
func (r repository) broken(name, text string) []string {
	if path.Ext(name) != ".md" {
		text = commentBreak.ReplaceAllString(text, " ")
	}
	var list []string
	for _, cited := range documentName.FindAllString(text, -1) {
		if !r.exists(name, cited) && !strings.Contains(cited, "://") && !strings.HasPrefix(cited, "//") {
			list = append(list, cited)
		}
	}
	for _, cited := range ownPath.FindAllString(text, -1) {
		if cited = strings.TrimSuffix(cited, "/"); path.Ext(cited) != ".md" && !r.exists(name, cited) && !made(cited) {
			list = append(list, cited)
		}
	}
	for _, cited := range testFile.FindAllString(text, -1) {
		if !slices.ContainsFunc(r.names(), func(file string) bool { return path.Base(file) == cited }) {
			list = append(list, cited)
		}
	}
	for _, m := range citedHeading.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(r.headings[m[1]], m[2]) {
			list = append(list, m[1]+`, "`+m[2]+`"`)
		}
	}
	return append(append(list, citedNumber.FindAllString(text, -1)...), r.brokenLinks(name, text)...)
}

func (r repository) names() []string {
	names := make([]string, 0, len(r.files))
	for name := range r.files {
		names = append(names, name)
	}
	return names
}

func (r repository) brokenLinks(name, text string) []string {
	if path.Ext(name) != ".md" {
		return nil
	}
	var list []string
	for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
		file, fragment, _ := strings.Cut(m[1], "#")
		if strings.Contains(file, ":") {
			continue
		}
		target := name
		if file != "" {
			target = path.Join(path.Dir(name), file)
		}
		known := slices.ContainsFunc(r.headings[target], func(h string) bool { return anchor(h) == fragment })
		if !r.files[target] && !r.folders[target] || fragment != "" && !known {
			list = append(list, m[1])
		}
	}
	return list
}

// exists reports whether cited is a file or folder: from the root, from the
// citing file's folder, or among the documents.
func (r repository) exists(name, cited string) bool {
	return slices.ContainsFunc([]string{cited, path.Join(path.Dir(name), cited), path.Join("docs", cited)}, func(file string) bool {
		return r.files[path.Clean(file)] || r.folders[path.Clean(file)]
	})
}

// made reports whether the path names what a command writes, or a package of
// another module.
func made(cited string) bool {
	return slices.ContainsFunc([]string{"deploy/secrets", "cmd/golangci-lint"}, func(root string) bool { return inside(cited, root) })
}

// tracked lists the text files of the checkout.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "ls-files").Output()
	if err != nil {
		t.Skipf("no git checkout: %v", err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		_, err := os.Stat(name)
		return err != nil || path.Ext(name) == ".sum"
	})
}

func contentOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	t.Parallel()
	names := tracked(t)
	r := newRepository(names, func(name string) string { return contentOf(t, name) })
	for _, name := range names {
		if name == "references_test.go" || name == "architecture_test.go" || strings.Contains(name, "/testdata/") {
			continue // the first two make names up
		}
		for _, cited := range r.broken(name, contentOf(t, name)) {
			t.Errorf("%s cites %s", name, cited)
		}
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	t.Parallel()
	r := newRepository([]string{"README.md", "docs/a.md"}, func(name string) string { return "# Title\n## In " + path.Base(name) + "\n" })
	text := "[a](docs/a.md#in-amd) [b](#no) [c](docs/a.md#two) [d](docs/b.md) [e](https://example.com/x.html) [f](#title)"
	if got := strings.Join(r.brokenLinks("README.md", text), " "); got != "#no docs/a.md#two docs/b.md" {
		t.Error(got)
	}
}

func TestBrokenReferencesAreFound(t *testing.T) {
	t.Parallel()
	contents := map[string]string{
		"docs/a.md": "# Title\n\n## One thing\n\n```\n# no heading\n```\n", "README.md": "# Read me\n", "internal/x/y.go": "package x\n", "internal/x/y_test.go": "",
	}
	names := make([]string, 0, len(contents))
	for name := range contents {
		names = append(names, name)
	}
	r := newRepository(names, func(name string) string { return contents[name] })
	for text, want := range map[string]string{
		"see docs/a.md":                  "",
		"see a.md and README.md":         "",
		"see docs/gone.md":               "docs/gone.md",
		"see design.md":                  "design.md",
		`docs/a.md, "One thing"`:         "",
		"docs/a.md, \"One\n\t// thing\"": "",
		`docs/a.md, "Another thing"`:     `docs/a.md, "Another thing"`,
		`docs/a.md, "no heading"`:        `docs/a.md, "no heading"`,
		"docs/a.md §2":                   ".md §",
		"internal/x, internal/x/y.go":    "",
		"internal/x/z.go":                "internal/x/z.go",
		"y_test.go, not gone_test.go":    "gone_test.go",
	} {
		if got := strings.Join(r.broken("x.go", text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
