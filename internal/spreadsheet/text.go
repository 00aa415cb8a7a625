package spreadsheet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// NewTextReader returns what r holds as UTF-8 without its byte order mark. A
// mark of UTF-16 decides the encoding; without any mark the bytes stay as they
// are. Half of a surrogate pair becomes a byte that no UTF-8 has, so that a
// check of the text finds it: a replacement character would pass as content.
//
// Nothing is read before the first Read: a terminal keeps a reader that looks ahead
// waiting.
func NewTextReader(r io.Reader) io.Reader { return &textReader{in: bufio.NewReader(r)} }

type textReader struct {
	in      *bufio.Reader
	started bool
	order   binary.ByteOrder // of UTF-16; nil: the bytes are taken as they are
	pending []byte           // decoded, not yet returned
	unit    rune             // a code unit that was read ahead; -1: none
}

// invalid is not a part of any valid UTF-8.
const invalid = 0xFF

// Read implements [io.Reader].
func (t *textReader) Read(p []byte) (int, error) {
	if !t.started {
		t.start()
	}
	if t.order == nil || len(p) == 0 {
		return t.in.Read(p)
	}
	for len(t.pending) == 0 {
		if err := t.decode(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.pending)
	t.pending = t.pending[n:]
	return n, nil
}

func (t *textReader) start() {
	t.started, t.unit = true, -1
	two, _ := t.in.Peek(2)
	switch string(two) {
	case "\xff\xfe":
		t.order = binary.LittleEndian
	case "\xfe\xff":
		t.order = binary.BigEndian
	case "\xef\xbb":
		if three, _ := t.in.Peek(3); len(three) == 3 && three[2] == 0xBF {
			_, _ = t.in.Discard(3)
		}
		return
	default:
		return
	}
	_, _ = t.in.Discard(2)
}

// decode adds the next character to pending, and as many as can be had without
// waiting.
func (t *textReader) decode() error {
	t.pending = t.pending[:0]
	for {
		if err := t.character(); err != nil {
			if len(t.pending) > 0 {
				return nil // the same error comes again
			}
			return err
		}
		if t.in.Buffered() < 2 || len(t.pending) >= 4096 {
			return nil
		}
	}
}

func (t *textReader) character() error {
	first, err := t.next()
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) { // half a code unit at the end
			t.pending = append(t.pending, invalid)
			return nil
		}
		return err
	}
	if !utf16.IsSurrogate(first) {
		t.pending = utf8.AppendRune(t.pending, first)
		return nil
	}
	second, err := t.next()
	if err == nil {
		if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
			t.pending = utf8.AppendRune(t.pending, pair)
			return nil
		}
		t.unit = second
	}
	t.pending = append(t.pending, invalid)
	return nil
}

func (t *textReader) next() (rune, error) {
	if t.unit >= 0 {
		unit := t.unit
		t.unit = -1
		return unit, nil
	}
	var raw [2]byte
	if _, err := io.ReadFull(t.in, raw[:]); err != nil {
		return 0, err
	}
	return rune(t.order.Uint16(raw[:])), nil
}
