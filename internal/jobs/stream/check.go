package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// Inspector is what [Check] needs of JetStream; [jetstream.JetStream] has it.
// Stream and Consumer ask STREAM.INFO and CONSUMER.INFO, which is all that a
// worker's permissions allow.
type Inspector interface {
	streamGetter
	Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
	Conn() *nats.Conn
}

// Report is what [Check] found.
type Report struct {
	// Problems forbid the start of a worker: something is missing, or could
	// lose a refund or its record.
	Problems []string

	// Warnings weaken a promise, or are an operator's own choice.
	Warnings []string

	// Consumers holds what was found of each consumer, by its name.
	Consumers map[string]ConsumerLimits

	// DeadLetterSize is the size limit of a message on REFUND_DEAD, headers
	// included, in bytes; 0 where the stream sets none.
	DeadLetterSize int

	// NoticesTaken: REFUND_DEAD listens to the subjects of notices. As older
	// versions have set it up, it does not.
	NoticesTaken bool

	// Owner is whom the metadata of REFUNDS names; nobody where an older version
	// has created it, or a setup that was not told.
	Owner Owner
}

// ConsumerLimits are the settings of a consumer that an operator may change and
// a worker takes as it finds them.
type ConsumerLimits struct {
	AckWait       time.Duration
	MaxAckPending int
}

// Check compares streams, the consumers of channels and the server's version
// with what docs/contract.md, "Streams and subjects" says, and alters nothing.
// The error is about asking (NATS away, a denied request), not about what was
// found.
func Check(ctx context.Context, js Inspector, channels []channel.Channel) (Report, error) {
	r := Report{Consumers: make(map[string]ConsumerLimits, 2*len(channels))}
	r.checkVersion(js.Conn().ConnectedServerVersion())
	missing, err := r.checkStreams(ctx, js)
	if err != nil {
		return Report{}, err
	}
	for _, want := range Consumers(channels) {
		if slices.Contains(missing, want.Stream) {
			continue // named already, and its consumers with it
		}
		if err := r.checkConsumer(ctx, js, want); err != nil {
			return Report{}, err
		}
	}
	return r, nil
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// Server versions: message schedules came with 2.12; 2.15 is what every
// behaviour that we rely on was measured on.
const (
	minMajor, minMinor = 2, 12
	provenMinor        = 15
)

func (r *Report) checkVersion(version string) {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		r.warn("server version %q is not readable", version)
		return
	}
	switch {
	case major < minMajor || major == minMajor && minor < minMinor:
		r.problem("server %s is older than %d.%d: it has no message schedules", version, minMajor, minMinor)
	case major == minMajor && minor < provenMinor:
		r.warn("server %s is older than %d.%d, on which the worker is proven", version, minMajor, provenMinor)
	}
}

func (r *Report) checkStreams(ctx context.Context, js Inspector) (missing []string, err error) {
	var single []string
	there := streamInfos{}
	for _, want := range Configs(1) {
		stream, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			missing = append(missing, want.Name)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("check stream %s: %w", want.Name, err)
		}
		there[want.Name] = stream.CachedInfo()
		have := there[want.Name].Config
		r.checkStream(have, want)
		if have.Replicas == 1 {
			single = append(single, want.Name)
		}
	}
	if len(missing) > 0 {
		r.problem("missing: stream %s", strings.Join(missing, ", stream "))
	}
	// One that is missing has been named. One that lost its records looks like a
	// new ledger, on which every refund would be paid once more.
	why, err := there.confirmLost(ctx, js)
	if err != nil {
		return nil, err
	}
	if why != "" && there[Refunds] != nil {
		r.problem("the ledger was lost: %s; %s", why, remedyForLost)
	}
	if len(single) > 0 {
		r.warn("one replica only, so that one lost disk loses it: %s", strings.Join(single, ", "))
	}
	return missing, nil
}

func (r *Report) checkStream(have, want jetstream.StreamConfig) {
	for _, rule := range streamRules {
		if !rule.applies(want.Name) || !rule.broken(have, want) {
			continue
		}
		if rule.warning {
			r.warn("stream %s %s", want.Name, rule.text)
			continue
		}
		r.problem("stream %s %s", want.Name, rule.text)
	}
	switch want.Name {
	case Refunds:
		r.Owner = ownerOf(have)
	case Dead:
		r.NoticesTaken = slices.Contains(have.Subjects, jobs.NoticeSubjects)
		if have.MaxMsgSize > 0 {
			r.DeadLetterSize = int(have.MaxMsgSize)
		}
	}
}

func (r *Report) checkConsumer(ctx context.Context, js Inspector, want Consumer) error {
	name := want.Config.Durable
	found, err := js.Consumer(ctx, want.Stream, name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		r.problem("missing: consumer %s on %s", name, want.Stream)
		return nil
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		r.problem("consumer %s on %s pushes: it must be a pull consumer", name, want.Stream)
		return nil
	case err != nil:
		return fmt.Errorf("check consumer %s on %s: %w", name, want.Stream, err)
	}
	have := found.CachedInfo().Config
	for _, rule := range consumerRules {
		if rule.broken(have, want.Config) {
			r.problem("consumer %s on %s %s", name, want.Stream, rule.text)
		}
	}
	if have.AckWait != AckWait {
		r.warn("consumer %s on %s: AckWait is %s, set up as %s", name, want.Stream, have.AckWait, AckWait)
	}
	if have.MaxAckPending != MaxAckPending {
		r.warn("consumer %s on %s: MaxAckPending is %d, set up as %d", name, want.Stream, have.MaxAckPending, MaxAckPending)
	}
	r.Consumers[name] = ConsumerLimits{AckWait: have.AckWait, MaxAckPending: have.MaxAckPending}
	return nil
}
