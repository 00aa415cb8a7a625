package model

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"refundworker.example/refundworker/internal/refund"
)

const documentPath = "../../../docs/model.md"

const preamble = `# Every order of events of one refund

<!-- Written by "make model ARGS=-update". Do not edit. -->

` + "`make model`" + ` walks every order of events of one refund, breadth first, through the
code that decides in production: two workers, an operator, messages that come
at any time and twice, waits that fire early, crashes between any two effects,
workers that stall, requests and answers that are late or lost, and a DOKU that
behaves as badly as its documents leave open. In every world the one checker
(` + "`internal/proof/check`" + `) looks at the money moved and at the record, and the model
looks whether an open refund still has a message or a wait.

Each line below is one way in which DOKU, the network and the ledger may behave.
What a condition does not promise is as bad as it can be: under the first one
requests arrive however late, workers stall however long, and an inquiry says
what it likes. Only one thing is changed at a time; "all at once" changes all.

What the model cannot see: more than two handlings at once, more than two
requests on the way, more than one refusal or delay in store (two where nothing
is sent again), clocks that differ by little (the 20 s of the assumptions are
reasoned, not modelled), and settings that change on the way. A clock that is
off is that of one worker: it jumps by 40 s at any time, once, and may be set
right again. Time moves by steps of 20 or 30 s. Several messages or waits of a refund count as one. Of each world 64 bits
of a hash are kept.

`

// unreached names the rows that this model cannot reach, and why.
var unreached = map[string]string{
	"refund_id taken":                    "every message has the same content",
	"late success: answer":               "only where an assumption does not hold",
	"late success: inquiry":              "only where an assumption does not hold",
	"wake-up without a record":           "every message is a valid job",
	"bad job":                            "every message is a valid job",
	"no customer token in the job":       "no channel of the model requires one",
	"too early":                          "the job has no `not_before`",
	"inquiry out of place":               "nothing but an unknown refund is asked about",
	"customer token refused":             "no channel of the model requires one",
	"never sent, customer token missing": "no channel of the model requires one",
	"customer token missing":             "no channel of the model requires one",
}

func document(outcomes map[string]Outcome, rows map[string]int) []byte {
	var b strings.Builder
	b.WriteString(preamble)
	group := Group(255)
	for _, bh := range Behaviours() {
		if bh.Group != group {
			group = bh.Group
			fmt.Fprintf(&b, "\n## %s\n\n| behaviour | worlds | moves | verdict |\n|---|---:|---:|---|\n", group)
		}
		o := outcomes[bh.Title()]
		fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", bh.Name, o.Worlds, o.Moves, verdict(o))
	}
	b.WriteString("\n## The shortest paths outside the assumptions\n")
	for _, bh := range Behaviours() {
		if bh.Group == Outside {
			writePath(&b, bh.Name, outcomes[bh.Title()])
		}
	}
	b.WriteString("\n## Mutations\n\nEach is shown where the design itself is safe: see the line of that name above.\n")
	for _, m := range Mutations() {
		o := Explore(behaviour(m.Place()), m, 0)
		writePath(&b, fmt.Sprintf("%s (under: %s)", m.Name, m.Place()), o)
	}
	writeRows(&b, rows)
	return []byte(b.String())
}

func behaviour(title string) DOKU {
	for _, b := range Behaviours() {
		if b.Title() == title {
			return b.DOKU
		}
	}
	return DOKU{}
}

func writePath(b *strings.Builder, title string, o Outcome) {
	fmt.Fprintf(b, "\n### %s\n\n%s, after %d worlds:\n\n```\n%s\n```\n", title, verdict(o), o.Worlds, strings.Join(o.Path, "\n"))
}

func writeRows(b *strings.Builder, rows map[string]int) {
	b.WriteString("\n## How often each row of the table decided\n\nUnder the assumptions; see [state-machine.md](state-machine.md).\n\n")
	b.WriteString("| row | times |\n|---|---:|\n")
	for _, row := range refund.Rows() {
		if why, beyond := unreached[row]; beyond {
			fmt.Fprintf(b, "| %s | none: %s |\n", row, why)
			continue
		}
		fmt.Fprintf(b, "| %s | %d |\n", row, rows[row])
	}
}

func golden(t *testing.T, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(documentPath, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Error("docs/model.md is stale: run `make model ARGS=-update`")
	}
}
