//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/chaos"
	"refundworker.example/refundworker/internal/secret"
)

const (
	outage    = 15 * time.Second // of the channel with the backlog
	neighbour = 20               // jobs a second on another channel, before and meanwhile
	quietTime = 10 * time.Second // for which the other channel is measured alone
)

// drain prints how a backlog of card refunds leaves after an outage of DOKU's:
// at RATE_LIMIT, never faster, and without a refund of another channel taking
// longer for it.
func (b bench) drain(ctx context.Context, stdout io.Writer) error {
	what := setup{concurrency: b.Concurrency[0], replicas: 1}
	s, remove, err := b.stack(ctx, what)
	if err != nil {
		return err
	}
	defer remove()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	settings := settings(what.concurrency)
	// What was under way when DOKU failed is asked about after these times.
	settings["RATE_LIMIT"], settings["DOKU_TIMEOUT"], settings["INQUIRY_DELAY"] = strconv.Itoa(b.RateLimit), "5s", "5s"
	p, err := s.LaunchProgram(worker, settings)
	if err != nil {
		return err
	}
	seen, err := watch(ctx, s)
	if err != nil {
		return err
	}
	if _, err := b.beside(ctx, s, seen, 0, func() bool { return len(seen.other) < 1 }); err != nil { // until the worker works
		return err
	}
	started := len(seen.other)
	before, err := b.beside(ctx, s, seen, started, func() bool { return len(seen.other) < started+int(quietTime.Seconds())*neighbour })
	if err != nil {
		return err
	}
	if err := s.DOKU.Outage(ctx, string(channel.CreditCard), outage); err != nil {
		return err
	}
	if err := publish(ctx, s, b.jobs(b.Drain)); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(b.progress, "%d jobs published, DOKU answers again within %s\n", b.Drain, outage)
	meanwhile, err := b.beside(ctx, s, seen, started+len(before), func() bool { return len(seen.cards) < b.Drain })
	if err != nil {
		return err
	}
	memory, _ := p.PeakMemory()
	return b.printDrain(ctx, s, stdout, seen.cards, before, meanwhile, memory)
}

// printDrain looks at when the money moved, by the simulator's clock.
func (b bench) printDrain(ctx context.Context, s *chaos.Stack, stdout io.Writer, cards []time.Time, before, meanwhile []time.Duration, memory int64) error {
	book, err := s.DOKU.Book(ctx)
	if err != nil {
		return err
	}
	var moved []time.Time
	for _, m := range book.Movements {
		if m.Channel == string(channel.CreditCard) {
			moved = append(moved, m.At)
		}
	}
	if len(moved) != b.Drain || len(cards) != b.Drain {
		return fmt.Errorf("%w: %d movements and %d results for %d refunds", errMoney, len(moved), len(cards), b.Drain)
	}
	slices.SortFunc(moved, time.Time.Compare)
	took := moved[len(moved)-1].Sub(moved[0])
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "backlog\tRATE_LIMIT\tdrained in\tmost in any second\tother channel p50 before\tmeanwhile\tp99 before\tmeanwhile\tpeak memory\t")
	_, _ = fmt.Fprintf(table, "%d\t%d\t%s\t%d\t%s\t%s\t%s\t%s\t%d MiB\t\n", b.Drain, b.RateLimit, took.Round(100*time.Millisecond), busiest(moved),
		millis(before[len(before)/2]), millis(meanwhile[len(meanwhile)/2]),
		millis(before[len(before)*99/100]), millis(meanwhile[len(meanwhile)*99/100]), memory>>20)
	return table.Flush()
}

// busiest is the most of these times, which are sorted, that lie within a second.
func busiest(times []time.Time) (most int) {
	first := 0
	for i, t := range times {
		for t.Sub(times[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// beside publishes jobs of the other channel at a steady pace, for as long as more
// says so, and returns how long each took, sorted. Results from an index on are
// those of this call.
func (b bench) beside(ctx context.Context, s *chaos.Stack, seen *seenResults, from int, more func() bool) ([]time.Duration, error) {
	ticker := time.NewTicker(time.Second / neighbour)
	defer ticker.Stop()
	n := from
	for ; more(); n++ {
		j := jobs.Job{
			RefundID: fmt.Sprintf("dd-%07d", n), Channel: channel.DirectDebitMandiri, InvoiceNumber: fmt.Sprintf("DD-%07d", n),
			Amount: 20_000, Customer: jobs.Customer{AccessToken: secret.New("token-of-a-customer")},
		}
		if err := s.Publish(ctx, j); err != nil {
			return nil, err
		}
		for tick := ticker.C; ; {
			select {
			case r := <-seen.results:
				seen.add(r)
				continue
			case <-tick:
			case <-ctx.Done():
				return nil, fmt.Errorf("%d results: %w", len(seen.cards), ctx.Err())
			}
			break
		}
	}
	for len(seen.other) < n {
		select {
		case r := <-seen.results:
			seen.add(r)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	took := slices.Clone(seen.other[from:])
	slices.Sort(took)
	return took, nil
}

// seenResults is what has been read of the results.
type seenResults struct {
	results chan seenResult
	cards   []time.Time     // when each was stored
	other   []time.Duration // how long each took
}

type seenResult struct {
	card     bool
	enqueued time.Time
	stored   time.Time
}

func (s *seenResults) add(r seenResult) {
	if r.card {
		s.cards = append(s.cards, r.stored)
		return
	}
	s.other = append(s.other, r.stored.Sub(r.enqueued))
}

// watch reads every result as it is stored, until ctx ends.
func watch(ctx context.Context, s *chaos.Stack) (*seenResults, error) {
	consumer, err := s.JS.OrderedConsumer(ctx, stream.Refunds, jetstream.OrderedConsumerConfig{FilterSubjects: []string{results}})
	if err != nil {
		return nil, err
	}
	seen := &seenResults{results: make(chan seenResult, 1000)}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		var body struct {
			Channel    channel.Channel `json:"channel"`
			EnqueuedAt time.Time       `json:"enqueued_at"`
		}
		meta, err := m.Metadata()
		if err != nil || json.Unmarshal(m.Data(), &body) != nil {
			return // its refund is then missing at the end
		}
		select {
		case seen.results <- seenResult{body.Channel == channel.CreditCard, body.EnqueuedAt, meta.Timestamp}:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, consuming.Stop)
	return seen, nil
}
