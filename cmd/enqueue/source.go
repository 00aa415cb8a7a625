package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/spreadsheet"
)

// item is one job as the input has it, or what keeps it from being read.
type item struct {
	place   string // "line 7", "element 3"
	body    []byte // the item's own: it outlives the reading
	problem string // set: there is no body
}

// The formats.
const (
	formatCSV    = "csv"
	formatJSON   = "json"
	formatNDJSON = "ndjson"
)

var readers = map[string]func(io.Reader) iter.Seq[item]{
	formatCSV: readCSV, formatJSON: readJSON, formatNDJSON: readNDJSON,
}

// source is where the jobs come from.
type source struct {
	items func() (iter.Seq[item], error) // from the first on; they end with the context
	twice bool                           // items may be called a second time
	close func()                         // harmless at any time
}

// longestInput is how much of a finished document (CSV or JSON) is kept in
// memory where it cannot be read a second time.
const longestInput = 64 << 20

// source opens the input. A file is read twice: once to find what contradicts
// itself, and once to publish. So is a document from a pipe, which ends before
// anything can be said of it; lines of NDJSON from a pipe may come forever, and
// are published as they come.
func (p plan) source(ctx context.Context, stdin io.Reader) (source, error) {
	if p.format == "" {
		return source{items: func() (iter.Seq[item], error) { return one(p.draft().item("flags")), nil }, close: func() {}}, nil
	}
	in, done := stdin, func() {}
	if p.File != "-" {
		file, err := os.Open(p.File)
		if err != nil {
			return source{}, err
		}
		in, done = file, func() { _ = file.Close() }
	}
	reading := interruptible(ctx, in)
	src := source{close: done, items: func() (iter.Seq[item], error) { return p.read(reading), nil }}
	if file, begin, ok := seekable(in); ok {
		src.twice, src.items = true, func() (iter.Seq[item], error) {
			_, err := file.Seek(begin, io.SeekStart)
			return p.read(reading), err
		}
	} else if p.format != formatNDJSON {
		src.twice, src.items = true, p.kept(reading)
	}
	return src, nil
}

func (p plan) read(r io.Reader) iter.Seq[item] {
	return readers[p.format](spreadsheet.NewTextReader(r))
}

// seekable reports whether r is a file that can be read again, from where it
// stands.
func seekable(r io.Reader) (file *os.File, begin int64, ok bool) {
	file, ok = r.(*os.File)
	if !ok {
		return nil, 0, false
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, false
	}
	begin, err = file.Seek(0, io.SeekCurrent)
	return file, begin, err == nil
}

// errLongInput is returned for a document that is too long to be kept.
var errLongInput = errors.New("more than 64 MiB come from a pipe: give FILE, or ndjson, which is not kept in memory")

// kept returns items of what is read at the first call, and kept.
func (p plan) kept(r io.Reader) func() (iter.Seq[item], error) {
	var text []byte
	var failed error
	read := sync.OnceFunc(func() {
		text, failed = io.ReadAll(io.LimitReader(r, longestInput+1))
		if failed == nil && len(text) > longestInput {
			text, failed = nil, errLongInput
		}
	})
	return func() (iter.Seq[item], error) {
		read()
		if errors.Is(failed, errLongInput) {
			return nil, failed
		}
		if failed != nil { // named where the reading gets to it
			return p.read(io.MultiReader(bytes.NewReader(text), failing{failed})), nil //nolint:nilerr // its reader says so
		}
		return p.read(bytes.NewReader(text)), nil
	}
}

// failing is a reader that has failed.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func one(it item) iter.Seq[item] {
	return func(yield func(item) bool) { yield(it) }
}

// readNDJSON reads one job a line; what ends a line, LF or CR LF, is not a part of
// the job, and blank lines are none.
func readNDJSON(r io.Reader) iter.Seq[item] {
	return func(yield func(item) bool) {
		in := bufio.NewReaderSize(r, jobs.MaxJobSize+len("\r\n"))
		for n := 1; ; n++ {
			line, err := in.ReadSlice('\n')
			long := errors.Is(err, bufio.ErrBufferFull)
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = in.ReadSlice('\n')
			}
			it := item{place: fmt.Sprint("line ", n)}
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			switch {
			case long:
				it.problem = jobs.ErrTooLarge.Error()
			case len(bytes.TrimSpace(line)) > 0 && (err == nil || errors.Is(err, io.EOF)):
				it.body = bytes.Clone(line)
			}
			if (it.body != nil || it.problem != "") && !yield(it) {
				return
			}
			if err != nil {
				readFailure(it.place, err, yield)
				return
			}
		}
	}
}

// readFailure yields what ended the reading before the end.
func readFailure(place string, err error, yield func(item) bool) {
	if !errors.Is(err, io.EOF) {
		yield(item{place: place, problem: fmt.Sprintf("read: %s; nothing from here on was read", err)})
	}
}

// readJSON reads one job, or an array of jobs. What is not JSON ends it: where
// the next job would begin, nobody can say.
func readJSON(r io.Reader) iter.Seq[item] {
	return func(yield func(item) bool) {
		in := jsontext.NewDecoder(r, lenient)
		if in.PeekKind() != '[' {
			body, err := value(in)
			if err == nil {
				err = end(in)
			}
			yieldJSON("the job", body, err, yield)
			return
		}
		_, _ = in.ReadToken() // the bracket just seen
		for n := 1; in.PeekKind() != ']'; n++ {
			body, err := value(in)
			if !yieldJSON(fmt.Sprint("element ", n), body, err, yield) || err != nil {
				return
			}
		}
		_, _ = in.ReadToken()
		if err := end(in); err != nil {
			yieldJSON("after the array", nil, err, yield)
		}
	}
}

func value(in *jsontext.Decoder) ([]byte, error) {
	raw, err := in.ReadValue()
	return bytes.Clone(raw), err
}

// errMore is returned for a JSON file that continues after its one value.
var errMore = errors.New("the file goes on after it (one job a line is ndjson: see --format)")

func end(in *jsontext.Decoder) error {
	if _, err := in.ReadToken(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

func yieldJSON(place string, body []byte, err error, yield func(item) bool) bool {
	if err == nil {
		return yield(item{place: place, body: body})
	}
	return yield(item{place: place, problem: jsonProblem(err)})
}

// jsonProblem leaves out the error's own text: it quotes the input.
func jsonProblem(err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errMore):
		return err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends too early"
	case errors.As(err, &syntax):
		return fmt.Sprintf("is not JSON at byte %d; nothing from here on was read", syntax.ByteOffset)
	}
	return fmt.Sprintf("read: %s; nothing from here on was read", err)
}
