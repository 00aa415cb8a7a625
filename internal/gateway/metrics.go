package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the gateway's, as docs/contract.md, "Metrics" lists them.
type Metrics struct {
	Requests *prometheus.CounterVec   // route, status
	Seconds  *prometheus.HistogramVec // route
	Waits    prometheus.Gauge
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer, version, revision string) *Metrics {
	m := &Metrics{
		Requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "refund_gateway_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		Seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "refund_gateway_request_seconds", Help: "How long answers took, waits included.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route"}),
		Waits: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "refund_gateway_waits", Help: "Requests that wait for a result now.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "refund_gateway_build_info", Help: "Always 1.",
	}, []string{"version", "revision"})
	build.WithLabelValues(version, revision).Set(1)
	reg.MustRegister(m.Requests, m.Seconds, m.Waits, build)
	// What alerts and rates are about exists from the start.
	for route, statuses := range map[string][]int{
		"/v1/refunds":      {http.StatusAccepted, http.StatusUnauthorized, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		"/v1/refunds/{id}": {http.StatusOK, http.StatusNotFound, http.StatusServiceUnavailable},
		"/v1/results":      {http.StatusOK, http.StatusServiceUnavailable},
		"/v1/notices":      {http.StatusOK, http.StatusServiceUnavailable},
	} {
		for _, status := range statuses {
			m.Requests.WithLabelValues(route, strconv.Itoa(status))
		}
		m.Seconds.WithLabelValues(route)
	}
	return m
}

func (m *Metrics) answered(route string, status int, took time.Duration) {
	m.Requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.Seconds.WithLabelValues(route).Observe(took.Seconds())
}
