package gateway

import (
	"time"

	dto "github.com/prometheus/client_model/go"
)

// LookNow has the file looked at with the next request.
func (t *Tokens) LookNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = time.Time{}
}

// Waiting is how many requests wait for a result now.
func (m *Metrics) Waiting() float64 {
	var now dto.Metric
	if err := m.Waits.Write(&now); err != nil {
		panic(err)
	}
	return now.GetGauge().GetValue()
}
