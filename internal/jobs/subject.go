package jobs

import (
	"fmt"
	"slices"
	"strings"

	"refundworker.example/refundworker/internal/channel"
)

// State is the token that names a state in a ledger subject. The states that
// end a refund are its [Status] and stand in result subjects.
type State string

// The three states of a refund that has no result yet.
const (
	StateSending State = "sending"
	StateWaiting State = "waiting"
	StateUnknown State = "unknown"
)

var states = []State{StateSending, StateWaiting, StateUnknown}

// Valid reports whether s is one of the three.
func (s State) Valid() bool { return slices.Contains(states, s) }

// What the subjects of the contract begin with.
const (
	JobsPrefix    = "refunds.jobs."
	RetryPrefix   = "refunds.retry."
	DuePrefix     = "refunds.due."
	LedgerPrefix  = "refunds.ledger."
	ResultsPrefix = "refunds.results."
	DeadPrefix    = "refunds.dead."
	NoticesPrefix = "refunds.notices."
)

// JobSubject is where a job is published.
func JobSubject(ch channel.Channel) string { return JobsPrefix + string(ch) }

// RetrySubject is where the wait of one refund is stored.
func RetrySubject(ch channel.Channel, refundID string) string {
	return RetryPrefix + string(ch) + "." + refundID
}

// DueSubject is where waits fire, and where nudges from the ledger go.
func DueSubject(ch channel.Channel) string { return DuePrefix + string(ch) }

// LedgerSubject is where a record without a result is appended.
func LedgerSubject(ch channel.Channel, state State, refundID string) string {
	return LedgerPrefix + string(ch) + "." + string(state) + "." + refundID
}

// ResultSubject is where a result is appended.
func ResultSubject(ch channel.Channel, status Status, refundID string) string {
	return ResultsPrefix + string(ch) + "." + string(status) + "." + refundID
}

// DeadSubject is where the channel's dead letters go.
func DeadSubject(ch channel.Channel) string { return DeadPrefix + string(ch) }

// NoticeSubject is where the notice of a dead letter of the channel goes.
func NoticeSubject(ch channel.Channel) string { return NoticesPrefix + string(ch) }

// NoticeSubjects matches the notices of all channels.
const NoticeSubjects = NoticesPrefix + "*"

// ParseJobSubject returns the channel of a job's subject, or [ErrBadSubject].
func ParseJobSubject(subject string) (channel.Channel, error) {
	return parseChannel(JobsPrefix, subject)
}

// ParseDueSubject returns the channel of a fired wait, or [ErrBadSubject].
func ParseDueSubject(subject string) (channel.Channel, error) {
	return parseChannel(DuePrefix, subject)
}

// ParseDeadSubject returns the channel of a dead letter, or [ErrBadSubject].
func ParseDeadSubject(subject string) (channel.Channel, error) {
	return parseChannel(DeadPrefix, subject)
}

// ParseRetrySubject returns whose wait is stored there, or [ErrBadSubject].
func ParseRetrySubject(subject string) (channel.Channel, string, error) {
	tokens, ok := split(RetryPrefix, subject, 2)
	if !ok || !ValidRefundID(tokens[1]) {
		return "", "", badSubject(subject)
	}
	return channel.Channel(tokens[0]), tokens[1], nil
}

// ParseLedgerSubject returns whose record of which state it is, or
// [ErrBadSubject].
func ParseLedgerSubject(subject string) (channel.Channel, State, string, error) {
	tokens, ok := split(LedgerPrefix, subject, 3)
	if !ok || !State(tokens[1]).Valid() || !ValidRefundID(tokens[2]) {
		return "", "", "", badSubject(subject)
	}
	return channel.Channel(tokens[0]), State(tokens[1]), tokens[2], nil
}

// ParseResultSubject returns whose result of which status it is, or
// [ErrBadSubject].
func ParseResultSubject(subject string) (channel.Channel, Status, string, error) {
	tokens, ok := split(ResultsPrefix, subject, 3)
	if !ok || !Status(tokens[1]).Valid() || !ValidRefundID(tokens[2]) {
		return "", "", "", badSubject(subject)
	}
	return channel.Channel(tokens[0]), Status(tokens[1]), tokens[2], nil
}

// maxRefundID is the longest refund_id, in bytes.
const maxRefundID = 64

// ValidRefundID reports whether id is of the form [A-Za-z0-9_/:#-]{1,64}. Anything
// else could be a wildcard, or reach into another refund's subjects.
func ValidRefundID(id string) bool {
	if id == "" || len(id) > maxRefundID {
		return false
	}
	for i := range len(id) {
		if !refundIDByte(id[i]) {
			return false
		}
	}
	return true
}

func refundIDByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_/:#-", c) >= 0
}

func parseChannel(prefix, subject string) (channel.Channel, error) {
	tokens, ok := split(prefix, subject, 1)
	if !ok {
		return "", badSubject(subject)
	}
	return channel.Channel(tokens[0]), nil
}

// split returns the n tokens after prefix; the first is a channel of ours.
func split(prefix, subject string, n int) ([]string, bool) {
	rest, ok := strings.CutPrefix(subject, prefix)
	if !ok {
		return nil, false
	}
	tokens := strings.Split(rest, ".")
	return tokens, len(tokens) == n && channel.Channel(tokens[0]).Valid()
}

func badSubject(subject string) error {
	return fmt.Errorf("parse subject %.120q: %w", subject, ErrBadSubject)
}
