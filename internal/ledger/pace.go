package ledger

import "time"

// pace decides by measurement whether appends are sent in batches. What an append
// costs a server cannot be read anywhere: it depends on sync_interval, on replicas
// and on the disk. A batch costs a fixed amount besides (7 ms on one replica, for
// a store of its own), so that batches pay where many appends wait for slow writes,
// and nowhere else: without fsync they take twice as long as their members.
//
// While the server is busy with our appends, batches are tried for a moment, and
// kept for as long as an append takes less of the server's time than alone.
type pace struct {
	always bool // tests only

	grouped  bool      // appends are sent in batches
	alone    average   // what an append took of the server's time by itself
	batch    average   // and in a batch
	trial    int       // batches until the trial ends; 0: there is none
	next     time.Time // when the other way may be tried again
	wait     time.Duration
	small    int // batches with few members, one after the other
	refusals int // refused batches, one after the other
}

const (
	busyFrom     = 16 // appends under way from which batches could pay
	samples      = 64 // appends alone, each with so many under way, before a trial
	trialBatches = 10
	unmeasured   = 2                // the first of these: they wait behind appends made before
	hopeless     = 3                // after more than so many, a trial ends at once where batches take half as long again as appends alone
	mostSmall    = 4                // batches of fewer members than busyFrom, one after the other, end grouping
	mostRefused  = 3                // and so do refused ones
	keptFor      = 10 * time.Second // until appends alone are measured again
	firstWait    = 2 * time.Second  // until batches are tried again that were of no use
	longestWait  = 5 * time.Minute  // likewise, after many trials
)

// groups reports whether an append that makes so many under way goes into a batch.
func (p *pace) groups(now time.Time, underWay int) bool {
	if p.always || p.grouped {
		return true
	}
	if underWay < busyFrom || p.alone.count < samples || now.Before(p.next) {
		return false
	}
	p.grouped, p.trial, p.batch = true, trialBatches, average{}
	return true
}

// kept reports whether batches are made for more than a trial.
func (p *pace) kept() bool { return p.grouped && p.trial == 0 }

// stored takes note of an append that took so long as one of so many. One that met
// few others starts the count anew: where the server is not busy all the time, to
// wait for a batch would only take longer.
func (p *pace) stored(took time.Duration, underWay int) {
	if underWay < busyFrom {
		p.alone = average{}
		return
	}
	p.alone.add(took, underWay)
}

// storedBatch takes note of a batch that took so long.
func (p *pace) storedBatch(now time.Time, took time.Duration, members int) {
	if !p.grouped {
		return
	}
	p.refusals = 0
	if p.isSmall(members) {
		p.ungroup(now) // the server is not busy any more; when it is again, batches may be tried at once
		return
	}
	if p.trial <= trialBatches-unmeasured {
		p.batch.add(took, members)
	}
	switch {
	case p.trial <= trialBatches-hopeless && p.trial > 1 && p.batch.each() > p.alone.each()*3/2:
		p.postpone(now)
	case p.trial > 1:
		p.trial--
	default:
		p.judge(now)
	}
}

// isSmall reports whether batches have become too small to measure.
func (p *pace) isSmall(members int) bool {
	if members >= busyFrom {
		p.small = 0
		return false
	}
	p.small++
	return p.small >= mostSmall
}

// judge ends a trial, or looks at batches that have been found quicker before.
func (p *pace) judge(now time.Time) {
	tried := p.trial == 1
	p.trial = 0
	switch {
	case tried && p.batch.each() < p.alone.each()*9/10:
		p.wait, p.next = 0, now.Add(keptFor)
	case tried:
		p.postpone(now)
	case !now.Before(p.next), p.batch.each() >= p.alone.each():
		// What appends take alone has to be measured again: a disk that is slow for
		// a moment is so for both.
		p.ungroup(now)
		p.alone = average{}
	}
}

// refused takes note of a batch that the server refused.
func (p *pace) refused(now time.Time, err *batchError) {
	p.refusals++
	if p.refusals < mostRefused && apiCode(err) != codeBatchesDisabled {
		return
	}
	p.refusals = 0
	p.postpone(now)
}

// postpone ends grouping until a time that doubles with each failure.
func (p *pace) postpone(now time.Time) {
	p.wait = min(max(2*p.wait, firstWait), longestWait)
	p.ungroup(now.Add(p.wait))
}

func (p *pace) ungroup(next time.Time) {
	p.grouped, p.trial, p.small, p.next = false, 0, 0, next
}

// average is how long the server needs for an append, from what some took and how
// many shared that time. It is a quotient of sums, for batches alternate between
// large and small ones; what is older counts for less.
type average struct {
	count          int // of values
	took, together int64
}

// memory: an average follows the last so many values.
const memory = 16

func (a *average) add(took time.Duration, together int) {
	if a.count++; a.count > memory {
		a.took -= a.took / memory
		a.together -= a.together / memory
	}
	a.took += int64(took)
	a.together += int64(together) * memory // so that the division above loses little
}

func (a *average) each() time.Duration {
	return time.Duration(a.took * memory / max(a.together, 1))
}
