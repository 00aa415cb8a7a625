package virtualtime_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// story is all that stands in the stream REFUNDS about one refund.
type story struct {
	records []refund.Record
	results []jobs.Result
}

// path names the states, each run of one state once.
func (s story) path() string {
	var names []string
	for _, r := range s.records {
		if name := r.State.String(); len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func (s story) result() jobs.Result {
	if len(s.results) == 0 {
		return jobs.Result{}
	}
	return s.results[len(s.results)-1]
}

// read reads the whole stream, as any consumer of it can.
func (s *stack) read() map[string]story {
	s.t.Helper()
	ctx := s.t.Context()
	stream, err := s.js.Stream(ctx, stream.Refunds)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]story{}
	for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		s.clean("REFUNDS", m.Data)
		s.clean("REFUNDS", []byte(m.Header.Get(jobs.HeaderRecord)))
		s.add(all, m)
	}
	return all
}

func (s *stack) add(all map[string]story, m *jetstream.RawStreamMsg) {
	s.t.Helper()
	id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	st, text := all[id], m.Data
	if record := m.Header.Get(jobs.HeaderRecord); record != "" {
		text = []byte(record)
		result, err := jobs.DecodeResult(m.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		st.results = append(st.results, result)
	}
	var r refund.Record
	if err := json.Unmarshal(text, &r); err != nil {
		s.t.Fatal(err)
	}
	st.records = append(st.records, r)
	all[id] = st
}

// clean complains of secrets in an output.
func (s *stack) clean(output string, content []byte) {
	s.t.Helper()
	for _, v := range check.Secrets(output, content, "secret-token-of-", sharedKey) {
		s.t.Error(v)
	}
}

// ended waits until n results are there, limit at most.
func (s *stack) ended(n int, limit time.Duration) {
	s.t.Helper()
	give := time.Now().Add(limit)
	for s.count("refunds.results.>") < n {
		if time.Now().After(give) {
			s.t.Fatalf("%d results of %d after %s", s.count("refunds.results.>"), n, limit)
		}
		pass(s.t, 5*time.Second)
	}
}

// count returns how many messages the stream REFUNDS holds on a subject.
func (s *stack) count(subject string) int {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), stream.Refunds)
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := stream.Info(s.t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, count := range info.State.Subjects {
		n += int(count)
	}
	return n
}

// judge holds DOKU's book against records and results.
func (s *stack) judge() (map[string]story, []check.Violation) {
	s.t.Helper()
	stories, book := s.read(), s.doku.Book()
	moved := map[string][]int64{}
	for _, m := range book.Movements {
		moved[m.Channel+m.Invoice] = append(moved[m.Channel+m.Invoice], m.Amount)
	}
	all, movements := make([]check.Refund, 0, len(s.posted)), 0
	for _, p := range s.posted {
		r := stories[p.id].refund(s.t, p)
		for _, amount := range moved[string(p.channel)+p.invoice] {
			r.Movements++
			r.Moved += amount
		}
		movements += r.Movements
		all = append(all, r)
	}
	if movements != book.Total.Movements || len(stories) != len(s.posted) {
		s.t.Errorf("%d movements of %d, %d stories of %d refunds", movements, book.Total.Movements, len(stories), len(s.posted))
	}
	s.clean("log", s.log.bytes())
	return stories, check.All(all)
}

// refund is the story as the checker takes it, without the money.
func (s story) refund(t *testing.T, p posted) check.Refund {
	t.Helper()
	r := check.Refund{ID: p.id, Amount: p.amount, Results: []refund.State{}}
	for _, record := range s.records {
		r.States = append(r.States, record.State)
	}
	for _, result := range s.results {
		r.Results = append(r.Results, result.Status)
	}
	return r
}

// audit is the end of every scenario: nothing may be wrong.
func (s *stack) audit() map[string]story {
	s.t.Helper()
	stories, violations := s.judge()
	for _, v := range violations {
		s.t.Error(v)
	}
	return stories
}

// allSucceeded asserts that these were paid and say so.
func (s *stack) allSucceeded(stories map[string]story, refunds ...posted) {
	s.t.Helper()
	for _, p := range refunds {
		if st := stories[p.id]; st.result().Status != refund.Succeeded {
			s.t.Errorf("%s: %s (%s)", p.id, st.result().Status, st.path())
		}
	}
}
