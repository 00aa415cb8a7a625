package jobs

import (
	"net/netip"
	"unicode"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/secret"
)

// customerField is one member of customer, and what the channel does with it.
type customerField struct {
	name string
	path string
	need func(channel.Facts) channel.Need
	at   func(*Customer) *secret.Text
	rule string // beside those of every customer value; empty: none
	fits func(value string) bool
}

var customerFields = []customerField{
	{
		"access_token", "customer.access_token",
		func(f channel.Facts) channel.Need { return f.CustomerToken },
		func(c *Customer) *secret.Text { return &c.AccessToken },
		"", nil,
	},
	{
		"device_id", "customer.device_id",
		func(f channel.Facts) channel.Need { return f.DeviceID },
		func(c *Customer) *secret.Text { return &c.DeviceID },
		ruleDeviceID, func(value string) bool { return len(value) <= maxDeviceID },
	},
	{
		"ip_address", "customer.ip_address",
		func(f channel.Facts) channel.Need { return f.IPAddress },
		func(c *Customer) *secret.Text { return &c.IPAddress },
		ruleIPAddress, isIPv4,
	},
}

func isIPv4(value string) bool {
	address, err := netip.ParseAddr(value)
	return err == nil && address.Is4()
}

var customerIndex = indexed(customerFields, func(f customerField) string { return f.name })

func (r *reader) customer() bool {
	object, given := r.begins("customer")
	if object {
		r.object(r.customerMember)
	}
	r.noCustomer = given && !object
	return given
}

func (r *reader) forgetCustomer() {
	r.job.Customer = Customer{}
	r.noCustomer = true
}

func (r *reader) customerMember(name []byte, _ bool) {
	i, known := customerIndex[string(name)]
	bit := uint32(1) << i
	switch {
	case !known:
		r.unknown("customer.", name)
		return
	case r.customerSeen&bit == 0:
		r.customerSeen |= bit
		if !r.customerValue(customerFields[i]) {
			return
		}
	default:
		r.broken(customerFields[i].path, ruleRepeated)
		*customerFields[i].at(&r.job.Customer) = secret.Text{}
		r.skip()
	}
	r.customerGiven |= bit
}

// customerValue reads one value. What the channel does not use is not kept, and
// neither its length nor its characters matter.
func (r *reader) customerValue(f customerField) bool {
	value, given := r.text(f.path)
	if value == "" || f.need(r.facts) == channel.Unused {
		return given
	}
	switch {
	case !within(value, '!', '~'):
		r.broken(f.path, ruleVisible)
		return true
	case len(value) > maxCustomerBytes:
		r.broken(f.path, ruleCustomer)
		return true
	case f.rule != "" && !f.fits(value):
		r.problems.add(Problem{Field: f.path, Rule: f.rule, since: sinceIDs})
	}
	// Kept even then: a refund that was recorded before this rule continues
	// with it.
	*f.at(&r.job.Customer) = secret.New(value)
	return true
}

// requireCustomer reports whether a value that the channel requires is not at
// hand. It is named only where customer as a whole is not the problem already.
func (r *reader) requireCustomer(required bool) (missing bool) {
	for i, f := range customerFields {
		if f.need(r.facts) != channel.Required {
			continue
		}
		missing = missing || f.at(&r.job.Customer).IsZero()
		if required && !r.noCustomer && r.customerGiven&(1<<i) == 0 {
			r.broken(f.path, ruleRequired)
		}
	}
	return missing
}

// metadata keeps the pairs if every one is sound: part of them would look like
// all of them in the result.
func (r *reader) metadata() bool {
	object, given := r.begins("metadata")
	if !object {
		return given
	}
	p := pairs{reader: r, kept: make(map[string]string), sound: true}
	r.object(p.pair)
	if p.count > maxPairs {
		p.refuse(rulePairs)
	}
	if p.bytes > maxPairsBytes {
		p.refuse(rulePairBytes)
	}
	if p.sound && p.count > 0 {
		r.job.Metadata = p.kept
	}
	return true
}

// pairs collects metadata.
type pairs struct {
	*reader
	kept  map[string]string
	count int // all that were met, whether kept or not
	bytes int
	sound bool
}

func (p *pairs) refuse(rule string) {
	p.broken("metadata", rule)
	p.sound = false
}

func (p *pairs) pair(name []byte, sound bool) {
	key := string(name) // before the next read overwrites it
	value, ok := p.pairValue()
	p.count++
	p.bytes += len(key) + len(value)
	if rule := textRule(key, sound); rule != "" {
		p.refuse(rule)
	}
	if _, twice := p.kept[key]; twice {
		p.refuse(rulePairKeys)
	}
	if p.refuseCard("metadata", value, sinceEver) || !ok {
		p.sound = false
	}
	p.kept[key] = value
}

func (p *pairs) pairValue() (value string, ok bool) {
	if p.dec.PeekKind() != '"' {
		p.skip()
		p.refuse(rulePairText)
		return "", false
	}
	text, sound := unquote(p.value())
	if rule := textRule(string(text), sound); rule != "" {
		p.refuse(rule)
	}
	return string(text), true
}

// begins reports whether an object comes next. If none does, the value is
// consumed: null and "" are not given, all else is a problem.
func (r *reader) begins(name string) (object, given bool) {
	if r.dec.PeekKind() == '{' {
		return true, true
	}
	if raw := string(r.value()); raw == "null" || raw == `""` {
		return false, false
	}
	r.broken(name, ruleObject)
	return false, true
}

// text reads a string that a field holds. It is empty where the value is
// absent (then not given) or not one that any field may hold (then a problem).
func (r *reader) text(name string) (value string, given bool) {
	switch r.dec.PeekKind() {
	case '"':
	case 'n':
		r.skip()
		return "", false
	default:
		r.skip()
		r.broken(name, ruleString)
		return "", true
	}
	text, sound := unquote(r.value())
	if rule := textRule(string(text), sound); rule != "" {
		r.broken(name, rule)
		return "", true
	}
	return string(text), len(text) > 0
}

// textRule returns the rule for every string of a job that this one breaks.
func textRule(text string, sound bool) string {
	if !sound {
		return ruleSurrogate
	}
	for _, c := range text {
		if unicode.IsControl(c) {
			return ruleControl
		}
	}
	return ""
}
