// Package secret holds values that must never be printed: shared keys, B2B
// tokens, customers' tokens.
//
// Invariant: a [Text] shows itself as "[redacted]" through every verb of fmt,
// every encoder and slog. The only way to the value is [Text.Reveal], so that a
// search for that one word finds every place where a secret is used.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret string. The zero value is the empty secret. It is
// comparable; compare secrets that an attacker may guess with crypto/subtle.
type Text struct{ value string }

// New wraps value.
func New(value string) Text { return Text{value: value} }

// Reveal returns the value itself: for signing and for headers, nothing else.
func (t Text) Reveal() string { return t.value }

// IsZero reports whether there is no value.
func (t Text) IsZero() bool { return t.value == "" }

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
