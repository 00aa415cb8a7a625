package operator

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Change sets one field of a job: a name of docs/contract.md, "Job",
// customer.NAME or metadata.KEY. An empty value takes the field away.
type Change struct{ Field, Value string }

// ParseChange reads field=value.
func ParseChange(text string) (Change, error) {
	field, value, ok := strings.Cut(text, "=")
	if !ok || field == "" {
		return Change{}, fmt.Errorf("%.40q is not of the form field=value", text)
	}
	return Change{Field: field, Value: value}, nil
}

// members is a JSON object; the values of those that are not changed stay byte
// for byte.
type members map[string]jsontext.Value

// change applies the changes to a message. It must be one JSON object without
// repeated members, or nobody can say which one is meant: [ErrNoJob].
func change(body []byte, changes []Change) ([]byte, error) {
	var m members
	if err := json.Unmarshal(body, &m); err != nil || m == nil {
		return nil, fmt.Errorf("%w, and fields cannot be set: it is not one JSON object without repeated members", ErrNoJob)
	}
	for _, c := range changes {
		if err := m.set(c); err != nil {
			return nil, err
		}
	}
	return json.Marshal(m, json.Deterministic(true))
}

// set leaves it to the job's own rules to judge name and value.
func (m members) set(c Change) error {
	outer, inner, nested := strings.Cut(c.Field, ".")
	if !nested || outer != "customer" && outer != "metadata" {
		return m.put(c.Field, c.Value, c.Field == "amount")
	}
	part := members{}
	if err := json.Unmarshal(m[outer], &part); err != nil || part == nil {
		part = members{} // it is not there, or no object: the change begins one
	}
	if err := part.put(inner, c.Value, false); err != nil {
		return err
	}
	raw, err := json.Marshal(part, json.Deterministic(true))
	m[outer] = raw
	return err
}

func (m members) put(name, value string, number bool) error {
	if value == "" {
		delete(m, name)
		return nil
	}
	raw, err := jsontext.AppendQuote(nil, value)
	if number {
		raw = []byte(value)
	}
	if err != nil || !jsontext.Value(raw).IsValid() {
		return fmt.Errorf("%w: %s: is no value for it", ErrNoJob, name)
	}
	m[name] = raw
	return nil
}
