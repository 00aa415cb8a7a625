package stream

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// The four streams (docs/contract.md, "Streams and subjects").
const (
	Jobs    = "REFUND_JOBS"
	Waits   = "REFUND_WAITS"
	Refunds = "REFUNDS"
	Dead    = "REFUND_DEAD"
)

// Notices is a fifth stream, which [SetupConfig.NoticeStream] asks for: a mirror of the
// notices of REFUND_DEAD, with their sequences there. Whoever may read it by direct get
// reads no dead letter, and so no customer's token; no permission could say so of
// REFUND_DEAD, where the subject stands in the request's body.
const Notices = "REFUND_NOTICES"

// What setup gives every consumer; an operator may change both later.
const (
	AckWait       = 30 * time.Second
	MaxAckPending = 512
)

const (
	maxJobMessage = 64 << 10 // headers and body, bytes: what more there is, is refused to the publisher
	deadAge       = 90 * 24 * time.Hour
	unlimited     = -1

	// DefaultJobsMaxBytes is the size of REFUND_JOBS where none is asked for.
	// Without one, jobs could fill the storage that records need, and nothing
	// would ever be worked off.
	DefaultJobsMaxBytes = 1 << 30
)

// Configs returns the configuration of the four streams. The window for
// duplicates is left to the server (two minutes): nothing but a producer's
// comfort and the dead letters' rests on it, for the ledger deduplicates.
func Configs(replicas int) []jetstream.StreamConfig {
	configs := []jetstream.StreamConfig{jobsStream(), waitsStream(), ledgerStream(), deadStream()}
	for i := range configs {
		configs[i].Storage = jetstream.FileStorage
		configs[i].Replicas = replicas
		configs[i].MaxMsgs = unlimited
		if configs[i].MaxBytes == 0 {
			configs[i].MaxBytes = unlimited
		}
		configs[i].MaxMsgsPerSubject, configs[i].MaxConsumers = unlimited, unlimited
	}
	return configs
}

// jobsStream has eight literal subjects, so that a job for a channel that does
// not exist is refused to its publisher; neither roll-ups nor schedules, because
// no permission can forbid a producer the headers that erase others' jobs.
func jobsStream() jetstream.StreamConfig {
	subjects := make([]string, 0, 8)
	for _, ch := range channel.All() {
		subjects = append(subjects, jobs.JobSubject(ch))
	}
	return jetstream.StreamConfig{
		Name:       Jobs,
		Subjects:   subjects,
		Retention:  jetstream.WorkQueuePolicy,
		Discard:    jetstream.DiscardNew,
		MaxMsgSize: maxJobMessage,
		MaxBytes:   DefaultJobsMaxBytes,
		DenyDelete: true,
		DenyPurge:  true,
	}
}

// waitsStream discards old because the server refuses discard new together with
// schedules; without any limit it discards nothing. The server itself turns
// roll-ups on and deny purge off for it.
func waitsStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              Waits,
		Subjects:          []string{jobs.RetryPrefix + "*.*", jobs.DuePrefix + "*"},
		Retention:         jetstream.WorkQueuePolicy,
		Discard:           jetstream.DiscardOld,
		AllowMsgSchedules: true,
		AllowDirect:       true,
	}
}

func ledgerStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        Refunds,
		Subjects:    []string{jobs.LedgerPrefix + "*.*.*", jobs.ResultsPrefix + "*.*.*"},
		Retention:   jetstream.LimitsPolicy,
		DenyDelete:  true,
		DenyPurge:   true,
		AllowDirect: true,

		AllowAtomicPublish: true,
	}
}

func deadStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:      Dead,
		Subjects:  []string{jobs.DeadPrefix + "*", jobs.NoticeSubjects},
		Retention: jetstream.LimitsPolicy,
		MaxAge:    deadAge,
	}
}

func noticesStream(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              Notices,
		Mirror:            &jetstream.StreamSource{Name: Dead, FilterSubject: jobs.NoticeSubjects},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Replicas:          replicas,
		MaxAge:            deadAge,
		MaxMsgs:           unlimited,
		MaxBytes:          unlimited,
		MaxMsgsPerSubject: unlimited,
		MaxConsumers:      unlimited,
		DenyDelete:        true,
		DenyPurge:         true,
		AllowDirect:       true,
	}
}

// Consumer is one of the sixteen: its stream and its configuration.
type Consumer struct {
	Stream string
	Config jetstream.ConsumerConfig
}

// Consumers returns the two consumers of each channel: first that of its jobs,
// then that of its waits that fired.
func Consumers(channels []channel.Channel) []Consumer {
	consumers := make([]Consumer, 0, 2*len(channels))
	for _, ch := range channels {
		consumers = append(consumers,
			Consumer{Jobs, pull(WorkerConsumer(ch), jobs.JobSubject(ch))},
			Consumer{Waits, pull(DueConsumer(ch), jobs.DueSubject(ch))})
	}
	return consumers
}

// WorkerConsumer names the durable consumer of a channel's jobs.
func WorkerConsumer(ch channel.Channel) string { return "worker_" + string(ch) }

// DueConsumer names the durable consumer of a channel's waits that fired.
func DueConsumer(ch channel.Channel) string { return "due_" + string(ch) }

func pull(name, filter string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       name,
		FilterSubject: filter,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       AckWait,
		MaxDeliver:    unlimited, // a limit would drop a job without a result
		MaxAckPending: MaxAckPending,
	}
}
