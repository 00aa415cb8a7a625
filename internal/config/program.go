package config

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/secret"
)

// Program describes a program to its command-line parser.
type Program struct {
	Name        string
	Description string
	Version     string
}

// exit carries the status with which the parser wants to end the program.
type exit struct{ status int }

// Parse fills target (a pointer to a struct with kong tags) from args and the
// environment. ok is false when the program has to end with status: after
// --help and --version (0), or a flag that is not known (2).
func (p Program) Parse(target any, args []string, stdout, stderr io.Writer, options ...kong.Option) (status int, ok bool) {
	_, status, ok = p.ParseCommand(target, args, stdout, stderr, options...)
	return status, ok
}

// ParseCommand is [Program.Parse] for a program with commands: parsed tells
// which one was given. It is nil where ok is false.
func (p Program) ParseCommand(target any, args []string, stdout, stderr io.Writer, options ...kong.Option) (parsed *kong.Context, status int, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			e, known := r.(exit)
			if !known {
				panic(r)
			}
			parsed, status, ok = nil, e.status, false
		}
	}()
	parser, err := kong.New(target, append([]kong.Option{
		kong.Name(p.Name), kong.Description(p.Description), kong.Vars{"version": p.Version},
		kong.Writers(stdout, stderr), kong.Exit(func(status int) { panic(exit{status}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}), kong.ValueFormatter(withDefault),
	}, options...)...)
	if err != nil {
		panic(err) // a mistake in the struct's tags
	}
	if parsed, err = parser.Parse(args); err != nil {
		Report(stderr, p.Name, []string{err.Error()})
		return nil, 2, false
	}
	return parsed, 0, true
}

// withDefault adds a default that the library does not show where a placeholder
// stands.
func withDefault(v *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(v)
	if v.Default == "" || v.Flag == nil || v.Flag.PlaceHolder == "" {
		return help
	}
	return help + " Default: " + v.Default + "."
}

// Report prints one line a problem. A problem may quote what it is about.
func Report(stderr io.Writer, program string, problems []string) {
	for _, problem := range problems {
		_, _ = fmt.Fprintf(stderr, "%s: %s\n", program, printable.Text(problem))
	}
}

// Problems collects what is wrong with settings. Each method takes the
// setting's name and text, and returns its value, or a zero value where the
// text is bad.
type Problems []string

// Add notes a problem with a setting.
func (p *Problems) Add(name, format string, args ...any) {
	*p = append(*p, name+": "+fmt.Sprintf(format, args...))
}

// Duration reads a duration of at least least.
func (p *Problems) Duration(name, text string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		p.Add(name, "%q is no duration such as 500ms, 60s or 15m", text)
		return 0
	case d < least:
		p.Add(name, "%s is less than the least, %s", d, least)
		return 0
	}
	return d
}

// Int reads a whole number between least and most.
func (p *Problems) Int(name, text string, least, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		p.Add(name, "%q is no whole number from %d to %d", text, least, most)
		return least
	}
	return n
}

// units of sizes, the longest name first.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// Bytes reads a size of at least least bytes, such as 1073741824, 512MiB or
// 1GiB.
func (p *Problems) Bytes(name, text string, least int64) int64 {
	number, scale := text, int64(1)
	for _, unit := range units {
		if rest, ok := strings.CutSuffix(text, unit.name); ok {
			number, scale = strings.TrimSpace(rest), unit.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/scale {
		p.Add(name, "%q is no size such as 1073741824, 512MiB or 1GiB", text)
		return 0
	}
	if n*scale < least {
		p.Add(name, "%s is less than the least, %d bytes", text, least)
		return 0
	}
	return n * scale
}

// Rate reads a number per second, 0 for none.
func (p *Problems) Rate(name, text string) float64 {
	r, err := strconv.ParseFloat(text, 64)
	if err != nil || !(r >= 0 && r <= 1e6) {
		p.Add(name, "%q is no number from 0 to 1000000", text)
		return 0
	}
	return r
}

// Bool reads true or false.
func (p *Problems) Bool(name, text string) bool {
	b, err := strconv.ParseBool(text)
	if err != nil {
		p.Add(name, "%q is neither true nor false", text)
	}
	return b
}

// OneOf reads one of a few words.
func (p *Problems) OneOf(name, text string, words ...string) string {
	for _, word := range words {
		if text == word {
			return word
		}
	}
	if text == "" {
		p.Add(name, "must be given: one of %s", strings.Join(words, ", "))
		return ""
	}
	p.Add(name, "%q is none of %s", text, strings.Join(words, ", "))
	return ""
}

// Secret reads a secret given as text or by the name of a file that holds it. It
// may have several lines; line ends are not part of it. Anything else that an
// editor or an env file may have added is a problem, see [TextFlaw].
func (p *Problems) Secret(name, text, file string) secret.Text {
	switch {
	case text != "" && file != "":
		p.Add(name, "is given twice, by itself and by %s_FILE", name)
		return secret.Text{}
	case file == "":
		return p.secret(name, "", text)
	}
	content, err := os.ReadFile(file)
	switch {
	case err != nil:
		p.Add(name+"_FILE", "%s", err)
		return secret.Text{}
	case len(bytes.TrimSpace(content)) == 0:
		p.Add(name+"_FILE", "%s is empty", file)
		return secret.Text{}
	}
	return p.secret(name+"_FILE", file+" ", string(content))
}

// secret checks the lines of a secret; where says which file they came from.
func (p *Problems) secret(name, where, text string) secret.Text {
	if strings.TrimSpace(text) == "" {
		return secret.Text{}
	}
	if flaw := EncodingFlaw([]byte(text)); flaw != "" {
		p.Add(name, "%s%s", where, flaw)
		return secret.Text{}
	}
	list := lines(text)
	for i, line := range list {
		flaw := TextFlaw(line)
		switch {
		case flaw == "":
			continue
		case len(list) > 1:
			p.Add(name, "%sline %d %s", where, i+1, flaw)
		default:
			p.Add(name, "%s%s", where, flaw)
		}
		return secret.Text{}
	}
	return secret.New(strings.Join(list, "\n"))
}

// Switch is a flag that stands alone (--setup) or takes true or false, kept as
// text so that a bad value is reported with the others.
type Switch string

// IsBool tells the parser that no value need follow.
func (Switch) IsBool() bool { return true }

// Decode implements kong's MapperValue.
func (s *Switch) Decode(ctx *kong.DecodeContext) error {
	*s = "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*s = Switch(fmt.Sprint(ctx.Scan.Pop().Value))
	}
	return nil
}
