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
