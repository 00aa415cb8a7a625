package refund

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// State is where a refund stands. Its text is the token in the subject of the
// record. The zero value means that there is no record.
type State uint8

// The states of docs/architecture.md, "States and transitions". The last four
// are results; [Unresolved] may still be settled by proof or by an operator.
const (
	None State = iota
	Sending
	Waiting // nothing about this refund was ever unknown
	Unknown // some send may have been executed
	Succeeded
	Failed
	Rejected
	Unresolved
	states // how many there are
)

var stateNames = [states]string{"none", "sending", "waiting", "unknown", "succeeded", "failed", "rejected", "unresolved"}

// String returns the subject token.
func (s State) String() string { return stateNames[s] }

// Result reports whether a record of this state is a result event.
func (s State) Result() bool { return s >= Succeeded }

// Final reports whether nothing can follow.
func (s State) Final() bool { return s >= Succeeded && s != Unresolved }

// MarshalText implements [encoding.TextMarshaler].
func (s State) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// AppendText implements [encoding.TextAppender].
func (s State) AppendText(b []byte) ([]byte, error) { return append(b, s.String()...), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *State) UnmarshalText(text []byte) error {
	i, err := indexOf(stateNames[:], text)
	*s = State(i) //nolint:gosec // an index of an array of eight
	return err
}

// Time is an instant in nanoseconds since 1970 UTC; 0 means none. It is an
// integer so that a [Core] is comparable and small.
type Time int64

// At turns t into a [Time]. The zero time becomes 0.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixNano())
}

// Time returns the instant in UTC, or the zero time for 0.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(t)).UTC()
}

// Add returns t shifted by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// MarshalJSON writes RFC 3339 with nanoseconds, or null for 0.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.appendJSON(nil), nil
}

func (t Time) appendJSON(b []byte) []byte {
	if t == 0 {
		return append(b, "null"...)
	}
	b = t.Time().AppendFormat(append(b, '"'), time.RFC3339Nano)
	return append(b, '"')
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Time) UnmarshalJSON(data []byte) error {
	var v *string
	if err := json.Unmarshal(data, &v); err != nil || v == nil {
		return err
	}
	return t.read(*v)
}

func (t *Time) read(text string) error {
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	*t = At(v)
	return nil
}

// Code says why a record was written: the reason of a wait, or the code of a
// result that the worker and not DOKU decided (docs/contract.md, "Result").
type Code uint8

// The reasons. From [CodeInvalidJob] on they are error codes of the contract.
const (
	NoCode Code = iota
	CodeNotBefore
	CodeNotReady
	CodeSend
	CodeRepeat
	CodeAnswered
	CodeNotExecuted
	CodeNoAnswer
	CodeTakenOver
	CodeInquiry
	CodeBroughtForward
	CodeOperator
	CodeInvalidJob
	CodeCardNumber
	CodeCancelled
	CodeDeadlineExceeded
	CodeCustomerTokenInvalid
	CodeIdentifierCollision
	CodeIdentifierUsed // a collision after a refusal of our own
	CodeOutcomeUnknown
	CodeContradictoryEvidence
	codes
)

var codeNames = [codes]string{
	"", "not_before", "not_ready", "send", "repeat", "answered", "not_executed", "no_answer", "taken_over", "asked",
	"brought_forward", "operator",
	"invalid_job", "card_number", "cancelled", "deadline_exceeded", "customer_token_invalid", "identifier_collision",
	"identifier_used", "outcome_unknown", "contradictory_evidence",
}

// String returns the code.
func (w Code) String() string { return codeNames[w] }

// IsError reports whether w is an error code of the contract (source "worker").
func (w Code) IsError() bool { return w >= CodeInvalidJob }

// MarshalText implements [encoding.TextMarshaler].
func (w Code) MarshalText() ([]byte, error) { return w.AppendText(nil) }

// AppendText implements [encoding.TextAppender].
func (w Code) AppendText(b []byte) ([]byte, error) { return append(b, w.String()...), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (w *Code) UnmarshalText(text []byte) error {
	i, err := indexOf(codeNames[:], text)
	*w = Code(i) //nolint:gosec // an index of an array of twenty
	return err
}

func indexOf(names []string, text []byte) (int, error) {
	for i, name := range names {
		if name == string(text) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%.40q is none of %q", text, names)
}

// Nonce tells one attempt from another. 0 means none.
type Nonce uint64

// MarshalText writes 16 hexadecimal digits.
func (n Nonce) MarshalText() ([]byte, error) { return n.AppendText(nil) }

// AppendText implements [encoding.TextAppender].
func (n Nonce) AppendText(b []byte) ([]byte, error) {
	var value [8]byte
	binary.BigEndian.PutUint64(value[:], uint64(n))
	return hex.AppendEncode(b, value[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (n *Nonce) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil {
		return fmt.Errorf("read nonce: %w", err)
	}
	*n = Nonce(v)
	return nil
}

// Core is the part of a record that decisions are made from: comparable, no
// pointer, no text. Times are wall-clock times of the process that wrote them.
type Core struct {
	State        State
	Code         Code
	Sends        int32 // n: `sending` records so far
	FirstUnknown int32 // the first send that may have been executed unseen; 0: none
	Delays       int32 // retry delays taken so far; starts anew with the first unknown
	Nonce        Nonce // of the last attempt; a takeover keeps it

	NotBefore      Time
	Deadline       Time
	Due            Time          // when a `waiting` or `unknown` refund is looked at again
	SendBy         Time          // no byte of the last attempt left after this
	AskFrom        Time          // from here on "not found" allows a repeat
	FirstUnknownAt Time          // when that send was recorded
	Quiet          time.Duration // the last sender's own quiet period, ns
}

// SentAt returns when the last attempt was recorded.
func (c Core) SentAt() Time { return c.SendBy.Add(-SendWindow) }
