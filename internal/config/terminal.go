package config

import (
	"os"

	"golang.org/x/term"
)

// IsTerminal reports whether stream is a file that a person sees. /dev/null is a
// character device and no terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Columns returns how wide the terminal is that stream leads to; 0 where it leads to
// none.
func Columns(stream any) int {
	file, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
