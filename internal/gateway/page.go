package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

const (
	usualPage   = 100
	longestPage = 1000
	pageBytes   = 4 << 20 // of stored messages; a page may be shorter for it
)

// cursor is which page is wanted: what was stored after a sequence, so many at most.
type cursor struct {
	after uint64
	limit int
}

// page is the end of every page.
type page struct {
	Next uint64 `json:"next"` // after of the page that follows
	More bool   `json:"more"` // it would not be empty
}

type resultsPage struct {
	Results []resultEntry `json:"results"`
	page
}

type resultEntry struct {
	Sequence uint64          `json:"sequence"`
	EventID  string          `json:"event_id"` // remember it, and a result is handled once
	Result   json.RawMessage `json:"result"`
}

type noticesPage struct {
	Notices []noticeEntry `json:"notices"`
	page
}

type noticeEntry struct {
	Sequence uint64          `json:"sequence"`
	Notice   json.RawMessage `json:"notice"`
}

// results is GET /v1/results.
func (g *Gateway) results(w http.ResponseWriter, r *http.Request) error {
	c, err := cursorOf(r)
	if err != nil {
		return err
	}
	listed := resultsPage{Results: []resultEntry{}}
	listed.page, err = g.read(r.Context(), c, stream.Refunds, jobs.ResultsPrefix+">", func(m *nats.Msg, sequence uint64) error {
		result, err := jobs.DecodeResult(m.Data)
		if err != nil {
			return err
		}
		listed.Results = append(listed.Results, resultEntry{sequence, result.RefundID + "." + result.Status.String(), m.Data})
		return nil
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, listed)
}

// notices is GET /v1/notices. It reads the mirror that holds nothing else.
func (g *Gateway) notices(w http.ResponseWriter, r *http.Request) error {
	c, err := cursorOf(r)
	if err != nil {
		return err
	}
	listed := noticesPage{Notices: []noticeEntry{}}
	listed.page, err = g.read(r.Context(), c, stream.Notices, jobs.NoticeSubjects, func(m *nats.Msg, sequence uint64) error {
		if _, err := stream.DecodeNotice(m.Data); err != nil {
			return err
		}
		listed.Notices = append(listed.Notices, noticeEntry{sequence, m.Data})
		return nil
	})
	if errors.Is(err, nats.ErrNoResponders) {
		g.Log.Warn("notices not readable", "stream", stream.Notices, "error", err)
		return unavailable.because("nobody answers for notices: is the stream " + stream.Notices + " set up (refundctl setup --notice-stream)?")
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, listed)
}

func cursorOf(r *http.Request) (cursor, error) {
	c := cursor{limit: usualPage}
	var err error
	query := r.URL.Query()
	if text := query.Get("after"); text != "" {
		if c.after, err = strconv.ParseUint(text, 10, 53); err != nil {
			return c, badQuery.of("after", "is no whole number from 0 to 9007199254740991")
		}
	}
	if text := query.Get("limit"); text != "" {
		if c.limit, err = strconv.Atoi(text); err != nil || c.limit < 1 || c.limit > longestPage {
			return c, badQuery.of("limit", fmt.Sprintf("is no whole number from 1 to %d", longestPage))
		}
	}
	return c, nil
}

// read hands over the messages of one page, oldest first. One that take refuses ends
// the page before it, so that nothing is passed over; the first one fails it.
func (g *Gateway) read(ctx context.Context, c cursor, from, subjects string, take func(*nats.Msg, uint64) error) (page, error) {
	p := page{Next: c.after}
	err := g.batch(ctx, from, batchRequest{After: c.after + 1, Subjects: subjects, Batch: c.limit, MaxBytes: pageBytes}, func(m *nats.Msg) error {
		sequence, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil || sequence <= p.Next {
			return fmt.Errorf("read %s: %w: sequence %.40q after %d", from, errBatch, m.Header.Get(jetstream.SequenceHeader), p.Next)
		}
		if err := take(m, sequence); err != nil {
			g.Log.Error("message not readable", "stream", from, "sequence", sequence, "error", err)
			if p.Next == c.after {
				return unreadableEntry.because(fmt.Sprintf("sequence %d of %s", sequence, from))
			}
			p.More = true
			return errPageEnds
		}
		p.Next, p.More = sequence, m.Header.Get("Nats-Num-Pending") != "0"
		return nil
	})
	if errors.Is(err, errPageEnds) {
		err = nil
	}
	return p, err
}
