//go:build unix

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/proof/long"
	"refundworker.example/refundworker/internal/refund"
)

// What the operator's storm consists of; CHAOS_SEED asks for another.
const (
	operated = 200 // refunds
	first    = 4   // of them end before the storm; other content under their ids becomes a dead letter
	doomed   = 20  // one refund in so many has an outcome that cannot be learned
	rounds   = 9   // in which each act comes once
	actsKill = 9   // acts for one kill of a worker
)

// person runs refundctl as an operator: one who knows neither what workers do
// at the moment nor what is wise. Of money it says only what the book shows.
type person struct {
	*Stack

	t           *testing.T
	dice        *rand.Rand
	published   []jobs.Job
	deadLetters map[string]jobs.Job // by refund id
	letters     []letter
	unresolved  []string       // at the last look
	did         map[string]int // acts that ended with status 0
	ran         int
}

// letter is what `dead list` tells of a dead letter.
type letter struct {
	Sequence uint64 `json:"sequence"`
	RefundID string `json:"refund_id"`
}

// An act is the arguments of one call; none: there is nothing to do it to. What
// the call says goes to heard, if it ended with status 0.
type act struct {
	name  string
	args  func(context.Context, *person) []string
	heard func(o *person, args []string, said string)
}

var acts = []act{
	{"cancel", func(_ context.Context, o *person) []string {
		j := o.any()
		if o.dice.IntN(2) == 0 { // with the channel, one can be cancelled that no worker has seen
			return []string{"cancel", j.RefundID, "--channel", string(j.Channel), "--because", "at random"}
		}
		return []string{"cancel", j.RefundID}
	}, nil},
	{"retry", func(_ context.Context, o *person) []string { return []string{"retry", o.any().RefundID} }, nil},
	{"inquire", func(_ context.Context, o *person) []string {
		return []string{"inquire", o.published[o.dice.IntN(len(o.published))].RefundID}
	}, nil},
	{"pause", func(_ context.Context, o *person) []string {
		if o.dice.IntN(2) == 0 {
			return []string{"pause", o.family(), "--for", "1s"}
		}
		return []string{"pause", o.family()}
	}, nil},
	{"resume", func(_ context.Context, o *person) []string { return []string{"resume", o.family()} }, nil},
	{"sweep", func(context.Context, *person) []string { return []string{"sweep", "--settle", "100ms"} }, nil},
	{"unresolved", func(context.Context, *person) []string { return []string{"unresolved", "list", "--output", "json"} }, (*person).hearUnresolved},
	{"resolve", func(ctx context.Context, o *person) []string {
		if len(o.unresolved) == 0 {
			return nil
		}
		return o.verdict(ctx, o.unresolved[o.dice.IntN(len(o.unresolved))])
	}, nil},
	{"letters", func(context.Context, *person) []string { return []string{"dead", "list", "--output", "json"} }, (*person).hearLetters},
	{"replay", func(_ context.Context, o *person) []string { return o.replay() }, (*person).hearReplay},
}

// TestMoneyMovesOnceWhateverAnOperatorDoesInAStorm: two workers of which one or
// the other is killed now and then, a DOKU that fails, and refundctl at random.
func TestMoneyMovesOnceWhateverAnOperatorDoesInAStorm(t *testing.T) {
	t.Parallel()
	long.Only(t, "chaos-short")
	seed := number(t, "CHAOS_SEED", stormSeed)
	ctx, s := setup(t, Config{
		AckWait: 2 * time.Second, Dead: first,
		Simulator: []string{"--delay", "30ms", "--fault-rate", "0.15", "--seed", strconv.Itoa(seed)},
	})
	o := &person{
		Stack: s, t: t, dice: rand.New(rand.NewPCG(uint64(seed), 2)), deadLetters: map[string]jobs.Job{}, did: map[string]int{},
	}
	settings := map[string]string{"RETRY_DEADLINE": "60s"}
	workers := []*Process{s.worker(ctx, t, settings), s.worker(ctx, t, settings)}
	o.publish(ctx)
	began, kills, done := time.Now(), 0, 0
	for range rounds {
		for _, i := range o.dice.Perm(len(acts)) {
			var kill func()
			if done++; done%actsKill == 0 {
				n := o.dice.IntN(len(workers))
				kill = func() { workers[n].Kill(); workers[n] = s.launch(t, settings); kills++ }
			}
			o.act(ctx, acts[i], kill)
			pass(ctx, time.Duration(o.dice.IntN(120))*time.Millisecond)
		}
	}
	stormed := time.Since(began)
	o.settle(ctx)
	a := s.audit(ctx, t, o.published)

	counts := map[refund.State]int{}
	for _, r := range a.Refunds {
		counts[r.Status()]++
	}
	t.Logf("CHAOS_SEED=%d: %s of storm, %d kills, %d calls of refundctl, done %v; %d refunds: %v",
		seed, stormed.Round(time.Second), kills, o.ran, o.did, len(o.published), counts)
	// Which refund each meets is chance: on a busy machine the storm is over
	// before every one has met its kind.
	if len(o.did) <= len(acts)/2 {
		t.Errorf("only %v of %d actions did anything", o.did, len(acts))
	}
	if kills == 0 || counts[refund.Unresolved] > 0 || counts[refund.Succeeded] < operated/2 {
		t.Errorf("%d kills, refunds %v: want some, none unresolved, and most succeeded", kills, counts)
	}
}

// publish publishes all jobs, half of them for later, and buries some.
func (o *person) publish(ctx context.Context) {
	o.t.Helper()
	now := time.Now()
	for n := 1; n <= operated; n++ {
		j := card(n)
		if n%4 == 0 {
			j = mandiri(n)
		}
		switch {
		case n%doomed == 7 || n%doomed == 8: // one of each family
			j.Deadline = now.Add(8 * time.Second).UTC()
			kind := []string{"error_before", "error_after"}[n/doomed%2]
			for _, operation := range []string{"refund", "inquiry"} {
				must(o.t, o.DOKU.Fault(ctx, fmt.Sprintf(`{"match":{"operation":%q,"invoice":%q},"faults":[{"kind":%q,"count":-1}]}`,
					operation, j.InvoiceNumber, kind)))
			}
		case n > first && o.dice.IntN(2) == 0:
			j.NotBefore = now.Add(time.Second + time.Duration(o.dice.IntN(9000))*time.Millisecond).UTC()
		}
		o.published = append(o.published, j)
	}
	must(o.t, o.Publish(ctx, o.published[:first]...))
	must(o.t, o.WaitEnded(ctx, first))
	for _, j := range o.published[:first] {
		j.InvoiceNumber = "B" + j.InvoiceNumber
		o.deadLetters[j.RefundID] = j
		must(o.t, o.Publish(ctx, j))
	}
	must(o.t, o.Publish(ctx, o.published[first:]...))
}

// any is a job; mostly one whose time has not come, as long as there are any.
func (o *person) any() jobs.Job {
	from := o.published
	if o.dice.IntN(4) > 0 {
		from = slices.DeleteFunc(slices.Clone(from), func(j jobs.Job) bool { return time.Until(j.NotBefore) <= 0 })
	}
	if len(from) == 0 {
		from = o.published
	}
	return from[o.dice.IntN(len(from))]
}

// family is one of the two channels.
func (o *person) family() string {
	return string([]channel.Channel{channel.CreditCard, channel.DirectDebitMandiri}[o.dice.IntN(2)])
}

// act does one; meanwhile happens while the program runs.
func (o *person) act(ctx context.Context, a act, meanwhile func()) {
	o.t.Helper()
	args := a.args(ctx, o)
	if len(args) == 0 {
		return
	}
	said, status := o.run(ctx, args, meanwhile)
	if status != 0 {
		return
	}
	o.did[a.name]++
	if a.heard != nil {
		a.heard(o, args, said)
	}
}

// run runs refundctl, and holds it to what holds for every call: it does what
// was asked or says why not, and tells no secret.
func (o *person) run(ctx context.Context, args []string, meanwhile func()) (said string, status int) {
	o.t.Helper()
	p, err := programs.start("refundctl", o.t.TempDir(), args, o.Settings(map[string]string{"REFUNDCTL_OPERATOR": "night-watch"}))
	must(o.t, err)
	defer p.Kill()
	if meanwhile != nil {
		meanwhile()
	}
	status, err = p.Wait(ctx)
	must(o.t, err)
	o.ran++
	complaint := p.Stderr()
	if status != 0 && status != 1 || strings.Contains(complaint, "panic:") {
		o.t.Errorf("refundctl %v: exit status %d, %s", args, status, complaint)
	}
	if status == 1 && complaint == "" && p.Stdout() == "" {
		o.t.Errorf("refundctl %v: exit status 1, and not a word why", args)
	}
	secrets := []string{o.DOKU.Settings["DOKU_SECRET_KEY"], mandiri(1).Customer.AccessToken.Reveal()}
	for _, v := range check.Secrets(fmt.Sprintf("refundctl %v", args), []byte(p.Stdout()+complaint), secrets...) {
		o.t.Error(v)
	}
	return p.Stdout(), status
}

func (o *person) hearUnresolved(_ []string, said string) {
	var page struct {
		Refunds []struct {
			RefundID string `json:"refund_id"`
		} `json:"refunds"`
	}
	must(o.t, json.Unmarshal([]byte(said), &page))
	o.unresolved = nil
	for _, r := range page.Refunds {
		o.unresolved = append(o.unresolved, r.RefundID)
	}
}

// verdict is a word about a refund that the book bears out; none as long as the
// book itself does not know.
func (o *person) verdict(ctx context.Context, id string) []string {
	o.t.Helper()
	i := slices.IndexFunc(o.published, func(j jobs.Job) bool { return j.RefundID == id })
	if i < 0 {
		o.t.Fatalf("%s is unresolved, and nobody published it", id)
	}
	j := o.published[i]
	book, err := o.DOKU.Book(ctx)
	must(o.t, err)
	for _, r := range book.Refunds {
		if r.Channel == string(j.Channel) && r.Invoice == j.InvoiceNumber && r.State == dokusim.Pending {
			return nil
		}
	}
	word := "--failed"
	if len(book.MovedFor(string(j.Channel), j.InvoiceNumber)) > 0 {
		word = "--succeeded"
	}
	return []string{"resolve", id, word, "--because", "the book says so"}
}

// hearLetters keeps every dead letter: it is replayed again and again.
func (o *person) hearLetters(_ []string, said string) {
	var report struct {
		Letters []letter `json:"letters"`
	}
	must(o.t, json.Unmarshal([]byte(said), &report))
	for _, l := range report.Letters {
		if !slices.Contains(o.letters, l) {
			o.letters = append(o.letters, l)
		}
	}
}

// replay makes a refund of its own of a letter, or tries to do so under the id
// that belongs to another.
func (o *person) replay() []string {
	if len(o.letters) == 0 {
		return nil
	}
	l := o.letters[o.dice.IntN(len(o.letters))]
	args := []string{"dead", "replay", strconv.FormatUint(l.Sequence, 10), "--because", "at random"}
	if o.dice.IntN(4) == 0 {
		return args
	}
	return append(args, "--set", "refund_id=again-"+l.RefundID)
}

// hearReplay knows of a job more.
func (o *person) hearReplay(args []string, _ string) {
	id, fresh := strings.CutPrefix(args[len(args)-1], "refund_id=again-")
	if !fresh {
		o.t.Errorf("refundctl %v: another refund's id was given to other content", args)
		return
	}
	j := o.deadLetters[id]
	j.RefundID = "again-" + id
	if !slices.ContainsFunc(o.published, func(p jobs.Job) bool { return p.RefundID == j.RefundID }) {
		o.published = append(o.published, j)
	}
}

// settle ends the storm and sees to it that everything ends: what nobody can
// learn, by the operator's word.
func (o *person) settle(ctx context.Context) {
	o.t.Helper()
	must(o.t, o.DOKU.EndFaults(ctx))
	for _, ch := range []channel.Channel{channel.CreditCard, channel.DirectDebitMandiri} {
		if _, status := o.run(ctx, []string{"resume", string(ch)}, nil); status != 0 {
			o.t.Errorf("%s is not resumed", ch)
		}
	}
	must(o.t, o.WaitEnded(ctx, len(o.published)))
	look := acts[slices.IndexFunc(acts, func(a act) bool { return a.name == "unresolved" })]
	for ctx.Err() == nil {
		o.act(ctx, look, nil)
		if len(o.unresolved) == 0 {
			return
		}
		for _, id := range o.unresolved {
			o.act(ctx, act{name: "resolve", args: func(ctx context.Context, o *person) []string {
				if args := o.verdict(ctx, id); args != nil {
					return args
				}
				return []string{"inquire", id} // DOKU is still at it
			}}, nil)
		}
	}
}
