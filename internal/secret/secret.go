// Package secret holds values that must never be printed: shared keys, B2B
// tokens, customers' tokens.
//
// Invariant: a [Text] shows itself as "[redacted]" through every verb of fmt,
// every encoder and slog, and does not show itself in a struct's unexported
// field either. The only way to the value is [Text.Reveal], so that a search
// for that one word finds every place where a secret is used.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// Text is a secret string. The zero value is the empty secret. It is
// comparable; compare secrets that an attacker may guess with crypto/subtle.
//
// It holds a handle and no string: fmt calls no methods on unexported fields
// but looks into them, and finds an address.
type Text struct{ value unique.Handle[string] }

// New wraps value.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{value: unique.Make(value)}
}

// Reveal returns the value itself: for signing and for headers, nothing else.
func (t Text) Reveal() string {
	if t.IsZero() {
		return ""
	}
	return t.value.Value()
}

// IsZero reports whether there is no value.
func (t Text) IsZero() bool { return t == Text{} }

// String implements [fmt.Stringer].
func (Text) String() string { return redacted }

// Format implements [fmt.Formatter], so that no verb (%x, %q, %#v, …) looks
// into the struct.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON implements [json.Marshaler].
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue implements [slog.LogValuer].
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }
