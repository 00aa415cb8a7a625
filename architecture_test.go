// Package refundworker_test holds the rules that no single package can keep by
// itself: which package may import which, how long a file may grow, and that no
// test waits for time to pass. It reads the source of the whole module, so it
// covers new packages from the moment that they appear.
package refundworker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "refundworker.example/refundworker"

// listed is what these tests read of `go list -json`.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// list asks the go command for every package of the module. With -e a
// package that does not compile yet is still judged by its imports.
func list(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e",
		"-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
}

// ours cuts the module's name off those imports that belong to it.
func ours(imports []string) []string {
	var names []string
	for _, path := range imports {
		if name, ok := strings.CutPrefix(path, module+"/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// imports says which packages of the product each of its packages may import.
// The order is from the lowest floor to the highest. A new package is a
// decision, and has to be added here.
var imports = map[string][]string{
	"internal/channel":     {},
	"internal/charset":     {},
	"internal/printable":   {},
	"internal/secret":      {},
	"internal/spreadsheet": {},
	"internal/interrupt":   {},
	"internal/retry":       {},

	"internal/refund":      {"channel", "charset"},
	"internal/jobs":        {"channel", "charset", "refund", "secret"},
	"internal/doku":        {"channel", "printable", "refund", "retry", "secret"},
	"internal/jobs/stream": {"channel", "jobs", "refund"},
	"internal/jobs/intake": {"channel", "jobs/stream"},
	"internal/fleet":       {"channel"},
	"internal/ledger":      {"channel", "jobs", "jobs/stream", "refund"},

	"internal/observe": {"channel", "printable"},
	"internal/worker": {
		"channel", "doku", "fleet", "jobs", "jobs/intake", "jobs/stream", "ledger", "observe", "refund", "retry",
	},
	"internal/operator": {
		"channel", "doku", "fleet", "jobs", "jobs/stream", "ledger", "printable", "refund", "retry", "spreadsheet",
	},

	// What order systems link: the contract, and nothing that works on refunds.
	"client": {"channel", "jobs", "jobs/stream", "secret"},

	"internal/gateway": {"channel", "client", "jobs", "jobs/stream", "ledger", "observe", "refund"},

	"internal/config": {"doku", "printable", "secret"},
	"internal/service": {
		"channel", "config", "doku", "fleet", "jobs/stream", "ledger", "observe", "refund", "retry", "secret", "worker",
	},
}

// foreign are modules of others that a package must not import.
var foreign = map[string][]string{
	"internal/doku":   {"github.com/nats-io"},
	"internal/refund": {"github.com/nats-io", "net/http", "net"},
	"internal/retry":  {"github.com/nats-io"},
	"internal/jobs":   {"github.com/nats-io/nats.go/jetstream"},
	"internal/ledger": {"net/http"},
}

// proof is where everything stands that shows that the product is right and is
// no part of it.
const proof = "internal/proof"

// inside reports whether an import path is a package or below it.
func inside(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestProductImportsWhatItsFloorAllows(t *testing.T) {
	t.Parallel()
	for name, p := range list(t) {
		if !inside(name, "internal") && name != "client" || inside(name, proof) {
			continue
		}
		allowed, known := imports[name]
		if !known {
			t.Errorf("%s is not in the list of this file", name)
		}
		var imported []string
		for _, path := range ours(p.Imports) {
			imported = append(imported, strings.TrimPrefix(path, "internal/"))
		}
		slices.Sort(imported)
		if !slices.Equal(imported, allowed) {
			t.Errorf("%s imports %q, the list says %q", name, imported, allowed)
		}
	}
}

// The programs that show or prove something are the only ones outside of
// internal/proof that may link it.
func TestProductDoesNotImportProof(t *testing.T) {
	t.Parallel()
	for name, p := range list(t) {
		if inside(name, proof) || name == "cmd/demo" || name == "cmd/dokusim" {
			continue
		}
		for _, path := range p.Deps {
			if inside(path, module+"/"+proof) || inside(path, "github.com/nats-io/nats-server") || path == "testing" {
				t.Errorf("%s links %s", name, path)
			}
		}
	}
}

func TestPackagesDoNotImportForeignModules(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for name, roots := range foreign {
		for _, path := range packages[name].Imports {
			if slices.ContainsFunc(roots, func(root string) bool { return inside(path, root) }) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// Whoever imports the client links NATS's client and the codec of the contract, and
// what these need themselves.
func TestClientLinksLittle(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"github.com/nats-io/nats.go", "github.com/nats-io/nkeys", "github.com/nats-io/nuid", "github.com/klauspost/compress",
		"golang.org/x/crypto", "golang.org/x/sys", "golang.org/x/text", "github.com/go-json-experiment/json", "github.com/google/uuid",
		module + "/client", module + "/internal/channel", module + "/internal/charset", module + "/internal/jobs",
		module + "/internal/refund", module + "/internal/secret",
	}
	for _, path := range list(t)["client"].Deps {
		domain, _, _ := strings.Cut(path, "/")
		if !strings.Contains(domain, ".") || inside(path, "vendor") {
			continue // the standard library
		}
		if !slices.ContainsFunc(allowed, func(root string) bool { return inside(path, root) }) {
			t.Errorf("client links %s", path)
		}
	}
}

// The simulator is the witness for the money: what it shared with the product,
// tests included, it could not contradict.
func TestSimulatorImportsNothingOfOurs(t *testing.T) {
	t.Parallel()
	const simulator = proof + "/dokusim"
	p := list(t)[simulator]
	for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports, p.Deps) {
		if inside(path, module) && path != module+"/"+simulator || inside(path, "github.com/nats-io") {
			t.Errorf("%s imports %s", simulator, path)
		}
	}
}

// source calls visit with every Go file of the checkout, nested modules
// included.
func source(t *testing.T, visit func(path string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(path, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoFileIsLongerThan500Lines(t *testing.T) {
	t.Parallel()
	source(t, func(path string, content []byte) {
		if lines := bytes.Count(content, []byte("\n")); lines > 500 {
			t.Errorf("%s has %d lines", path, lines)
		}
	})
}

func TestNoTestWaitsForTimeToPass(t *testing.T) {
	t.Parallel()
	source(t, func(path string, content []byte) {
		if strings.HasSuffix(path, "_test.go") {
			for _, position := range sleeps(t, path, content) {
				t.Errorf("%s sleeps: wait for a signal", position)
			}
		}
	})
}

// sleeps finds the uses of time.Sleep, called or passed on.
func sleeps(t *testing.T, path string, content []byte) []token.Position {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, content, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("parse: %v", err)
		return nil
	}
	var found []token.Position
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok && selector.Sel.Name == "Sleep" {
			if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "time" {
				found = append(found, files.Position(selector.Pos()))
			}
		}
		return true
	})
	return found
}

func TestSleepsAreFound(t *testing.T) {
	t.Parallel()
	const code = "package p\n\nimport \"time\"\n\nfunc f() { time.Sleep(1); g(time.Sleep) }\n"
	if found := sleeps(t, "p_test.go", []byte(code)); len(found) != 2 {
		t.Errorf("found %v, want two", found)
	}
}
