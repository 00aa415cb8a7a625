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

	"github.com/go-json-experiment/json/jsontext"

	"refundworker/internal/jobs"
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

// source returns the jobs of the plan, read as they are taken. They end with
// ctx; closing is harmless at any time.
func (p plan) source(ctx context.Context, stdin io.Reader) (iter.Seq[item], func(), error) {
	if p.format == "" {
		return one(p.draft().item("flags")), func() {}, nil
	}
	if p.File == "-" {
		return readers[p.format](withoutBOM(interruptible(ctx, stdin))), func() {}, nil
	}
	file, err := os.Open(p.File)
	if err != nil {
		return nil, nil, err
	}
	return readers[p.format](withoutBOM(interruptible(ctx, file))), func() { _ = file.Close() }, nil
}

func one(it item) iter.Seq[item] {
	return func(yield func(item) bool) { yield(it) }
}

// readNDJSON reads one job a line; what ends a line, LF or CR LF, is no part of
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

// errMore is returned for a JSON file that goes on after its one value.
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
