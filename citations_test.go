package refundworker_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An identifier of ours as documents cite it: `ledger.Append`, `refund.Machine.Record`.
var citedIdentifier = regexp.MustCompile("`([a-z]+)\\.([A-Za-z]\\w*)(?:\\.([A-Za-z]\\w*))?(?:\\(\\))?`")

// identifiers of each of our packages, by the package's name: of a type's member,
// its name alone.
func identifiers(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	for _, name := range tracked(t) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || !strings.HasPrefix(name, "internal/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := all[file.Name.Name]
		if names == nil {
			names = map[string]bool{}
			all[file.Name.Name] = names
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[n.Name.Name] = true
				return false
			case *ast.TypeSpec:
				names[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, id := range n.Names {
					names[id.Name] = true
				}
			case *ast.Field:
				for _, id := range n.Names {
					names[id.Name] = true
				}
			}
			return true
		})
	}
	return all
}

// missing lists what a document cites of our packages that is not there. Members
// of DOKU's JSON and its hosts look like unexported names of two of them.
func missing(text string, packages map[string]map[string]bool) (cited []string) {
	for _, m := range citedIdentifier.FindAllStringSubmatch(text, -1) {
		names, ours := packages[m[1]]
		if (m[1] == "refund" || m[1] == "doku") && !ast.IsExported(m[2]) {
			continue
		}
		if ours && (!names[m[2]] || m[3] != "" && !names[m[3]]) {
			cited = append(cited, m[0])
		}
	}
	return cited
}

func TestEveryCitedIdentifierExists(t *testing.T) {
	t.Parallel()
	packages := identifiers(t)
	for _, name := range tracked(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, cited := range missing(contentOf(t, name), packages) {
			t.Errorf("%s cites %s, which is not there", name, cited)
		}
	}
}

func TestMissingIdentifiersAreFound(t *testing.T) {
	t.Parallel()
	packages := map[string]map[string]bool{"ledger": {"Append": true, "Ledger": true}}
	got := missing("`ledger.Append` `ledger.Ledger.Gone` `ledger.gone()` `fmt.Errorf` ledger.gone", packages)
	if want := []string{"`ledger.Ledger.Gone`", "`ledger.gone()`"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
