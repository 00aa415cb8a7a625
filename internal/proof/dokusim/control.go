package dokusim

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// control serves what tests and people steer the simulator by. Bodies and
// answers are JSON; durations are texts such as "250ms".
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /_sim/{$}", s.index)
	mux.HandleFunc("GET /_sim/book", func(w http.ResponseWriter, q *http.Request) { respond(w, s.snapshot(lastOf(q))) })
	mux.HandleFunc("GET /_sim/requests", s.listRequests)
	mux.HandleFunc("GET /_sim/traffic", func(w http.ResponseWriter, _ *http.Request) { respond(w, s.Traffic()) })
	mux.HandleFunc("GET /_sim/held", func(w http.ResponseWriter, _ *http.Request) {
		held, _ := s.held.find(Match{})
		respond(w, held)
	})
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { respond(w, s.Rules()) })
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { s.ClearRules(); respond(w, s.Rules()) })
	mux.HandleFunc("POST /_sim/faults", accept(func(r Rule) (any, error) { return r, s.AddRule(r) }))
	mux.HandleFunc("POST /_sim/outage", accept(func(o Outage) (any, error) { return o, s.Outage(o) }))
	mux.HandleFunc("POST /_sim/payments", accept(func(p Payment) (any, error) { return p, s.AddPayment(p) }))
	mux.HandleFunc("POST /_sim/release", accept(func(m Match) (any, error) {
		return map[string]int{"released": s.Release(m)}, nil
	}))
	mux.HandleFunc("POST /_sim/tokens/expire", func(w http.ResponseWriter, _ *http.Request) {
		s.ExpireTokens()
		respond(w, map[string]bool{"expired": true})
	})
	return mux
}

// listRequests filters by the query's operation, channel, invoice, key and id.
func (s *Server) listRequests(w http.ResponseWriter, q *http.Request) {
	get := q.URL.Query().Get
	m := Match{Operation(get("operation")), get("channel"), get("invoice"), get("key"), get("id")}
	respond(w, s.seen.list(m, lastOf(q)))
}

// lastOf is ?last=n; all when it is absent or no number.
func lastOf(q *http.Request) int {
	n, err := strconv.Atoi(q.URL.Query().Get("last"))
	if err != nil {
		return -1
	}
	return n
}

// accept decodes a body strictly, so that a misspelt field is an error and not
// a fault that never comes, and answers with what do returns. An empty body is
// the zero value.
func accept[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		var in T
		body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, largestBody))
		if err == nil && len(body) > 0 {
			err = json.Unmarshal(body, &in, controlJSON())
		}
		var out any
		if err == nil {
			out, err = do(in)
		}
		if err != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.MarshalWrite(w, map[string]string{"error": err.Error()})
			return
		}
		respond(w, out)
	}
}

func respond(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, v, controlJSON())
}

// controlJSON reads and writes durations as Go writes them.
func controlJSON() json.Options {
	return json.JoinOptions(
		json.RejectUnknownMembers(true),
		jsontext.Multiline(true),
		json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, d time.Duration) error {
			return e.WriteToken(jsontext.String(d.String()))
		})),
		json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, to *time.Duration) error {
			token, err := d.ReadToken()
			if err != nil {
				return err
			}
			*to, err = time.ParseDuration(token.String())
			if err != nil {
				return fmt.Errorf("read duration: %w", err)
			}
			return nil
		})),
	)
}
