// Package printable makes text from outside fit for where it is shown or kept:
// what DOKU answered, what producers wrote, names of streams and subjects, what
// operators typed, and errors that quote any of these.
//
// Such text may hold escape sequences that a terminal obeys, characters that
// turn the order of a line around, line ends that forge another line, and, in
// a table, formulas that a spreadsheet runs.
//
// Invariant: what [Text] returns is one line of graphic characters.
package printable

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns text as it may be shown on a terminal: control characters (those
// of C1 and the escape among them), overrides of direction, line separators and
// bytes that are no UTF-8 are written as escapes, such as \x1b or \u202e.
func Text(text string) string {
	if !strings.ContainsFunc(text, unfit) {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[0])
		case !unfit(r):
			out.WriteString(text[:size])
		case short[r] != "":
			out.WriteString(short[r])
		case r < utf8.RuneSelf:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r <= 0xFFFF:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
		text = text[size:]
	}
	return out.String()
}

var short = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`}

// unfit reports whether a terminal might do something else than show r. An
// error of decoding counts, as does the replacement character that looks like
// one: rather one escape too many.
func unfit(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }

// Error returns an error's text as one line.
func Error(err error) string { return Text(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// JSON returns JSON text in which the characters that [Text] escapes stand as
// JSON's own escapes, so that it means the same and can be printed. Line ends
// between values stay.
func JSON(text []byte) []byte {
	if plain(text) || !bytes.ContainsFunc(text, unfitInJSON) {
		return text
	}
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !unfitInJSON(r):
			out = append(out, text[:size]...)
		case r == '\r' || r == '\t': // between values: none may stand in a string
			out = append(out, ' ')
		case r <= 0xFFFF:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
		text = text[size:]
	}
	return out
}

// plain reports whether text is all graphic ASCII and line ends, as most is.
func plain(text []byte) bool {
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

func unfitInJSON(r rune) bool { return r != '\n' && unfit(r) }

// JSONLine is [JSON] for a document that is to stay on one line.
func JSONLine(text []byte) []byte { return bytes.ReplaceAll(JSON(text), []byte("\n"), []byte(" ")) }

// Cell returns text as it may stand in a cell of a CSV file: as [Text] shows
// it, with an apostrophe before what a spreadsheet would take for a formula.
// That is a cell that begins with =, +, - or @, and the part behind a semicolon
// or comma that begins so, for a spreadsheet of another country separates
// there. A plain number stays a number.
func Cell(text string) string {
	if number.MatchString(text) {
		return text
	}
	return formula.ReplaceAllString(Text(text), "$1'$2")
}

// Cells applies [Cell] to a row.
func Cells(row []string) []string {
	safe := make([]string, len(row))
	for i, cell := range row {
		safe[i] = Cell(cell)
	}
	return safe
}

var (
	number = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	// The wide forms count in some spreadsheets; a tab or CR is an escape by now.
	formula = regexp.MustCompile(`(^|[;,|])([\s"]*(?:[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|\\t|\\r))`)
)

// Kept returns text as a record may keep it: whole characters, each of them
// graphic, at most so many bytes.
func Kept(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
