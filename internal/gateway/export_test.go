package gateway

import "time"

// LookNow has the file looked at with the next request.
func (t *Tokens) LookNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = time.Time{}
}
