package dokusim

import (
	"net/http"
	"time"
)

// Outage is a period in which a gateway answers in DOKU's place: no request
// reaches DOKU, nothing is executed, and what comes back is a page of HTML.
type Outage struct {
	// Match says which requests; empty: all of them, tokens included. A token
	// request has no channel: naming one spares the tokens.
	Match Match `json:"match,omitzero"`
	// Status of the page: 502, 503 (the default), 504, or 403 for a firewall's.
	// 200 is the page of a maintenance that says it is fine.
	Status int `json:"status,omitzero"`
	// For is how long it lasts by the server's clock; 0: until the faults are
	// cleared.
	For time.Duration `json:"for,omitzero"`
}

// Outage begins an outage. It goes before all rules that are there: a request
// that it meets uses up no fault of theirs. Its errors wrap [ErrFault].
func (s *Server) Outage(o Outage) error {
	if o.Match.Operation == "" {
		o.Match.Operation = OpAny
	}
	rule, err := Rule{
		Match: o.Match, For: o.For,
		Faults: []Fault{{Kind: HTMLBefore, Count: -1, Status: or(o.Status, http.StatusServiceUnavailable)}},
	}.checked(s.cfg.Now())
	if err != nil {
		return err
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = append([]Rule{rule}, s.faults.rules...)
	return nil
}

// gatewayPage is the page of what stands before DOKU.
func gatewayPage(status int) answer {
	page := "<!doctype html><title>Sorry</title><h1>We are improving our service</h1>"
	switch {
	case status == http.StatusForbidden:
		page = "<!doctype html><title>Request blocked</title><h1>403 Forbidden</h1><p>The request was blocked by a security rule.</p>"
	case status >= http.StatusInternalServerError:
		page = "<html><head><title>" + itoa(int64(status)) + " " + http.StatusText(status) + "</title></head><body><center><h1>" +
			itoa(int64(status)) + " " + http.StatusText(status) + "</h1></center><hr><center>nginx</center></body></html>"
	}
	return answer{status: status, signing: signedNot, body: []byte(page)}
}
