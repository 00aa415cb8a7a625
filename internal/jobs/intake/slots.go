package intake

import "sync"

// priority orders those who wait for a slot: what is in flight before what has yet to
// be pulled, due before fresh.
type priority uint8

const (
	waitDue priority = iota
	waitFresh
	pullDue
	pullFresh
	priorities
)

// slots counts the handlers of one intake, running or promised.
type slots struct {
	size int

	mu      sync.Mutex
	used    int
	waiting [priorities]bool
	changed chan struct{}
}

// take takes up to want slots, at most limit being used by all. It returns none
// if none is free or a better rank waits; then the rank counts as waiting, until
// it takes some or leaves, and the channel is closed when it is worth another
// try.
func (s *slots) take(want, limit int, r priority) (n int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if free := min(s.size, limit) - s.used; free > 0 && !s.higherWaits(r) {
		n = min(want, free)
		s.used += n
		s.waiting[r] = false
		s.wake() // a rank that stood back may have what is left
		return n, nil
	}
	s.waiting[r] = true
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return 0, s.changed
}

// forgo ends the waiting of a rank, whether or not it waits.
func (s *slots) forgo(r priority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[r] {
		s.waiting[r] = false
		s.wake()
	}
}

// release gives n slots back.
func (s *slots) release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	s.wake()
}

func (s *slots) higherWaits(r priority) bool {
	for _, w := range s.waiting[:r] {
		if w {
			return true
		}
	}
	return false
}

func (s *slots) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
