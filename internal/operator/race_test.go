package operator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// stand is a stack with a worker, and an operator on it.
type stand struct {
	fixture
	*devstack.Stack
}

func startStand(t *testing.T) stand {
	t.Helper()
	s, err := devstack.Start(context.WithoutCancel(t.Context()), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	w := s.StartWorker(context.WithoutCancel(t.Context()), s.WorkerConfig(slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	})
	return stand{on(s.NATS, s.JS, devstack.ClientID), s}
}

// body is a job; times are added to it as they are given: not_before, deadline.
func body(id string, times ...string) string {
	text := fmt.Sprintf(`{"refund_id":%q,"channel":"credit_card","invoice_number":"INV-%s","original_request_id":"pay-%s","amount":1000`, id, id, id)
	for i := 0; i+1 < len(times); i += 2 {
		text += fmt.Sprintf(`,%q:%q`, times[i], times[i+1])
	}
	return text + "}"
}

func within(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }

func (s stand) publish(t *testing.T, body string) {
	t.Helper()
	if _, err := s.JS.Publish(t.Context(), "refunds.jobs.credit_card", []byte(body)); err != nil {
		t.Error(err)
	}
}

// ended waits until every refund has a result that nothing can follow.
func (s stand) ended(t *testing.T, ids []string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(3 * time.Minute)
	for _, id := range ids {
		for !s.last(t, id).State.Final() {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("%s is still %s", id, s.last(t, id).State)
			}
		}
	}
}

// audit holds the ledger against the simulator's book.
func (s stand) audit(t *testing.T, ids []string) (count map[refund.State]int) {
	t.Helper()
	book := s.DOKU.Book()
	count = map[refund.State]int{}
	var all []check.Refund
	accounted := 0
	for _, id := range ids {
		path, err := s.ledger.History(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		r := check.Refund{ID: id, Amount: 1000}
		for _, e := range path {
			r.States = append(r.States, e.Record.State)
		}
		for _, m := range book.MovedFor(string(channel.CreditCard), "INV-"+id) {
			r.Movements++
			r.Moved += m.Amount
		}
		accounted += r.Movements
		count[r.Last()]++
		all = append(all, r)
	}
	for _, v := range check.All(all) {
		t.Error(v)
	}
	if accounted != book.Total.Movements {
		t.Errorf("%d movements of money, %d belong to refunds of the ledger", book.Total.Movements, accounted)
	}
	return count
}

func TestCancelRacingASendPaysOnceOrNever(t *testing.T) {
	t.Parallel()
	s := startStand(t)
	ids := []string{"rf-first"}
	s.publish(t, body("rf-first"))
	s.ended(t, ids) // the worker is at work
	var group sync.WaitGroup
	for i := range 120 {
		id := fmt.Sprintf("rf-%03d", i)
		ids = append(ids, id)
		group.Go(func() {
			var both sync.WaitGroup
			both.Go(func() { s.publish(t, body(id)) })
			both.Go(func() {
				// From before the job to after its answer.
				<-time.After(time.Millisecond >> 4 << (i % 12))
				var refused *operator.RefusedError
				if _, err := s.Cancel(t.Context(), id, channel.CreditCard, "race"); err != nil && !errors.As(err, &refused) {
					t.Error(err)
				}
			})
			both.Wait()
		})
		if i%8 == 7 {
			group.Wait()
		}
	}
	group.Wait()
	s.ended(t, ids)
	count := s.audit(t, ids)
	t.Logf("ended: %v", count)
	if count[refund.Rejected] == 0 || count[refund.Succeeded] == 0 {
		t.Errorf("there was no race: %v", count)
	}
}

func TestResolveRacingALateProofSettlesOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	won := map[refund.Evidence]int{}
	for i := range 60 {
		id := fmt.Sprintf("rf-%03d", i)
		f.put(t, record(id, refund.Sending), record(id, refund.Unresolved))
		var group sync.WaitGroup
		settled := make(chan string, 3)
		try := func(name string, do func() error) {
			group.Go(func() {
				var refused *operator.RefusedError
				switch err := do(); {
				case err == nil:
					settled <- name
				case !errors.As(err, &refused):
					t.Error(err)
				}
			})
		}
		try("failed", func() error {
			_, err := f.Resolve(t.Context(), id, refund.Failed, "race")
			return err
		})
		try("succeeded", func() error {
			_, err := f.Resolve(t.Context(), id, refund.Succeeded, "race")
			return err
		})
		try("proof", func() error {
			a, err := f.asking(doku.InquiryOutcome{Finding: refund.FoundSuccess}).Inquire(t.Context(), id, "")
			if err == nil && !a.Settled {
				return &operator.RefusedError{}
			}
			return err
		})
		group.Wait()
		close(settled)
		winners := []string{}
		for name := range settled {
			winners = append(winners, name)
		}
		path, err := f.ledger.History(t.Context(), id)
		if err != nil || len(path) != 3 || len(winners) != 1 {
			t.Fatalf("%s: %d records, settled by %v, %v", id, len(path), winners, err)
		}
		won[path[2].Record.Evidence]++
	}
	t.Logf("won by %v", won)
}

// randomOperator does anything at any time, but says of money only what the
// book shows.
type randomOperator struct {
	stand
	asker  operator.Operator
	rand   *rand.Rand
	doubt  []string // that nobody but an operator ends
	varied chan struct{}

	mu    sync.Mutex
	ids   []string
	early []string // that wait for a while before they are sent
	did   map[string]int
}

// mustDo are the actions that must each have succeeded once.
var mustDo = []string{"cancel", "retry", "inquire", "resolve", "replay", "pause", "sweep"}

// add tells of one more refund that waits for a while.
func (m *randomOperator) add(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids, m.early = append(m.ids, id), append(m.early, id)
}

// choose returns what an action is done to: half of the time a refund to which
// it can be done.
func (m *randomOperator) choose(action string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := m.ids
	switch preferred := m.rand.IntN(2) == 0; {
	case preferred && (action == "cancel" || action == "retry"):
		ids = m.early[max(0, len(m.early)-4):] // the others have begun
	case preferred && action == "resolve":
		ids = m.doubt
	}
	return ids[m.rand.IntN(len(ids))]
}

// succeeded counts, and closes varied once every action of mustDo is there.
func (m *randomOperator) succeeded(action string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.did[action]++
	for _, name := range mustDo {
		if m.did[name] == 0 {
			return
		}
	}
	select {
	case <-m.varied:
	default:
		close(m.varied)
	}
}

func (m *randomOperator) run(ctx context.Context, t *testing.T) {
	t.Helper()
	actions := []struct {
		name string
		do   func(context.Context, string) error
	}{
		{"cancel", func(ctx context.Context, id string) error {
			_, err := m.Cancel(ctx, id, channel.CreditCard, "at random")
			return err
		}},
		{"retry", func(ctx context.Context, id string) error { _, err := m.Retry(ctx, id, "at random"); return err }},
		{"inquire", func(ctx context.Context, id string) error {
			_, err := m.asker.Inquire(ctx, id, "at random")
			return err
		}},
		{"resolve", m.resolve},
		{"pause", func(ctx context.Context, _ string) error { return m.Pause(ctx, channel.CreditCard, time.Time{}) }},
		{"resume", func(ctx context.Context, _ string) error { return m.Resume(ctx, channel.CreditCard) }},
		{"sweep", func(ctx context.Context, _ string) error {
			_, err := m.Sweep(ctx, channel.CreditCard, 20*time.Millisecond, false)
			return err
		}},
		{"replay", func(ctx context.Context, _ string) error {
			_, err := m.Replay(ctx, 1, nil, "at random", false)
			return err
		}},
		{"list", func(ctx context.Context, _ string) error { _, err := m.List(ctx, operator.Filter{}); return err }},
		{"status", func(ctx context.Context, id string) error { _, err := m.Status(ctx, id); return err }},
	}
	for ctx.Err() == nil {
		<-time.After(4 * time.Millisecond) // the machine is for the worker, too
		a := actions[m.rand.IntN(len(actions))]
		err := a.do(ctx, m.choose(a.name))
		if err == nil {
			m.succeeded(a.name)
		}
		var refused *operator.RefusedError
		if err != nil && ctx.Err() == nil && !errors.As(err, &refused) &&
			!errors.Is(err, operator.ErrNoRecord) && !errors.Is(err, operator.ErrUsedID) {
			t.Errorf("%s: %v", a.name, err)
		}
		if a.name == "pause" { // not for long: the rest has to continue
			_ = m.Resume(ctx, channel.CreditCard)
		}
	}
}

// resolve says what the book says.
func (m *randomOperator) resolve(ctx context.Context, id string) error {
	word := refund.Failed
	if len(m.DOKU.Book().MovedFor(string(channel.CreditCard), "INV-"+id)) > 0 {
		word = refund.Succeeded
	}
	_, err := m.Resolve(ctx, id, word, "the book says so")
	return err
}

// wait publishes refunds that wait for a while, until every action has been
// done, and returns their ids.
func (m *randomOperator) wait(t *testing.T) (added []string) {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		id := fmt.Sprintf("rf-early-%03d", len(added))
		added = append(added, id)
		m.publish(t, body(id, "not_before", within(4*time.Second)))
		m.add(id)
		if len(added)%8 == 0 { // on a slow machine those that were in doubt may have been rejected
			added = append(added, m.addDoubt(t, len(added)))
		}
		select {
		case <-m.varied:
			return added
		case <-time.After(500 * time.Millisecond):
		case <-limit:
			t.Fatalf("not all of %q were done: %v", mustDo, m.did)
		}
	}
}

// addDoubt publishes one more refund that nobody but an operator ends.
func (m *randomOperator) addDoubt(t *testing.T, n int) (id string) {
	t.Helper()
	id = fmt.Sprintf("rf-doubt-%03d", n)
	if err := m.DOKU.Script(dokusim.Match{Invoice: "INV-" + id}, dokusim.Fault{Kind: dokusim.ErrorBefore}); err != nil {
		t.Fatal(err)
	}
	m.publish(t, body(id, "deadline", within(4*time.Second)))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids, m.doubt = append(m.ids, id), append(m.doubt, id)
	return id
}

func isDoubtful(i int) bool { return i >= 18 && i%6 == 3 }

func isEarly(i int) bool { return i >= 12 && (i%6 == 0 || i%6 == 2) }

func TestAnOperatorAtRandomNeverPaysTwice(t *testing.T) {
	t.Parallel()
	s := startStand(t)
	faults := []dokusim.Fault{
		{}, {Kind: dokusim.ErrorAfter}, {Kind: dokusim.TooMany, RetryAfter: time.Second}, {Kind: dokusim.ErrorBefore},
		{Kind: dokusim.ResetAfter}, {Kind: dokusim.Truncated},
	}
	var ids, early, doubt []string
	for i := range 36 {
		id := fmt.Sprintf("rf-%03d", i)
		ids = append(ids, id)
		if isEarly(i) {
			early = append(early, id)
		}
		if isDoubtful(i) {
			doubt = append(doubt, id)
		}
		if f := faults[i%len(faults)]; f.Kind != "" {
			if err := s.DOKU.Script(dokusim.Match{Invoice: "INV-" + id}, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	client, err := doku.New(doku.Config{
		BaseURL: s.DOKUURL(), ClientID: devstack.ClientID, Secret: s.Secret(), Timeout: 2 * time.Second, Slots: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	asking := s.cfg
	asking.Inquirer, asking.Instance = client, "asker"
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	m := &randomOperator{
		stand: s, asker: operator.New(asking), rand: rand.New(rand.NewPCG(7, 11)), doubt: doubt, varied: make(chan struct{}),
		ids: slices.Clone(ids), early: early, did: map[string]int{},
	}
	group.Go(func() { m.run(ctx, t) })
	for i, id := range ids {
		switch {
		case isDoubtful(i): // not executed, and given up before a repeat is allowed
			s.publish(t, body(id, "deadline", within(4*time.Second)))
		case isEarly(i): // there is time to cancel it, or to bring it forward
			s.publish(t, body(id, "not_before", within(7*time.Second)))
		default:
			s.publish(t, body(id))
		}
	}
	// After the jobs: a dead letter without any job is what a lost ledger leaves.
	letter := stream.DeadLetter{
		Reason: stream.DeadRefundIDConflict, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: 999,
		Subject: "refunds.jobs.credit_card", Body: []byte(body(ids[0])),
	}
	if err := stream.NewDeadLetters(s.JS, func() int { return 1 << 20 }).WithoutNotices().Publish(t.Context(), letter); !errors.Is(err, stream.ErrNotNoticed) {
		t.Fatal(err)
	}
	ids = append(ids, m.wait(t)...)
	s.ended(t, ids)
	stop()
	group.Wait()
	if err := s.Resume(t.Context(), channel.CreditCard); err != nil {
		t.Error(err)
	}
	count := s.audit(t, ids)
	t.Logf("ended: %v; did %v", count, m.did)
}
