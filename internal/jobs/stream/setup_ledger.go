package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// streamInfos holds what is there of the four streams, by name.
type streamInfos map[string]*jetstream.StreamInfo

// streamGetter is the part of [Inspector] that looks a stream up.
type streamGetter interface {
	Stream(ctx context.Context, name string) (jetstream.Stream, error)
}

func lookUpStreams(ctx context.Context, js streamGetter) (streamInfos, error) {
	f := streamInfos{}
	for _, name := range append([]string{Refunds}, others...) {
		stream, err := js.Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
		case err != nil:
			return nil, fmt.Errorf("look for stream %s: %w", name, err)
		default:
			f[name] = stream.CachedInfo()
		}
	}
	return f, nil
}

const remedyForLost = "restore " + Refunds + " from a backup; if it is lost for good, read docs/runbook.md, " +
	"\"The ledger is gone\", before an administrator begins a new one with: refundctl setup --new-ledger"

// checkLedger refuses to begin a new ledger where there must have been one. On
// a new ledger every job that is still queued, waits or comes again would be
// paid once more.
func (s *setup) checkLedger(ctx context.Context, f streamInfos) error {
	if s.NewLedger {
		return s.acceptNew(f)
	}
	why, err := f.confirmLost(ctx, s.js)
	if err != nil {
		return err
	}
	if why != "" {
		return fmt.Errorf("%w: %w: %s; %s", ErrCannotSetUp, ErrLedgerLost, why, remedyForLost)
	}
	if s.LedgerMustExist && f.unproven(s.Owner) {
		return fmt.Errorf("%w: %w: LEDGER_MUST_EXIST is set, and there is no ledger on this server; %s",
			ErrCannotSetUp, ErrLedgerLost, remedyForLost)
	}
	return nil
}

// acceptNew lets a new ledger begin; one that is there holds records, or has
// been begun by somebody.
func (s *setup) acceptNew(f streamInfos) error {
	ledger := f[Refunds]
	switch {
	case ledger == nil:
		return nil
	case ledger.State.Msgs > 0:
		return fmt.Errorf("%w: stream %s holds records: there is nothing to begin anew", ErrCannotSetUp, Refunds)
	case f.lost() == "":
		return nil
	}
	return fmt.Errorf("%w: stream %s exists and is empty: delete it as an administrator, then begin anew", ErrCannotSetUp, Refunds)
}

// unproven reports whether nothing shows that this ledger was set up for its
// owner: it is missing, or holds no record and names nobody.
func (f streamInfos) unproven(owner Owner) bool {
	ledger := f[Refunds]
	return ledger == nil || ledger.State.Msgs == 0 && (owner.IsZero() || ownerOf(ledger.Config) != owner)
}

// confirmLost is lost, asked twice. The streams are looked up one after the
// other, while the first jobs of a new installation may be on their way: what
// was published in between looks like the trace of a ledger that is gone.
func (f streamInfos) confirmLost(ctx context.Context, js streamGetter) (string, error) {
	if f.lost() == "" {
		return "", nil
	}
	again, err := lookUpStreams(ctx, js)
	if err != nil {
		return "", err
	}
	return again.lost(), nil
}

// lost says why the ledger must be taken for lost; "" where nothing says so.
//
// A set of streams is created with REFUNDS first, and a job is acknowledged
// only after its record or its dead letter is stored. So on an empty ledger
// that never held anything there can be jobs that wait to be taken up, and dead
// letters, but no wait, no finished job without a dead letter, and no message
// that is older than the ledger.
func (f streamInfos) lost() string {
	ledger := f[Refunds]
	if ledger == nil {
		for _, name := range others {
			if n := f.lastSeq(name); n > 0 {
				return fmt.Sprintf("stream %s is missing, and %s has taken %d messages", Refunds, name, n)
			}
		}
		return ""
	}
	if ledger.State.Msgs > 0 || ledger.Config.Metadata[metaNewLedger] != "" {
		return ""
	}
	if ledger.State.LastSeq > 0 {
		return f.emptiedLedger()
	}
	return f.youngerThanOthers()
}

// others are the streams that tell of refunds that the ledger must know.
var others = []string{Jobs, Waits, Dead}

func (f streamInfos) lastSeq(name string) uint64 {
	if f[name] == nil {
		return 0
	}
	return f[name].State.LastSeq
}

// emptiedLedger judges a ledger whose records are gone: by age, which an operator may
// set, or by somebody who purged the stream.
func (f streamInfos) emptiedLedger() string {
	if f[Refunds].Config.MaxAge > 0 {
		return ""
	}
	return fmt.Sprintf("stream %s has had %d records and holds none", Refunds, f[Refunds].State.LastSeq)
}

// youngerThanOthers judges a ledger that never held a record.
func (f streamInfos) youngerThanOthers() string {
	letters := f.lastSeq(Dead)
	if n := f.lastSeq(Waits); n > 0 {
		return fmt.Sprintf("stream %s is empty, and %s has taken %d waits of refunds that it must know", Refunds, Waits, n)
	}
	if letters > 0 && f.lastSeq(Jobs) == 0 {
		return fmt.Sprintf("stream %s is empty, and %s has taken %d messages", Refunds, Dead, letters)
	}
	if queue := f[Jobs]; queue != nil {
		if done := queue.State.LastSeq - queue.State.Msgs; done > letters {
			return fmt.Sprintf("stream %s is empty, and %d jobs of %s were finished", Refunds, done, Jobs)
		}
	}
	for _, name := range others {
		if f.before(name) {
			return fmt.Sprintf("stream %s is empty and younger than messages of %s", Refunds, name)
		}
	}
	return ""
}

// clusterSkew is how far the clocks of two nodes may be apart. One node has one
// clock.
const clusterSkew = 10 * time.Second

// before reports whether a stream has taken a message before the ledger was
// created.
func (f streamInfos) before(name string) bool {
	info := f[name]
	if info == nil || info.State.LastSeq == 0 {
		return false
	}
	created := f[Refunds].Created
	if info.Cluster != nil && info.Cluster.Name != "" {
		created = created.Add(-clusterSkew)
	}
	first := info.State.FirstTime
	return !first.IsZero() && info.State.Msgs > 0 && first.Before(created) || info.State.LastTime.Before(created)
}
