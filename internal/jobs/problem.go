package jobs

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"refundworker.example/refundworker/internal/refund"
)

// Problem is one broken rule of a job: which field, which rule, and never what
// the field contained.
type Problem struct {
	Field string // as the contract spells it; nested: customer.access_token
	Rule  string
	card  bool
	since int // the version of the rules that brought this one, or sinceRecord
}

// String returns "field: rule".
func (p Problem) String() string { return p.Field + ": " + p.Rule }

// maxProblems bounds the text of a result's error: 16 KiB of nonsense may break
// thousands of rules.
const maxProblems = 16

// Problems are the broken rules of one job, in the order in which they were
// met, each once, the first sixteen of them.
type Problems struct {
	List    []Problem
	Omitted int  // how many more there were
	other   bool // at least one was not a card number
	some    bool // there is at least one
	oldest  int  // the least since of all; of no meaning where there is none
}

// Code returns [refund.CodeCardNumber] if every problem is one, else
// [refund.CodeInvalidJob].
func (p Problems) Code() refund.Code {
	if p.other {
		return refund.CodeInvalidJob
	}
	return refund.CodeCardNumber
}

// String returns all problems in one line, for a result's error.message.
func (p Problems) String() string {
	texts := make([]string, 0, len(p.List)+1)
	for _, problem := range p.List {
		texts = append(texts, problem.String())
	}
	if p.Omitted > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", p.Omitted))
	}
	return strings.Join(texts, "; ")
}

// newerThan reports whether every broken rule came after that version of the
// rules.
func (p Problems) newerThan(rules int) bool { return !p.some || p.oldest > rules }

func (p *Problems) add(problem Problem) {
	p.other = p.other || !problem.card
	if !p.some || problem.since < p.oldest {
		p.oldest = problem.since
	}
	p.some = true
	for _, known := range p.List {
		if known.Field == problem.Field && known.Rule == problem.Rule {
			return
		}
	}
	if len(p.List) == maxProblems {
		p.Omitted++
		return
	}
	p.List = append(p.List, problem)
}

const maxShownName = 40

// shownName makes a member name that we do not know fit to print: quoted, at
// most 40 characters, other than printable ASCII as "?". A name with as many
// digits as a card number is not shown at all.
func shownName(name []byte) string {
	shown := make([]byte, 0, maxShownName)
	digits, cut := 0, false
	for _, r := range string(name) {
		if unicode.IsDigit(r) {
			digits++
		}
		switch {
		case len(shown) == maxShownName:
			cut = true
		case r < ' ' || r > '~':
			shown = append(shown, '?')
		default:
			shown = append(shown, byte(r))
		}
	}
	if digits >= minCardDigits {
		return "(a name that is not shown)"
	}
	if cut {
		return strconv.Quote(string(shown)) + "..."
	}
	return strconv.Quote(string(shown))
}
