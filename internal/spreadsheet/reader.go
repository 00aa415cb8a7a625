package spreadsheet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	// ErrQuote is returned, in a [RowError], for a quote within a cell that does
	// not begin with one, or text behind a closing quote.
	ErrQuote = errors.New(`a " stands where none may be`)

	// ErrOpenQuote is returned, in a [RowError], for a cell whose closing quote
	// does not come. Where the next row begins nobody can say: reading has ended.
	ErrOpenQuote = errors.New(`a cell opens with " and is not closed`)

	// ErrLongRow is returned, in a [RowError], for a row of more than 1 MiB.
	// Reading has ended.
	ErrLongRow = errors.New("the row is longer than 1 MiB")

	// ErrNUL is returned, in a [RowError], for a NUL byte: a file of UTF-16
	// without its byte order mark, or no text at all. Reading has ended.
	ErrNUL = errors.New("it is no text in UTF-8, nor in UTF-16 with a byte order mark: save it as CSV UTF-8")
)

// RowError is what is wrong with one row. Rows after it can be read, unless
// Last.
type RowError struct {
	Line int // where the row begins
	Last bool
	Err  error
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *RowError) Unwrap() error { return e.Err }

// Row is one row of a table.
type Row struct {
	Line  int // of the file, where the row begins
	Cells []string
	Cut   bool // the file ends here without a line end: the row may have been longer
}

// Cell returns the i-th cell; one that the row does not have is empty, as a
// spreadsheet leaves out empty cells at the end of a row.
func (r Row) Cell(i int) string {
	if i >= len(r.Cells) {
		return ""
	}
	return r.Cells[i]
}

// blank reports whether no cell holds anything.
func (r Row) blank() bool { return strings.TrimSpace(strings.Join(r.Cells, "")) == "" }

// longestRow bounds what one open quote can read into memory.
const longestRow = 1 << 20

// Reader reads a table. Its text must be UTF-8: see [NewTextReader].
type Reader struct {
	in    *bufio.Reader
	known func(name string) bool
	comma byte // between cells
	cr    bool // a CR alone ends a line, as it does the header's
	line  int  // that is read next
	size  int  // of the row so far
	ended bool
}

// NewReader returns a reader of the table in r. known names the columns that
// may be there: of comma, semicolon and tab the one is taken by which most of
// them are found in the first row, unless a sep= line says which.
func NewReader(r io.Reader, known func(name string) bool) *Reader {
	return &Reader{in: bufio.NewReader(r), known: known, line: 1}
}

// Header returns the names in the first row that holds anything, without spaces
// around, and without empty ones at the end. Call it first, and once. io.EOF:
// the table is empty.
func (r *Reader) Header() (Row, error) {
	for {
		row := Row{Line: r.line}
		text, err := r.firstLine()
		if err != nil {
			return row, err
		}
		if comma, ok := separator(text); ok && r.comma == 0 {
			r.comma = comma
			continue
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if r.comma == 0 {
			r.comma = r.detect(text)
		}
		if row.Cells, err = split(text, r.comma); err != nil {
			return row, &RowError{Line: row.Line, Err: err}
		}
		row.Cells = names(row.Cells)
		return row, nil
	}
}

// firstLine returns a line whose separator may not be known yet. Within quotes
// a line continues.
func (r *Reader) firstLine() (string, error) {
	var text strings.Builder
	quoted, begin := false, r.line
	for r.size = 0; ; {
		b, end, err := r.next()
		switch {
		case errors.Is(err, io.EOF) && !quoted && text.Len() > 0:
			return text.String(), nil
		case errors.Is(err, io.EOF) && quoted:
			return "", &RowError{Line: begin, Last: true, Err: ErrOpenQuote}
		case err != nil:
			return "", located(err, begin)
		case end && !quoted:
			return text.String(), nil
		}
		quoted = quoted != (b == '"')
		text.WriteByte(b)
	}
}

// located turns what is wrong with a row into a [RowError].
func located(err error, line int) error {
	if errors.Is(err, ErrNUL) || errors.Is(err, ErrLongRow) {
		return &RowError{Line: line, Last: true, Err: err}
	}
	return err
}

// next returns the next byte; end: a line ends here, and the byte is a LF.
func (r *Reader) next() (b byte, end bool, err error) {
	if r.ended {
		return 0, false, io.EOF
	}
	if b, err = r.in.ReadByte(); err != nil {
		r.ended = true
		return 0, false, err
	}
	r.size++
	switch {
	case b == 0:
		r.ended = true
		return 0, false, ErrNUL
	case r.size > longestRow:
		r.ended = true
		return 0, false, ErrLongRow
	case b == '\r' && r.lineEnd():
		b = '\n'
	}
	if b == '\n' {
		r.line++
	}
	return b, b == '\n', nil
}

// lineEnd reports whether the CR that was just read ends a line: with a LF
// behind it, at the end of the file, or in a file whose first line ended so.
func (r *Reader) lineEnd() bool {
	after, err := r.in.Peek(1)
	if err == nil && after[0] == '\n' {
		_, _ = r.in.Discard(1)
		return true
	}
	if r.comma == 0 || r.line == 1 {
		r.cr = true
	}
	return r.cr || err != nil
}

// separator reads a line sep=; with or without quotes.
func separator(line string) (byte, bool) {
	if text, quoted := strings.CutPrefix(line, `"`); quoted {
		line = strings.TrimSuffix(text, `"`)
	}
	if len(line) == 5 && strings.EqualFold(line[:4], "sep=") && line[4] != '"' {
		return line[4], true
	}
	return 0, false
}

func names(cells []string) []string {
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// detect chooses the separator; of equals, the one that makes more cells.
func (r *Reader) detect(header string) byte {
	best, found, count := byte(','), -1, 0
	for _, comma := range []byte{',', ';', '\t'} {
		cells, err := split(header, comma)
		if err != nil {
			continue
		}
		here := 0
		for _, name := range names(cells) {
			if r.known(name) {
				here++
			}
		}
		if here > found || here == found && len(cells) > count {
			best, found, count = comma, here, len(cells)
		}
	}
	return best
}

// split returns the cells of a text that is one row.
func split(text string, comma byte) ([]string, error) {
	r := &Reader{in: bufio.NewReader(strings.NewReader(text)), comma: comma, line: 2}
	row, err := r.row()
	return row.Cells, err
}

// Read returns the next row that holds anything. io.EOF ends the table; a
// [*RowError] is about one row; any other error ended the reading.
func (r *Reader) Read() (Row, error) {
	for {
		row, err := r.row()
		if err != nil || !row.blank() {
			return row, err
		}
	}
}

// row reads one row.
func (r *Reader) row() (Row, error) {
	row, c := Row{Line: r.line}, cell{}
	for r.size = 0; ; {
		b, end, err := r.next()
		switch {
		case errors.Is(err, io.EOF) && r.size > 0:
			row.Cut = true
			return c.last(row)
		case err != nil:
			return row, located(err, row.Line)
		case end && c.state != quoted:
			return c.last(row)
		case b == r.comma && c.state != quoted:
			row.Cells, c = append(row.Cells, c.text.String()), cell{}
		case !c.add(b):
			return row, r.skip(row.Line)
		}
	}
}

// skip leaves a row that cannot be read, at the end of the line.
func (r *Reader) skip(line int) error {
	for {
		if _, end, err := r.next(); end || err != nil {
			return &RowError{Line: line, Last: err != nil, Err: ErrQuote}
		}
	}
}

// cell is a cell that is being read.
type cell struct {
	text  strings.Builder
	state state
}

type state uint8

const (
	empty   state = iota
	plain         // no quote may come
	quoted        // opened by a quote
	closed        // by a quote; a second one stands for one
	formula       // ="...": its quotes are text
)

// add reports whether b may stand here.
func (c *cell) add(b byte) bool {
	switch {
	case c.state == quoted && b == '"':
		c.state = closed
		return true
	case c.state == closed && b == '"':
		c.state = quoted
	case c.state == closed:
		return false
	case c.state == empty && b == '"':
		c.state = quoted
		return true
	case c.state == plain && b == '"':
		if c.text.String() != "=" {
			return false
		}
		c.state = formula
	case c.state == empty:
		c.state = plain
	}
	c.text.WriteByte(b)
	return true
}

// last ends the row with this cell.
func (c *cell) last(row Row) (Row, error) {
	if c.state == quoted {
		return row, &RowError{Line: row.Line, Last: true, Err: ErrOpenQuote}
	}
	row.Cells = append(row.Cells, c.text.String())
	return row, nil
}
