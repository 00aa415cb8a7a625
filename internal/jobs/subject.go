package jobs

import (
	"fmt"
	"strings"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

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

// DueSubject is where waits fire, and where wake-ups made from the ledger go.
func DueSubject(ch channel.Channel) string { return DuePrefix + string(ch) }

// LedgerSubject is where a record without a result is appended.
func LedgerSubject(ch channel.Channel, state refund.State, refundID string) string {
	return LedgerPrefix + string(ch) + "." + state.String() + "." + refundID
}

// ResultSubject is where a result is appended.
func ResultSubject(ch channel.Channel, status refund.State, refundID string) string {
	return ResultsPrefix + string(ch) + "." + status.String() + "." + refundID
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
func ParseLedgerSubject(subject string) (channel.Channel, refund.State, string, error) {
	ch, state, refundID, err := parseRecordSubject(LedgerPrefix, subject)
	if err != nil || state == refund.None || state.Result() {
		return "", refund.None, "", badSubject(subject)
	}
	return ch, state, refundID, nil
}

// ParseResultSubject returns whose result of which status it is, or
// [ErrBadSubject].
func ParseResultSubject(subject string) (channel.Channel, refund.State, string, error) {
	ch, state, refundID, err := parseRecordSubject(ResultsPrefix, subject)
	if err != nil || !state.Result() {
		return "", refund.None, "", badSubject(subject)
	}
	return ch, state, refundID, nil
}

func parseRecordSubject(prefix, subject string) (ch channel.Channel, state refund.State, refundID string, err error) {
	tokens, ok := split(prefix, subject, 3)
	if !ok || !ValidRefundID(tokens[2]) {
		return "", refund.None, "", badSubject(subject)
	}
	err = state.UnmarshalText([]byte(tokens[1]))
	return channel.Channel(tokens[0]), state, tokens[2], err
}

// ResultSubjects matches the results of one refund.
func ResultSubjects(refundID string) string { return ResultsPrefix + "*.*." + refundID }

// RecordSubjects matches every record of one refund, results included.
func RecordSubjects(refundID string) string { return "refunds.*.*.*." + refundID }

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
