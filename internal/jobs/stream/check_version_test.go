package stream

import (
	"slices"
	"testing"
)

func TestServerMustKnowSchedules(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]Report{
		"2.15.2":      {},
		"2.16.0-RC.1": {},
		"3.0.0":       {},
		"2.12.0":      {Warnings: []string{"server 2.12.0 is older than 2.15, on which the worker is proven"}},
		"2.14.9":      {Warnings: []string{"server 2.14.9 is older than 2.15, on which the worker is proven"}},
		"2.11.99":     {Problems: []string{"server 2.11.99 is older than 2.12: it has no message schedules"}},
		"1.99.0":      {Problems: []string{"server 1.99.0 is older than 2.12: it has no message schedules"}},
		"":            {Warnings: []string{`server version "" is not readable`}},
	} {
		var got Report
		got.checkVersion(version)
		if !slices.Equal(got.Problems, want.Problems) || !slices.Equal(got.Warnings, want.Warnings) {
			t.Errorf("%s: %+v", version, got)
		}
	}
}
