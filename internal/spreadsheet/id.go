package spreadsheet

import (
	"regexp"
	"strings"
)

// Mangled says what a spreadsheet has made of an id, and what to do; empty
// where nothing shows. No order system is known to write ids of these forms;
// that a spreadsheet dropped leading zeros, nobody can see.
func Mangled(id string) string {
	for _, m := range mangled {
		if m.form.MatchString(id) {
			return m.what + ": a spreadsheet has changed the id; format the column as text and fill it in again"
		}
	}
	return ""
}

// month is one as spreadsheets set to English or Indonesian write it.
const month = `(?:Jan|Feb|Mar|Apr|May|Mei|Jun|Jul|Aug|Agu|Agt|Sep|Oct|Okt|Nov|Dec|Des)`

var mangled = []struct {
	form *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`^\s*[+-]?(?:[0-9]+(?:[.,][0-9]+)?[eE][+-]|[0-9]+[.,][0-9]+[eE])[0-9]+\s*$`), "is a number with an exponent, whose last digits are lost"},
	{regexp.MustCompile(`^\s*=`), "begins with =, as a formula does"},
	{regexp.MustCompile(`^\s*['’]`), "begins with an apostrophe, which is no part of the id"},
	{regexp.MustCompile(`^\s*#(REF|NAME|VALUE|NUM|NULL|N/A|DIV/0|SPILL|CALC)[!?]?\s*$`), "is the spreadsheet's word for an error"},
	{regexp.MustCompile(`^\s*#{3,}\s*$`), "is what a spreadsheet shows of a number in too narrow a column"},
	// What looked like a day and a month, or a month and a year. With slashes it
	// may be a number of a bookkeeper's, and with a year in front anybody's.
	{regexp.MustCompile(`^\s*(?:[0-9]{1,2}-` + month + `(?:-[0-9]{2}|-[0-9]{4})?|` + month + `-[0-9]{2})\s*$`), "is a date"},
	// Spreadsheets keep 15 digits and put zeros for the rest.
	{regexp.MustCompile(`^\s*[1-9][0-9]{14}0{4,}\s*$`), "has nothing but zeros after its 15th digit"},
}

// exponent reports whether text is a number that a spreadsheet has shortened.
func exponent(text string) bool { return mangled[0].form.MatchString(strings.TrimSpace(text)) }
