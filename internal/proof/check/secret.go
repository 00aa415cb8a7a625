package check

import (
	"bytes"
	"fmt"
)

// Secrets searches an output (a stream's messages, a log, a page of metrics)
// for values that must not stand there. It reports which by number: a violation
// that quoted a secret would be one.
func Secrets(output string, content []byte, values ...string) []Violation {
	var found []Violation
	for i, value := range values {
		if at := bytes.Index(content, []byte(value)); value != "" && at >= 0 {
			found = append(found, Violation{
				ID: output, Rule: SecretVisible, Detail: fmt.Sprintf("value %d of those searched for, at byte %d", i+1, at),
			})
		}
	}
	return found
}
