package stream

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
)

// minLedgerAge is the youngest age at which records may go: a repeat of a job
// that is older than its record would be paid again.
const minLedgerAge = 400 * 24 * time.Hour

// streamRule is one thing that must hold of a stream's configuration.
type streamRule struct {
	streams []string // none: all four
	text    string   // continues "stream NAME …"
	warning bool
	broken  func(have, want jetstream.StreamConfig) bool
}

func (s streamRule) applies(stream string) bool {
	return len(s.streams) == 0 || slices.Contains(s.streams, stream)
}

var (
	onJobs   = []string{Jobs}
	onWaits  = []string{Waits}
	onLedger = []string{Refunds}
	onDead   = []string{Dead}
	onQueues = []string{Jobs, Waits}
	onKept   = []string{Waits, Refunds}
)

// streamRules is what docs/contract.md, "Streams and subjects", does not leave to
// an operator.
var streamRules = []streamRule{
	{nil, "listens to other subjects than it must", false, func(have, want jetstream.StreamConfig) bool {
		return !sameSet(have.Subjects, want.Subjects) && !withoutNotices(have, want)
	}},
	{onDead, "takes no notices of dead letters, as set up by an older version, so that producers learn of none: " +
		"run `refundctl setup --upgrade` as an administrator", true, withoutNotices},
	{nil, "has another retention than it must", false, func(have, want jetstream.StreamConfig) bool {
		return have.Retention != want.Retention
	}},
	{onQueues, "has another discard policy than it must", false, func(have, want jetstream.StreamConfig) bool {
		return have.Discard != want.Discard
	}},
	{nil, "is not on file storage", false, func(have, want jetstream.StreamConfig) bool {
		return have.Storage != want.Storage
	}},
	{nil, "takes in or changes what others publish (mirror, sources or a subject transform)", false, func(have, _ jetstream.StreamConfig) bool {
		return have.Mirror != nil || len(have.Sources) > 0 || have.SubjectTransform != nil
	}},
	{nil, "does not acknowledge, or is sealed", false, func(have, _ jetstream.StreamConfig) bool {
		return have.NoAck || have.Sealed
	}},
	{nil, "acknowledges before it has written (persist mode async)", false, func(have, _ jetstream.StreamConfig) bool {
		return have.PersistMode == jetstream.AsyncPersistMode
	}},
	{onKept, "has a limit of messages, messages per subject or message size: it would drop or refuse refunds", false, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxMsgs > 0 || have.MaxMsgsPerSubject > 0 || have.MaxMsgSize > 0
	}},
	{onWaits, "has a limit of bytes: it would drop refunds that wait", false, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxBytes > 0
	}},
	{onLedger, "has a limit of bytes without discard new: it would drop records", false, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxBytes > 0 && have.Discard != jetstream.DiscardNew
	}},
	{onDead, "has a limit without discard new: it drops dead letters that nobody has seen", true, func(have, _ jetstream.StreamConfig) bool {
		return (have.MaxBytes > 0 || have.MaxMsgs > 0 || have.MaxMsgsPerSubject > 0) && have.Discard != jetstream.DiscardNew
	}},
	{onJobs, "has no limit of bytes: jobs can fill the storage that records need; run `refundctl setup --upgrade` as an administrator", true, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxBytes <= 0
	}},
	{onQueues, "has a limit of age: it would drop refunds", false, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxAge > 0
	}},
	{onWaits, "does not allow message schedules", false, func(have, _ jetstream.StreamConfig) bool {
		return !have.AllowMsgSchedules
	}},
	{onJobs, "has a limit of messages per subject: it would drop jobs", false, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxMsgsPerSubject > 0
	}},
	{onJobs, "allows roll-ups or message schedules: a producer's header could erase jobs", false, func(have, _ jetstream.StreamConfig) bool {
		return have.AllowRollup || have.AllowMsgSchedules
	}},
	{onLedger, "allows roll-ups or message schedules: a header could erase records", false, func(have, _ jetstream.StreamConfig) bool {
		return have.AllowRollup || have.AllowMsgSchedules
	}},
	{onLedger, "keeps records for less than 400 days", true, func(have, _ jetstream.StreamConfig) bool {
		return have.MaxAge > 0 && have.MaxAge < minLedgerAge
	}},
	{[]string{Jobs, Refunds}, "allows deleting or purging", true, func(have, _ jetstream.StreamConfig) bool {
		return !have.DenyDelete || !have.DenyPurge
	}},
	{[]string{Jobs, Waits, Refunds}, "allows messages that expire by a header", true, func(have, _ jetstream.StreamConfig) bool {
		return have.AllowMsgTTL
	}},
	{onJobs, "has another message size limit than 64 KiB", true, func(have, want jetstream.StreamConfig) bool {
		return have.MaxMsgSize != want.MaxMsgSize
	}},
	{onKept, "does not allow direct get, which readers use", true, func(have, _ jetstream.StreamConfig) bool {
		return !have.AllowDirect
	}},
	{nil, "republishes what it stores", true, func(have, _ jetstream.StreamConfig) bool {
		return have.RePublish != nil
	}},
}

// consumerRule is one thing that must hold of a consumer's configuration.
type consumerRule struct {
	text   string // continues "consumer NAME on STREAM …"
	broken func(have, want jetstream.ConsumerConfig) bool
}

var consumerRules = []consumerRule{
	{"has another filter than it must", func(have, want jetstream.ConsumerConfig) bool {
		return have.FilterSubject != want.FilterSubject || len(have.FilterSubjects) > 0
	}},
	{"does not want explicit acks", func(have, want jetstream.ConsumerConfig) bool {
		return have.AckPolicy != want.AckPolicy
	}},
	{"limits deliveries: a job could end without a result", func(have, _ jetstream.ConsumerConfig) bool {
		return have.MaxDeliver > 0
	}},
	{"has a backoff of its own, which overrides AckWait", func(have, _ jetstream.ConsumerConfig) bool {
		return len(have.BackOff) > 0
	}},
	{"does not deliver all messages with their bodies", func(have, want jetstream.ConsumerConfig) bool {
		return have.DeliverPolicy != want.DeliverPolicy || have.HeadersOnly
	}},
	{"wants priority groups", func(have, _ jetstream.ConsumerConfig) bool {
		return have.PriorityPolicy != jetstream.PriorityPolicyNone
	}},
	{"limits what one pull may ask for", func(have, _ jetstream.ConsumerConfig) bool {
		return have.MaxRequestBatch > 0 || have.MaxRequestExpires > 0 || have.MaxRequestMaxBytes > 0
	}},
	{"goes away when unused", func(have, _ jetstream.ConsumerConfig) bool {
		return have.InactiveThreshold > 0
	}},
}

// withoutNotices reports whether this is REFUND_DEAD as versions before the
// notices have set it up.
func withoutNotices(have, want jetstream.StreamConfig) bool {
	return want.Name == Dead && sameSet(have.Subjects, []string{jobs.DeadPrefix + "*"})
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
