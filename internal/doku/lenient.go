package doku

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decoding is strict but for forms that were seen at DOKU and at those who speak
// the same standard: each is read only where its meaning is exact. If the
// form of an approval code made an answer unreadable, a paid refund would end
// unresolved.

// numbersAsText reads a number where a text is documented, digit for digit: an
// identifier or an approval code may come without its quotes.
var numbersAsText = json.UnmarshalFromFunc(func(d *jsontext.Decoder, text *string) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported // texts and null are read as ever
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	*text = token.String()
	return nil
})

// messageText is a text for people; it decides nothing. It comes as a list of texts
// too.
type messageText string

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (w *messageText) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '[' {
		return json.UnmarshalDecode(d, (*string)(w))
	}
	var list []string
	if err := json.UnmarshalDecode(d, &list); err != nil {
		return err
	}
	*w = messageText(strings.Join(list, " "))
	return nil
}

// optional is an object that may also come as null, "" or []: that is how some
// languages write an empty one. Anything else might hide a status, and is an
// error.
type optional[T any] struct{ value T }

var errOptional = errors.New("neither an object nor empty")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (o *optional[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '{' {
		return json.UnmarshalDecode(d, &o.value)
	}
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	if !isEmpty(value) {
		return errOptional
	}
	return nil
}

// isEmpty reports whether value is null, "" or [].
func isEmpty(value jsontext.Value) bool {
	switch text := string(value); text {
	case "null", `""`:
		return true
	default:
		inner, ok := strings.CutPrefix(text, "[")
		return ok && strings.Trim(inner, " \t\r\n") == "]"
	}
}

// present tells that a member stands in an answer, whatever its value.
type present bool

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (p *present) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*p = true
	return d.SkipValue()
}

// filled tells that a member holds something: not null, "" or [].
type filled bool

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (f *filled) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	value, err := d.ReadValue()
	*f = filled(err == nil && !isEmpty(value))
	return err
}
