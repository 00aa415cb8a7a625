package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
)

// SetupConfig says how to create what is missing of the four streams and
// sixteen consumers. The zero value of every field is its default.
type SetupConfig struct {
	// JobsMaxBytes is the size of REFUND_JOBS; default [DefaultJobsMaxBytes].
	JobsMaxBytes int64

	// LedgerMustExist refuses to begin a new ledger.
	LedgerMustExist bool

	// NewLedger begins one although the other streams show that there was a
	// ledger before: an administrator confirms that it is lost for good.
	NewLedger bool

	// NoticeConsumers are durable consumers of the notices of dead letters, one
	// for each order system.
	NoticeConsumers []string

	// NoticeStream asks for [Notices] as well.
	NoticeStream bool

	// Owner is written into REFUNDS when it is created; nobody: it is left open
	// and comes from the ledger's first record.
	Owner Owner

	// Replicas of streams that are created; default 1.
	Replicas int

	// ResultConsumers are durable consumers of results, one for each reader.
	ResultConsumers []string
}

// SetupReport is what [SetupConfig.Run] did.
type SetupReport struct {
	Created  []string // names; a consumer's as stream/consumer
	Warnings []string // what an administrator should know: above all that a new ledger began
}

// Run creates what is missing. What is there is left as it is, whatever its
// configuration: [Check] judges that. Any number of programs may run it at once.
// Errors that no second try mends are [ErrCannotSetUp].
func (c SetupConfig) Run(ctx context.Context, js jetstream.JetStream) (SetupReport, error) {
	s := &setup{SetupConfig: c, js: js}
	err := s.run(ctx)
	return s.report, err
}

// setup is one run.
type setup struct {
	SetupConfig
	js     jetstream.JetStream
	report SetupReport
}

func (s *setup) run(ctx context.Context) error {
	found, err := lookUpStreams(ctx, s.js)
	if err != nil {
		return err
	}
	if err := s.checkLedger(ctx, found); err != nil {
		return err
	}
	if err := s.checkNotices(ctx, found); err != nil {
		return err
	}
	for _, cfg := range s.streams() {
		if found[cfg.Name] != nil {
			continue
		}
		if err := s.createStream(ctx, cfg); err != nil {
			return err
		}
	}
	for _, consumer := range s.consumers() {
		made, err := createConsumer(ctx, s.js, consumer)
		if err != nil {
			return fmt.Errorf("set up consumer %s/%s: %w", consumer.Stream, consumer.Config.Durable, err)
		}
		if made {
			s.report.Created = append(s.report.Created, consumer.Stream+"/"+consumer.Config.Durable)
		}
	}
	return nil
}

// streams returns those to create, in the order of their creation: REFUNDS first and
// REFUND_JOBS last, so that no job can be stored before there is a ledger. A
// ledger that is missing although there are jobs has therefore been lost.
func (s *setup) streams() []jetstream.StreamConfig {
	byName := map[string]jetstream.StreamConfig{}
	for _, cfg := range Configs(max(s.Replicas, 1)) {
		byName[cfg.Name] = cfg
	}
	ledger, queue := byName[Refunds], byName[Jobs]
	s.Owner.mark(&ledger)
	if s.NewLedger {
		setMetadata(&ledger, metaNewLedger, "accepted")
	}
	if s.JobsMaxBytes > 0 {
		queue.MaxBytes = s.JobsMaxBytes
	}
	wanted := []jetstream.StreamConfig{ledger, byName[Waits], byName[Dead]}
	if s.NoticeStream {
		wanted = append(wanted, noticesStream(max(s.Replicas, 1)))
	}
	return append(wanted, queue)
}

func (s *setup) consumers() []Consumer {
	all := Consumers(channel.All())
	for _, name := range s.ResultConsumers {
		all = append(all, durableReader(Refunds, name, jobs.ResultsPrefix+">"))
	}
	for _, name := range s.NoticeConsumers {
		all = append(all, durableReader(Dead, name, jobs.NoticesPrefix+">"))
	}
	return all
}

// durableReader reads everything from the first message on, with explicit acks.
func durableReader(stream, name, filter string) Consumer {
	return Consumer{stream, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: AckWait, MaxDeliver: unlimited,
	}}
}

// checkNotices looks the mirror of notices up, and refuses one that is something else:
// without its filter it would show dead letters, and customers' tokens with them, to all
// who may read notices.
func (s *setup) checkNotices(ctx context.Context, found streamInfos) error {
	if !s.NoticeStream {
		return nil
	}
	have, err := s.js.Stream(ctx, Notices)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for stream %s: %w", Notices, err)
	}
	found[Notices] = have.CachedInfo()
	cfg, want := found[Notices].Config, noticesStream(1)
	m := cfg.Mirror
	if m == nil || m.Name != want.Mirror.Name || m.FilterSubject != want.Mirror.FilterSubject || len(m.SubjectTransforms) > 0 ||
		cfg.RePublish != nil || !cfg.AllowDirect {
		return fmt.Errorf("%w: stream %s is no mirror of the notices of %s alone: delete it as an administrator, then set up again", ErrCannotSetUp, Notices, Dead)
	}
	return nil
}

func (s *setup) createStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	if cfg.Name == Jobs {
		s.leaveRoom(ctx, &cfg)
	}
	err := s.create(ctx, &cfg)
	switch code := apiCode(err); {
	case err == nil:
		s.created(cfg)
		return nil
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return nil // another setup was quicker, with other settings: for Check to judge
	case code == codeSubjectOverlap:
		err = s.explainOverlap(ctx, cfg, err)
	case code == codeSizeRequired:
		err = fmt.Errorf("%w: %w: this account requires a size for every stream (max_bytes_required), and %s may have none: "+
			"it discards old messages, so that a size would drop refunds that wait", ErrCannotSetUp, err, Waits)
	case code == codeNotClustered:
		err = fmt.Errorf("%w: %w: this server is not clustered, so REPLICAS must be 1", ErrCannotSetUp, err)
	case code == codeNoStorage:
		err = fmt.Errorf("%w: %w: make room, or give a smaller JOBS_MAX_BYTES", ErrCannotSetUp, err)
	}
	return fmt.Errorf("set up stream %s: %w", cfg.Name, err)
}

func (s *setup) create(ctx context.Context, cfg *jetstream.StreamConfig) error {
	_, err := s.js.CreateStream(ctx, *cfg)
	if apiCode(err) == codeNoStorage && cfg.Name == Jobs {
		return s.createSmaller(ctx, cfg)
	}
	return err
}

func (s *setup) created(cfg jetstream.StreamConfig) {
	s.report.Created = append(s.report.Created, cfg.Name)
	if cfg.Name == Refunds {
		s.warn("a new ledger began: stream %s was created, and no refund of before is known any more; "+
			"if there were any, stop all workers and restore it from a backup", Refunds)
	}
}

func (s *setup) warn(format string, args ...any) {
	s.report.Warnings = append(s.report.Warnings, fmt.Sprintf(format, args...))
}

func createConsumer(ctx context.Context, js jetstream.JetStream, c Consumer) (made bool, err error) {
	_, err = js.Consumer(ctx, c.Stream, c.Config.Durable)
	switch {
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return false, nil // there, and unfit: for Check to say
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return false, err
	}
	_, err = js.CreateConsumer(ctx, c.Stream, c.Config)
	if errors.Is(err, jetstream.ErrConsumerExists) {
		return false, nil
	}
	return err == nil, err
}
