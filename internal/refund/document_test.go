package refund

import (
	"fmt"
	"strings"
	"testing"
)

const preamble = `# The states of one refund

<!-- Written by "go test ./internal/refund -update" from internal/refund/table.go. Do not edit. -->

Rows are tried from the top; the first whose *from*, *event* and conditions all
hold decides. *To* names the next record and, in brackets, the reason that it
keeps; a dash stores none. *Then* lists what is done, in this order: whatever
cannot be done ends the handling without acknowledging the message, which is
then delivered again. "Own" means the very handling that stored the record and
holds its answer. A state in bold is a result; ` + "`none`" + ` means that there is no
record yet. ✓ marks the rows that settle a refund by proof.

`

var kindNames = [...]string{
	"delivered", "answered", "asked", "operator: cancel", "operator: bring forward", "operator: inquiry", "operator: word",
}

func TestDocumentedTableIsTheTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(preamble)
	b.WriteString("| | row | from | event | conditions | to | then |\n|---|---|---|---|---|---|---|\n")
	for i, r := range table {
		fmt.Fprintf(&b, "| %d | %s%s | %s | %s | %s | %s | %s |\n",
			i+1, r.name, mark(r.proof), fromCell(r.from), kindCell(r.on), guardCell(r.when), toCell(r), effectCell(r.then))
	}
	b.WriteString("\n## The same as a picture\n\nRows that store no record are left out.\n\n")
	b.WriteString(diagram())
	golden(t, "../../docs/state-machine.md", []byte(b.String()))
}

func mark(proof bool) string {
	if proof {
		return " ✓"
	}
	return ""
}

func stateCell(s State) string {
	if s.Result() {
		return "**`" + s.String() + "`**"
	}
	return "`" + s.String() + "`"
}

func fromCell(set stateSet) string {
	switch set {
	case anyState:
		return "any"
	case recorded:
		return "any but `none`"
	case anyResult:
		return "any result"
	}
	var list []string
	for s := range states {
		if set.has(s) {
			list = append(list, stateCell(s))
		}
	}
	return strings.Join(list, ", ")
}

func kindCell(set kindSet) string {
	var list []string
	for k, name := range kindNames {
		if set.has(Kind(k)) {
			list = append(list, name)
		}
	}
	if len(list) == 4 {
		return "operator: anything"
	}
	return strings.Join(list, ", ")
}

func guardCell(when []guard) string {
	list := make([]string, len(when))
	for i, g := range when {
		list[i] = g.name
	}
	return strings.Join(list, "; ")
}

func toCell(r row) string {
	if r.to == stay {
		return "–"
	}
	to := "what the operator says"
	if r.to != verdictState {
		to = stateCell(r.to)
	}
	return to + " (`" + r.code.String() + "`)"
}

func effectCell(then []Effect) string {
	list := make([]string, len(then))
	for i, e := range then {
		list[i] = e.String()
	}
	return strings.Join(list, ", ")
}

// targets returns the states that the row can lead to.
func (r *row) targets() []State {
	switch r.to {
	case stay:
		return nil
	case verdictState:
		for _, word := range []State{Succeeded, Failed} {
			s := situation{core: Core{State: Unresolved}, event: Event{Kind: OperatorVerdict, Verdict: word}}
			if r.matches(s) {
				return []State{word}
			}
		}
		return nil
	default:
		return []State{r.to}
	}
}

// diagram draws each pair of states once, with the names of all rows between.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for from := range states {
		for to := range states {
			if names := between(from, to); len(names) > 0 {
				fmt.Fprintf(&b, "    %s --> %s : %s\n", node(from), node(to), strings.Join(names, "<br/>"))
			}
		}
	}
	for s := range states {
		if s.Final() {
			fmt.Fprintf(&b, "    %s --> [*]\n", node(s))
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func between(from, to State) []string {
	var names []string
	for i := range table {
		for _, target := range table[i].targets() {
			if target == to && table[i].from.has(from) {
				names = append(names, strings.ReplaceAll(table[i].name, ":", ",")) // a colon would end the label
			}
		}
	}
	return names
}

func node(s State) string {
	if s == None {
		return "[*]"
	}
	return s.String()
}
