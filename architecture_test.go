// Package refundworker_test holds the rules that no single package can keep
// by itself: which room may know which, how long a file may grow, and that no
// test waits for time to pass. It reads the source of the whole module, so it
// judges packages from the moment that they appear.
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

// values are the small value packages that every room but the simulator may
// know.
var values = []string{"internal/channel", "internal/charset", "internal/secret"}

// rooms says what each room may import besides values. Arrows run downward
// only; a room that is not named here may not be imported by one that is.
var rooms = map[string][]string{
	"internal/channel": {},
	"internal/charset": {},
	"internal/secret":  {},
	"internal/retry":   {},
	"internal/doku":    {"internal/retry"},
	"internal/jobs":    {},
	"internal/refund":  {},
	"internal/check":   {"internal/refund"},
	"internal/model":   {"internal/check", "internal/refund"},
	"internal/dokusim": {},
	"internal/ledger":  {"internal/jobs", "internal/refund"},
	"internal/fleet":   {},
	"internal/observe": {"internal/jobs", "internal/printable"},
	"internal/operate": {
		"internal/doku", "internal/fleet", "internal/jobs", "internal/ledger", "internal/printable", "internal/refund",
		"internal/spreadsheet",
	},
	"internal/printable":   {},
	"internal/spreadsheet": {},
	"internal/worker": {
		"internal/doku", "internal/fleet", "internal/jobs", "internal/ledger", "internal/observe", "internal/printable",
		"internal/refund", "internal/retry",
	},
}

// wiring knows many rooms, and no room knows it.
var wiring = []string{
	"internal/bubble", "internal/chaos", "internal/connect", "internal/devstack", "internal/devstack/bench", "internal/devstack/natsd",
	"internal/interrupt", "internal/merchant", "internal/sandbox", "internal/service", "internal/settings",
	"internal/sim", "internal/sim/run",
}

// strangers are modules of others that a room must not know (design.md §3).
var strangers = map[string][]string{
	"internal/doku":    {"github.com/nats-io"},
	"internal/refund":  {"github.com/nats-io", "net/http", "net"},
	"internal/retry":   {"github.com/nats-io"},
	"internal/ledger":  {"net/http"},
	"internal/dokusim": {"github.com/nats-io"},
}

// inside reports whether an import path is a package or below it.
func inside(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestArrowsBetweenRoomsRunDownwardOnly(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for room, allowed := range rooms {
		if room != "internal/dokusim" {
			allowed = append(slices.Clone(allowed), values...)
		}
		for _, name := range ours(packages[room].Imports) {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s", room, name)
			}
		}
	}
}

// A new room is a decision: where it stands has to be said above.
func TestEveryRoomHasItsPlaceInTheRules(t *testing.T) {
	t.Parallel()
	for name := range list(t) {
		_, known := rooms[name]
		if strings.HasPrefix(name, "internal/") && !known && !slices.Contains(wiring, name) {
			t.Errorf("%s has no place in the rules of this file", name)
		}
	}
}

func TestRoomsDoNotKnowWhatTheyNeverKnow(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for room, roots := range strangers {
		for _, path := range packages[room].Imports {
			if slices.ContainsFunc(roots, func(root string) bool { return inside(path, root) }) {
				t.Errorf("%s imports %s", room, path)
			}
		}
	}
}

// The simulator is the witness for the money: what it shared with us, tests
// included, it could not contradict.
func TestSimulatorSharesNothingWithUs(t *testing.T) {
	t.Parallel()
	p := list(t)["internal/dokusim"]
	for _, name := range slices.Concat(ours(p.Imports), ours(p.TestImports), ours(p.XTestImports), ours(p.Deps)) {
		if name != "internal/dokusim" {
			t.Errorf("internal/dokusim imports %s", name)
		}
	}
}

func TestProductionProgramsLinkNeitherServerNorSimulator(t *testing.T) {
	t.Parallel()
	packages := list(t)
	heavy := []string{
		"github.com/nats-io/nats-server", module + "/internal/dokusim", module + "/internal/devstack", "testing",
	}
	for _, program := range []string{"cmd/worker", "cmd/enqueue", "cmd/refundctl", "deploy/setup", "deploy/healthcheck"} {
		for _, path := range packages[program].Deps {
			if slices.ContainsFunc(heavy, func(root string) bool { return inside(path, root) }) {
				t.Errorf("%s links %s", program, path)
			}
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
