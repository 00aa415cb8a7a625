package config

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Secrets arrive through editors, env files and secret stores, each of which
// adds something of its own. A key with such an addition is another key: DOKU
// would refuse every signature made with it, long after the start and with an
// error code that does not hint at the cause. So a setting that cannot be meant
// as it is written is refused, and only line ends, which no value holds, are
// taken off.

// EncodingFlaw says why content is not the UTF-8 text that it should be; empty
// where it is. It never repeats any of it.
func EncodingFlaw(content []byte) string {
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")), halfNUL(content):
		return "is UTF-16: save it as UTF-8"
	case bytes.HasPrefix(content, []byte("\xef\xbb\xbf")):
		return "begins with a byte order mark (BOM): save it as UTF-8 without one"
	case bytes.IndexByte(content, 0) >= 0:
		return "holds a NUL byte"
	case !utf8.Valid(content):
		return "is not UTF-8 text"
	}
	return ""
}

// halfNUL reports whether every second byte is zero, as in ASCII written as
// UTF-16 without a byte order mark.
func halfNUL(content []byte) bool {
	if len(content) < 2 || len(content)%2 != 0 {
		return false
	}
	zero := [2]int{}
	for i, b := range content {
		if b == 0 {
			zero[i%2]++
		}
	}
	return zero[0] == len(content)/2 || zero[1] == len(content)/2
}

// TextFlaw says why a value of one line cannot be meant as it is written; empty
// where it can. It never repeats any of it.
func TextFlaw(value string) string {
	if flaw := EncodingFlaw([]byte(value)); flaw != "" {
		return flaw
	}
	switch {
	case strings.ContainsAny(value, "\r\n"):
		return "holds a line end within the value (a carriage return, of a file with Windows line ends?)"
	case value != strings.TrimSpace(value):
		return "begins or ends with white space"
	case assignment.MatchString(value):
		return "is a line NAME=value, as of an env file: write the value alone"
	case strings.HasPrefix(value, "# "):
		return "is a comment: write the value alone"
	case quoted(value):
		return "begins or ends with a quotation mark: an env file's quotes are not taken off here, write the value without them"
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
		return "holds a character outside printable ASCII"
	}
	return ""
}

// assignment is a line of an env file or a manifest. No key that is known looks
// so: the name has an underscore, and what follows is not base64 padding.
var assignment = regexp.MustCompile(`^(?:(?:export|set) +)?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?: *=[^=]|: )`)

func quoted(value string) bool {
	const marks = "\"'`"
	return value != "" && (strings.ContainsRune(marks, rune(value[0])) || strings.ContainsRune(marks, rune(value[len(value)-1])))
}

// lines splits the text of a secret, which may hold several, without their line
// ends and without empty ones.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		if ended {
			line = strings.TrimSuffix(line, "\r")
		}
		if line != "" {
			list = append(list, line)
		}
	}
	return list
}
