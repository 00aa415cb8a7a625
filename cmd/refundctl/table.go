package main

import (
	"strings"

	"refundworker.example/refundworker/internal/printable"
)

const (
	gap         = 2  // between two columns
	indentation = 4  // of the lines of a row after its first
	least       = 20 // columns of a terminal; a narrower one gets longer lines
)

// table prints rows under a header, in columns as wide as their longest cell. Where
// the terminal is narrower, the first columns stay and the others go to lines of their
// own, indented. A cell that no line has room for is broken into several; no text is
// left out, so that an id can be copied.
func (p *sheet) table(header []string, rows [][]string) { p.tableWith(header, rows, nil) }

// place is a cell: its row, without the header, and its column.
type place struct{ row, column int }

// tableWith has words in place of cells' own texts for their colours.
func (p *sheet) tableWith(header []string, rows [][]string, words map[place]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	lines := p.arrange(widths)
	for n, row := range all {
		for i, line := range lines {
			indent := 0
			if i > 0 {
				indent = indentation
			}
			p.row(line, indent, widths, row, func(column int, text string) painted {
				if word := words[place{n - 1, column}]; word != "" && n > 0 {
					return p.paint(word, text)
				}
				return p.colour(text)
			})
		}
	}
}

// arrange spreads columns over as many lines as it takes, and narrows those that are
// wider than a line.
func (p *sheet) arrange(widths []int) (lines [][]int) {
	room := 0
	for i := range widths {
		if p.width > 0 {
			widths[i] = min(widths[i], max(p.width, least)-indentation)
		}
		room -= widths[i] + gap
		if len(lines) == 0 || p.width > 0 && room+gap < 0 {
			lines = append(lines, nil)
			room = max(p.width, least) - widths[i] - gap
			if len(lines) > 1 {
				room -= indentation
			}
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], i)
	}
	return lines
}

// row prints the columns of one line of a row; a cell that is wider than its column
// goes on below itself. A line of empty cells is left out.
func (p *sheet) row(columns []int, indent int, widths []int, cells []string, paint func(column int, text string) painted) {
	parts := map[int][]string{}
	height := 0
	for _, i := range columns {
		if i < len(cells) && cells[i] != "" {
			parts[i] = broken(cells[i], widths[i])
			height = max(height, len(parts[i]))
		}
	}
	for n := range height {
		var line strings.Builder
		line.WriteString(strings.Repeat(" ", indent))
		for _, i := range columns {
			text := ""
			if n < len(parts[i]) {
				text = parts[i][n]
			}
			line.WriteString(string(paint(i, text)))
			line.WriteString(strings.Repeat(" ", widths[i]-width(text)+gap))
		}
		p.line("%s", painted(strings.TrimRight(line.String(), " ")))
	}
}

// broken breaks a text into parts that are no wider than most: at spaces, where that
// leaves no part half empty.
func broken(text string, most int) (parts []string) {
	shown := []rune(printable.Text(text))
	for len(shown) > most {
		at := most
		for i := most; i > most/2; i-- {
			if shown[i] == ' ' {
				at = i
				break
			}
		}
		parts = append(parts, strings.TrimRight(string(shown[:at]), " "))
		shown = shown[at:]
		for len(shown) > 0 && shown[0] == ' ' {
			shown = shown[1:]
		}
	}
	return append(parts, string(shown))
}
