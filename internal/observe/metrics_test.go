package observe_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the golden files")

func calls() observe.Calls {
	return observe.Calls{
		Operations: []string{"refund"}, Outcomes: []string{"2xx"},
		TokenFailures: []string{"credentials"}, Mismatches: []string{"refundAmount"},
	}
}

func gather(t *testing.T) (*observe.Metrics, []*dto.MetricFamily) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m := observe.NewMetrics(reg, "v1.2.3", "abc")
	m.Expect(calls())
	m.WorkerInfo.WithLabelValues("client", "sandbox", "v1.2.3").Set(1)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return m, families
}

func TestMetricsFollowTheRulesOfPrometheus(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	observe.NewMetrics(reg, "v1.2.3", "abc").Expect(calls())
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Dashboards and alerts name these.
func TestMetricsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	_, families := gather(t)
	var b strings.Builder
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&b, "%s %s{%s} %s\n", strings.ToLower(f.GetType().String()), f.GetName(), strings.Join(labels, ","), f.GetHelp())
	}
	golden := filepath.Join("testdata", "metrics.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("metrics are\n%s\nwant\n%s", b.String(), want)
	}
}

func TestSeriesOfClosedSetsExistAtZero(t *testing.T) {
	t.Parallel()
	_, families := gather(t)
	n := len(channel.All())
	want := map[string]int{
		"build_info":                            1,
		"doku_answer_mismatches_total":          1,
		"doku_circuit_open":                     n,
		"doku_request_duration_seconds":         1,
		"doku_token_failures_total":             1,
		"doku_unlisted_codes_total":             1,
		"refund_amount_rupiah_total":            4 * n,
		"refund_attempts_total":                 4 * n,
		"refund_dead_letter_notices_lost_total": 2,
		"refund_dead_letters_refused":           1,
		"refund_storage_full":                   1,
		"refund_dead_letters_total":             2,
		"refund_end_to_end_seconds":             4 * n,
		"refund_inquiries_total":                6 * n,
		"refund_jobs_in_flight":                 n,
		"refund_late_success_total":             n,
		"refund_log_lines_lost_total":           1,
		"refund_panics_total":                   n,
		"refund_paused":                         n,
		"refund_queue_wait_seconds":             n,
		"refund_results_total":                  4 * n,
		"refund_retries_scheduled_total":        n,
		"refund_unresolved":                     1,
		"refund_waiting":                        1,
		"refund_worker_info":                    1,
	}
	for _, f := range families {
		if got := len(f.GetMetric()); got != want[f.GetName()] {
			t.Errorf("%s has %d series, want %d", f.GetName(), got, want[f.GetName()])
		}
		for _, s := range f.GetMetric() {
			if s.GetCounter().GetValue() != 0 || s.GetHistogram().GetSampleCount() != 0 {
				t.Errorf("%s does not begin at zero: %v", f.GetName(), s)
			}
		}
		delete(want, f.GetName())
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func TestWaitsOfAnHourAndCallsOfAMinuteAreTold(t *testing.T) {
	t.Parallel()
	_, families := gather(t)
	for _, f := range families {
		least := map[string]float64{
			"refund_queue_wait_seconds": 3600, "refund_end_to_end_seconds": 24 * 3600, "doku_request_duration_seconds": 61,
		}[f.GetName()]
		if least == 0 {
			continue
		}
		buckets := f.GetMetric()[0].GetHistogram().GetBucket()
		if last := buckets[len(buckets)-1].GetUpperBound(); last < least {
			t.Errorf("%s ends at %v s, want %v at least", f.GetName(), last, least)
		}
		if first := buckets[0].GetUpperBound(); first > 0.005 {
			t.Errorf("%s begins at %v s", f.GetName(), first)
		}
	}
}
