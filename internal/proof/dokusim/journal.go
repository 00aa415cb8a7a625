package dokusim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
)

// journal is the book file: a JSON line an entry, in order. A nil journal keeps
// nothing.
type journal struct {
	file *os.File
	size int64
}

// openJournal reads the entries of the file at path into apply and returns it
// open for more. A last line without its end is cut off: its entry was never
// answered.
func openJournal(path string, apply func(entry) error) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open book: %w", err)
	}
	size, err := replay(file, apply)
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil {
		_, err = file.Seek(size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read book %s: %w", path, err), file.Close())
	}
	return &journal{file: file, size: size}, nil
}

// replay returns the length of the whole lines.
func replay(file io.Reader, apply func(entry) error) (int64, error) {
	lines := bufio.NewReader(file)
	var size int64
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
		var e entry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e, json.RejectUnknownMembers(true)); err != nil {
			return size, fmt.Errorf("%w: line %d: %w", ErrBook, number, err)
		}
		if err := apply(e); err != nil {
			return size, fmt.Errorf("%w: line %d: %w", ErrBook, number, err)
		}
		size += int64(len(line))
	}
}

// append writes the entry as one write, so that a kill leaves it whole or cut,
// never mixed with another. A write that the disk cut short is taken back.
func (j *journal) append(e entry) error {
	if j == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode book entry: %w", err)
	}
	n, err := j.file.Write(append(line, '\n'))
	if err != nil {
		_, seek := j.file.Seek(j.size, io.SeekStart)
		return errors.Join(fmt.Errorf("write book: %w", err), j.file.Truncate(j.size), seek)
	}
	j.size += int64(n)
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
