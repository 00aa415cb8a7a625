package observe

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"refundworker.example/refundworker/internal/channel"
)

// Metrics are the metrics of docs/contract.md, "Metrics". Every series whose
// labels stand in the contract exists from the start, at zero, so that a rate
// over it has a beginning; those of the calls to DOKU do from [Metrics.Expect]
// on.
type Metrics struct {
	Amount           *prometheus.CounterVec // channel, status
	Answers          *prometheus.CounterVec // field: mismatches in DOKU's answers
	Attempts         *prometheus.CounterVec // channel, outcome
	CircuitOpen      *prometheus.GaugeVec   // channel
	DeadLetters      *prometheus.CounterVec // reason
	DeadRefused      prometheus.Gauge
	EndToEnd         *prometheus.HistogramVec // channel, status
	Inquiries        *prometheus.CounterVec   // channel, outcome
	JobsInFlight     *prometheus.GaugeVec     // channel
	LateSuccess      *prometheus.CounterVec   // channel
	NoticesLost      *prometheus.CounterVec   // reason
	Panics           *prometheus.CounterVec   // channel
	Paused           *prometheus.GaugeVec     // channel
	QueueWait        *prometheus.HistogramVec // channel
	Requests         *prometheus.HistogramVec // operation, outcome
	Results          *prometheus.CounterVec   // channel, status
	RetriesScheduled *prometheus.CounterVec   // channel
	StorageFull      prometheus.Gauge
	TokenFailures    *prometheus.CounterVec // kind
	UnlistedCodes    *prometheus.CounterVec // operation
	Unresolved       prometheus.Gauge
	Waiting          prometheus.Gauge
	WorkerInfo       *prometheus.GaugeVec // client_id, environment, version: always 1

	logLost atomic.Pointer[func() uint64]
}

// Closed label sets that stand in the contract.
var (
	attempts    = []string{"success", "failed", "retry", "unknown"}
	inquiries   = []string{"success", "failed", "running", "not_found", "contradiction", "no_answer"}
	statuses    = []string{"succeeded", "failed", "rejected", "unresolved"}
	deadReasons = []string{"unreadable", "refund_id_conflict"}
)

// Buckets, in seconds. A refund lasts from milliseconds to days.
var (
	waitBuckets    = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
	lifeBuckets    = []float64{.005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 72 * 3600}
	requestBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120}
)

// NewMetrics registers the metrics with reg. version and revision are those of
// the program.
func NewMetrics(reg prometheus.Registerer, version, revision string) *Metrics {
	f := factory{reg}
	m := &Metrics{
		Amount:           f.counters("refund_amount_rupiah_total", "Amounts of refunds by how they ended, in rupiah.", "channel", "status"),
		Answers:          f.counters("doku_answer_mismatches_total", "Identifiers in DOKU's answers that were not ours.", "field"),
		Attempts:         f.counters("refund_attempts_total", "Refund calls by what they led to.", "channel", "outcome"),
		CircuitOpen:      f.gauges("doku_circuit_open", "Whether the channel's circuit breaker is open.", "channel"),
		DeadLetters:      f.counters("refund_dead_letters_total", "Messages stored as dead letters.", "reason"),
		DeadRefused:      f.gauge("refund_dead_letters_refused", "Whether REFUND_DEAD refuses dead letters, which are tried again."),
		EndToEnd:         f.histograms("refund_end_to_end_seconds", "From the job being stored to its result being stored.", lifeBuckets, "channel", "status"),
		Inquiries:        f.counters("refund_inquiries_total", "Status inquiries by what they found.", "channel", "outcome"),
		JobsInFlight:     f.gauges("refund_jobs_in_flight", "Messages in flight.", "channel"),
		LateSuccess:      f.counters("refund_late_success_total", "Refunds that were given up and then proven paid.", "channel"),
		NoticesLost:      f.counters("refund_dead_letter_notices_lost_total", "Dead letters that producers are not told of.", "reason"),
		Panics:           f.counters("refund_panics_total", "Executions that ended in a panic.", "channel"),
		Paused:           f.gauges("refund_paused", "Whether an operator has paused the channel for the whole fleet.", "channel"),
		QueueWait:        f.histograms("refund_queue_wait_seconds", "From the job being stored to its first delivery.", waitBuckets, "channel"),
		Requests:         f.histograms("doku_request_duration_seconds", "Calls to DOKU.", requestBuckets, "operation", "outcome"),
		Results:          f.counters("refund_results_total", "Results by status.", "channel", "status"),
		RetriesScheduled: f.counters("refund_retries_scheduled_total", "Scheduled messages stored after a send.", "channel"),
		StorageFull:      f.gauge("refund_storage_full", "Whether no record can be stored for want of storage."),
		TokenFailures:    f.counters("doku_token_failures_total", "B2B tokens that could not be had, by kind.", "kind"),
		UnlistedCodes:    f.counters("doku_unlisted_codes_total", "Codes in DOKU's answers that no table lists.", "operation"),
		Unresolved:       f.gauge("refund_unresolved", "Refunds of the whole fleet that a person must settle."),
		Waiting:          f.gauge("refund_waiting", "Scheduled messages of the whole fleet."),
		WorkerInfo:       f.gauges("refund_worker_info", "Whose refunds the worker handles, as labels.", "client_id", "environment", "version"),
	}
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "refund_log_lines_lost_total", Help: "Log lines that were dropped because nobody read them.",
	}, m.lostLines))
	build := f.gauges("build_info", "The version of the program, as labels.", "version", "revision")
	build.WithLabelValues(version, revision).Set(1)
	m.begin()
	return m
}

// LogLost says where refund_log_lines_lost_total is read from; it is 0 until
// then.
func (m *Metrics) LogLost(count func() uint64) { m.logLost.Store(&count) }

func (m *Metrics) lostLines() float64 {
	if count := m.logLost.Load(); count != nil {
		return float64((*count)())
	}
	return 0
}

// begin creates the series of the closed label sets.
func (m *Metrics) begin() {
	for _, c := range channel.All() {
		ch := string(c)
		m.CircuitOpen.WithLabelValues(ch)
		m.JobsInFlight.WithLabelValues(ch)
		m.LateSuccess.WithLabelValues(ch)
		m.Panics.WithLabelValues(ch)
		m.Paused.WithLabelValues(ch)
		m.QueueWait.WithLabelValues(ch)
		m.RetriesScheduled.WithLabelValues(ch)
		for _, outcome := range attempts {
			m.Attempts.WithLabelValues(ch, outcome)
		}
		for _, outcome := range inquiries {
			m.Inquiries.WithLabelValues(ch, outcome)
		}
		for _, status := range statuses {
			m.Results.WithLabelValues(ch, status)
			m.Amount.WithLabelValues(ch, status)
			m.EndToEnd.WithLabelValues(ch, status)
		}
	}
	for _, reason := range deadReasons {
		m.DeadLetters.WithLabelValues(reason)
		m.NoticesLost.WithLabelValues(reason)
	}
}

// Calls are the closed label sets of the metrics about calls to DOKU, which only
// its client knows.
type Calls struct {
	Operations, Outcomes []string // doku_request_duration_seconds; doku_unlisted_codes_total has the former alone
	TokenFailures        []string // doku_token_failures_total
	Mismatches           []string // doku_answer_mismatches_total
}

// Expect creates the series of c, at zero: an alert on the first token failure
// must see the counter grow, and it cannot grow out of nothing.
func (m *Metrics) Expect(c Calls) {
	for _, operation := range c.Operations {
		m.UnlistedCodes.WithLabelValues(operation)
		for _, outcome := range c.Outcomes {
			m.Requests.WithLabelValues(operation, outcome)
		}
	}
	for _, kind := range c.TokenFailures {
		m.TokenFailures.WithLabelValues(kind)
	}
	for _, field := range c.Mismatches {
		m.Answers.WithLabelValues(field)
	}
}

// factory makes metrics and registers them. Registering panics on a repeated
// name, which is a mistake in this file.
type factory struct{ reg prometheus.Registerer }

func (f factory) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.reg.MustRegister(c)
	return c
}

func (f factory) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	f.reg.MustRegister(g)
	return g
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.reg.MustRegister(g)
	return g
}

func (f factory) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	f.reg.MustRegister(h)
	return h
}
