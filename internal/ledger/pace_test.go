package ledger

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// server is what a server takes for an append by itself and for a batch.
type server struct{ alone, batch, member time.Duration }

// drive makes so many appends with so many under way, as time goes by,
// and returns how many of them were sent in batches.
func (s server) drive(p *pace, now *time.Time, underWay, appends int) (grouped int) {
	for range appends / underWay {
		if !p.groups(*now, underWay) {
			*now = now.Add(s.alone * time.Duration(underWay))
			for range underWay {
				p.stored(s.alone*time.Duration(underWay), underWay)
			}
			continue
		}
		took := s.batch + s.member*time.Duration(underWay)
		*now = now.Add(took)
		p.storedBatch(*now, took, underWay)
		grouped += underWay
	}
	return grouped
}

var (
	fast    = server{alone: 100 * time.Microsecond, batch: 7 * time.Millisecond, member: 10 * time.Microsecond} // no fsync
	fsyncs  = server{alone: 400 * time.Microsecond, batch: 7 * time.Millisecond, member: 10 * time.Microsecond}
	replica = server{alone: 250 * time.Microsecond, batch: time.Millisecond, member: 100 * time.Microsecond}
)

func TestAppendsAreSentInBatchesWhereThatIsMeasuredToBeQuicker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server      server
		underWay    int
		least, most int // of 100,000
	}{
		"no fsync":              {fast, 64, 0, 2_000},
		"fsync":                 {fsyncs, 64, 85_000, 100_000},
		"fsync, few under way":  {fsyncs, 16, 0, 5_000},
		"fsync, fewer":          {fsyncs, busyFrom - 1, 0, 0},
		"replicas":              {replica, 20, 85_000, 100_000},
		"nothing can be gained": {server{alone: time.Millisecond, member: time.Millisecond}, 64, 0, 5_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Unix(0, 0)
			if n := c.server.drive(&pace{}, &now, c.underWay, 100_000); n < c.least || n > c.most {
				t.Errorf("%d of 100,000 appends were sent in batches; want %d to %d", n, c.least, c.most)
			}
		})
	}
}

func TestPaceFollowsAServerThatChanges(t *testing.T) {
	t.Parallel()
	now, p := time.Unix(0, 0), &pace{}
	for i, phase := range []struct {
		server      server
		least, most int
	}{
		{fsyncs, 85_000, 100_000}, {fast, 0, 5_000}, {fsyncs, 85_000, 100_000},
	} {
		// The other way is tried again after a while, longer where it was of no use.
		for began := now; now.Sub(began) < 2*longestWait; {
			phase.server.drive(p, &now, 64, 10_000)
		}
		if n := phase.server.drive(p, &now, 64, 100_000); n < phase.least || n > phase.most {
			t.Errorf("phase %d: %d of 100,000 in batches; want %d to %d", i+1, n, phase.least, phase.most)
		}
	}
}

func TestBatchesEndWhenTheServerIsNotBusy(t *testing.T) {
	t.Parallel()
	now, p := time.Unix(0, 0), &pace{}
	fsyncs.drive(p, &now, 64, 10_000)
	if !p.groups(now, 1) {
		t.Fatal("there are no batches to end")
	}
	for range mostSmall {
		p.storedBatch(now, 7*time.Millisecond, 1)
	}
	if p.groups(now, 1) {
		t.Error("appends that meet nobody still wait for batches")
	}
}

func TestAHopelessTrialEndsEarly(t *testing.T) {
	t.Parallel()
	now, p := time.Unix(0, 0), &pace{}
	fast.drive(p, &now, 64, samples)
	n := 0
	for ; p.groups(now, 64); n++ {
		p.storedBatch(now, 20*time.Millisecond, 64) // by themselves they took 6.4
	}
	if n != hopeless+1 {
		t.Errorf("the trial went on for %d batches", n)
	}
	if p.groups(now.Add(firstWait-1), 64) || !p.groups(now.Add(firstWait), 64) {
		t.Error("the next trial does not come after its wait")
	}
}

func TestRefusedBatchesArePutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code jetstream.ErrorCode
		most int
	}{
		"lost races": {codeWrongLastSequence, mostRefused}, "no batches": {codeBatchesDisabled, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, p := time.Unix(0, 0), &pace{}
			fsyncs.drive(p, &now, 64, 10_000)
			refusals := 0
			for end := now.Add(firstWait / 2); now.Before(end); now = now.Add(time.Millisecond) {
				if !p.groups(now, 64) {
					p.stored(400*64*time.Microsecond, 64)
					continue
				}
				p.refused(now, &batchError{&jetstream.APIError{ErrorCode: c.code}})
				refusals++
			}
			if refusals != c.most {
				t.Errorf("%d batches were refused in %s; want %d", refusals, firstWait/2, c.most)
			}
		})
	}
}

func TestBatchHoldsOneAppendOfARefund(t *testing.T) {
	t.Parallel()
	waiting := func(id string) *member {
		return &member{msg: &nats.Msg{Data: make([]byte, 1000)}, refundID: id, turn: make(chan turn, 1)}
	}
	first, again, other, third := waiting("rf-1"), waiting("rf-1"), waiting("rf-2"), waiting("rf-2")
	g := &group{waiting: []*member{again, other, third}}
	members, _ := g.form(first)
	if !slices.Equal(members, []*member{first, other}) || !slices.Equal(g.waiting, []*member{again, third}) {
		t.Errorf("members %v, still waiting %v", members, g.waiting)
	}
}

func TestBatchIsNotLargerThanAServerTakes(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{10: mostMembers, LargestRecord: mostBytes / LargestRecord} {
		g := &group{}
		for i := range 2 * mostMembers {
			g.waiting = append(g.waiting, &member{msg: &nats.Msg{Data: make([]byte, size)}, refundID: strconv.Itoa(i)})
		}
		first := g.waiting[0]
		g.waiting = g.waiting[1:]
		if members, _ := g.form(first); len(members) != want || len(members)+len(g.waiting) != 2*mostMembers {
			t.Errorf("messages of %d bytes: %d members and %d waiting; want %d members", size, len(members), len(g.waiting), want)
		}
	}
}

func TestADiskThatIsSlowForAMomentDoesNotEndBatches(t *testing.T) {
	t.Parallel()
	now, p := time.Unix(0, 0), &pace{}
	fsyncs.drive(p, &now, 64, 10_000)
	for range 10 {
		p.storedBatch(now, time.Second, 64)
		if n := fsyncs.drive(p, &now, 64, 10_000); n < 9_000 {
			t.Errorf("%d of 10,000 appends were sent in batches after a slow one", n)
		}
	}
}

// Half of what the server can take, in bursts: many are under way now and then.
func TestServerThatIsBusyNowAndThenIsNoReasonForBatches(t *testing.T) {
	t.Parallel()
	now, p := time.Unix(0, 0), &pace{}
	for range 100 {
		for underWay := range 2 * busyFrom {
			if p.groups(now, underWay+1) {
				t.Fatal("appends are sent in batches")
			}
			p.stored(time.Duration(underWay+1)*time.Millisecond, underWay+1)
			now = now.Add(time.Millisecond)
		}
	}
}
