package doku

import "fmt"

var classNames = []string{"unknown", "succeeded", "failed", "not_executed", "in_progress"}

// String returns the class as it stands in logs.
func (c Class) String() string { return name(classNames, int(c)) }

var causeNames = []string{
	"plain", "not_written", "too_late", "credentials", "customer_token", "throttled", "unavailable", "collision", "no_token", "no_socket", "failing",
}

// String returns the cause as it stands in logs.
func (c Cause) String() string { return name(causeNames, int(c)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%d", i)
}
