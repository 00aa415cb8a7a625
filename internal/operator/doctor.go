package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// The levels of a [Finding].
const (
	LevelOK      = "ok"
	LevelWarning = "warning" // weakens a promise, or could not be looked at
	LevelProblem = "problem" // breaks a rule
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	Level string `json:"level"`
	Check string `json:"check"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// Gateway is DOKU as the doctor sees it.
type Gateway interface {
	Inquirer
	Prepare(ctx context.Context, ch channel.Channel) error
}

// Checkup says what the doctor looks at besides the streams.
type Checkup struct {
	BaseURL string  // of DOKU; empty: its clock is not looked at
	Gateway Gateway // nil: credentials are not tried
	HTTP    *http.Client
	Monitor string // URL of the server's monitoring port; empty: not looked at
	SNAP    bool   // the merchant has an RSA key
	Unknown string // an id that no refund has, for inquiries
}

// Examine looks at everything and alters nothing. What cannot be looked at is a
// finding as well.
func (o Operator) Examine(ctx context.Context, c Checkup) []Finding {
	ctx, cancel := eachRequestBounded(ctx)
	defer cancel()
	found := o.answers(ctx)
	if len(found) == 0 {
		found = together(ctx, o.streams, o.replicas, one(o.owner), one(o.storage), one(o.clock), o.room)
	}
	// By itself: it reads the connection's last error.
	found = append(found, o.permissions(ctx)...)
	found = append(found, o.workers(ctx)...)
	if c.Monitor != "" {
		found = append(found, c.monitored(ctx)...)
	}
	if c.BaseURL != "" {
		found = append(found, c.clock(ctx, o.cfg.Now))
	}
	if c.Gateway != nil {
		found = append(found, c.credentials(ctx)...)
	}
	return found
}

// eachRequestBounded returns ctx without its deadline. nats.go bounds a request
// only where the context has none, by five seconds: so a cluster without a quorum
// costs a check one of those, and a slow link has them for every request.
func eachRequestBounded(ctx context.Context) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	return bounded, func() { detach(); cancel() }
}

type check = func(context.Context) []Finding

func one(do func(context.Context) Finding) check {
	return func(ctx context.Context) []Finding { return []Finding{do(ctx)} }
}

// together makes all checks at once, and returns their findings in order.
func together(ctx context.Context, checks ...check) []Finding {
	findings := make([][]Finding, len(checks))
	var group sync.WaitGroup
	for i, do := range checks {
		group.Go(func() { findings[i] = do(ctx) })
	}
	group.Wait()
	return slices.Concat(findings...)
}

// streams compares server, streams and consumers with the contract.
func (o Operator) streams(ctx context.Context) []Finding {
	const name = "streams"
	report, err := stream.Check(ctx, o.cfg.JS, channel.All())
	if err != nil {
		text, do := o.why(err)
		return []Finding{{LevelProblem, name, text, do}}
	}
	var found []Finding
	for _, text := range report.Problems {
		do := "an administrator of the server has to change it; no worker starts until then"
		if strings.HasPrefix(text, "missing") {
			do = "run `refundctl setup` as the user setup"
		}
		found = append(found, Finding{LevelProblem, name, text, do})
	}
	for _, text := range report.Warnings {
		found = append(found, Finding{LevelWarning, name, text, "leave it if it is meant; see docs/runbook.md"})
	}
	if len(report.Problems) == 0 {
		found = append(found, Finding{LevelOK, name, "server, four streams and sixteen consumers are as the contract has them", ""})
	}
	return append(found, heartbeats(report)...)
}

// shortAckWait is what leaves no room for one late heartbeat: a worker sends
// one every third of it.
const shortAckWait = 9 * time.Second

func heartbeats(report stream.Report) []Finding {
	var short []string
	for consumer, limits := range report.Consumers {
		if limits.AckWait < shortAckWait {
			short = append(short, fmt.Sprintf("%s has %s", consumer, limits.AckWait))
		}
	}
	if len(short) == 0 {
		return []Finding{{LevelOK, "heartbeats", "three fit into every AckWait with seconds to spare", ""}}
	}
	slices.Sort(short)
	return []Finding{{
		LevelWarning, "heartbeats", "AckWait is short: " + strings.Join(short, ", "),
		"a worker that stalls for a moment sees its messages delivered again; the contract's AckWait is 30s",
	}}
}

func (o Operator) owner(ctx context.Context) Finding {
	const name = "ledger"
	err := o.cfg.Ledger.Verify(ctx)
	if err == nil {
		err = o.named(ctx)
	}
	if err != nil && !errors.Is(err, ledger.ErrForeign) {
		text, do := o.why(err)
		return Finding{LevelProblem, name, text, do}
	}
	if err != nil {
		return Finding{LevelProblem, name, err.Error(), "one set of streams per merchant and environment: check DOKU_CLIENT_ID, DOKU_ENV and the NATS account"}
	}
	text := "empty: anybody's"
	if o.cfg.ClientID != "" {
		text = fmt.Sprintf("of %s in %s", o.cfg.ClientID, o.cfg.Environment)
	}
	return Finding{LevelOK, name, text, ""}
}

// named compares whom the ledger's metadata names with this program, as a worker
// does before its first job.
func (o Operator) named(ctx context.Context) error {
	ours := stream.Owner{ClientID: o.cfg.ClientID, Environment: o.cfg.Environment}
	named, err := stream.NamedOwner(ctx, o.cfg.JS)
	if err != nil || named.IsZero() || ours.IsZero() || named == ours {
		return err
	}
	return fmt.Errorf("%w: stream %s belongs to %s, this program is %s", ledger.ErrForeign, stream.Refunds, named, ours)
}

func (o Operator) storage(ctx context.Context) Finding {
	const name = "storage"
	info, err := o.cfg.JS.AccountInfo(ctx)
	if err != nil {
		text, do := o.why(err)
		return Finding{LevelWarning, name, text, do}
	}
	used := fmt.Sprintf("%d MiB used", info.Store>>20)
	if info.Limits.MaxStore <= 0 {
		return Finding{LevelOK, name, used + "; the account sets no limit, the disk does", ""}
	}
	text := fmt.Sprintf("%s of %d", used, info.Limits.MaxStore>>20)
	do := "make room: `refundctl export`, then a new stream with an age, or a larger account"
	switch percent := info.Store * 100 / uint64(info.Limits.MaxStore); {
	case percent >= 95:
		return Finding{LevelProblem, name, text, do + "; where nothing can be stored, nothing is sent"}
	case percent >= 80:
		return Finding{LevelWarning, name, text, do}
	}
	return Finding{LevelOK, name, text, ""}
}

// Clocks. A worker refuses to work from ten seconds on.
const (
	clockOff  = 10 * time.Second
	clockNear = 2 * time.Second
)

func checkClock(name, whose string, ahead time.Duration) Finding {
	text := fmt.Sprintf("%s clock is %s ahead of this machine's", whose, ahead.Round(time.Millisecond))
	do := "set the clocks by NTP: requests are signed with the time, and days begin by it"
	switch {
	case ahead.Abs() > clockOff:
		return Finding{LevelProblem, name, text, do}
	case ahead.Abs() > clockNear:
		return Finding{LevelWarning, name, text, do}
	}
	return Finding{LevelOK, name, whose + " clock agrees with this machine's", ""}
}

func (o Operator) clock(ctx context.Context) Finding {
	ahead, _, err := o.cfg.Ledger.ClockOffset(ctx)
	if err != nil {
		text, do := o.why(err)
		return Finding{LevelProblem, "clock of NATS", text, do}
	}
	return checkClock("clock of NATS", "NATS's", ahead)
}

// clock asks for DOKU's front page; its Date has whole seconds.
func (c Checkup) clock(ctx context.Context, now func() time.Time) Finding {
	const name = "clock of DOKU"
	res, err := c.get(ctx, http.MethodHead, c.BaseURL)
	if err != nil {
		return Finding{LevelProblem, name, err.Error(), "can this machine reach DOKU? Mind proxies and egress rules"}
	}
	defer func() { _ = res.Body.Close() }()
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return Finding{LevelWarning, name, "its answer has no date", ""}
	}
	ahead := date.Sub(now())
	if ahead < 0 && ahead > -time.Second { // cut to the second
		ahead = 0
	}
	return checkClock(name, "DOKU's", ahead)
}

func (c Checkup) get(ctx context.Context, method, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	return c.HTTP.Do(req)
}

// monitored reads what only the monitoring port tells.
func (c Checkup) monitored(ctx context.Context) []Finding {
	const name = "monitor"
	res, err := c.get(ctx, http.MethodGet, strings.TrimSuffix(c.Monitor, "/")+"/jsz?config=true")
	if err != nil {
		return []Finding{{LevelWarning, name, err.Error(), "give the server's monitoring port: --monitor http://HOST:8222"}}
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Config serverConfig `json:"config"`
		Meta   *meta        `json:"meta_cluster"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 8<<20)).Decode(&answer); err != nil {
		return []Finding{{LevelWarning, name, "the answer is not JSON: " + err.Error(), "is that the monitoring port of a nats-server?"}}
	}
	return append(answer.Meta.finding(), answer.Config.sync())
}

type serverConfig struct {
	SyncAlways   bool          `json:"sync_always"`
	SyncInterval time.Duration `json:"sync_interval"`
}

func (c serverConfig) sync() Finding {
	const name = "sync_interval"
	if c.SyncAlways {
		return Finding{LevelOK, name, "always: an acknowledged write survives a power cut", ""}
	}
	return Finding{
		LevelWarning, name, fmt.Sprintf("every %s: a power cut may lose what was acknowledged since", c.SyncInterval),
		"set `sync_interval: always` in the server's jetstream block: the ledger is the memory of what was paid",
	}
}

// credentials tries a token and a signed inquiry about nothing: neither moves
// money.
func (c Checkup) credentials(ctx context.Context) []Finding {
	found := []Finding{c.inquiry(ctx, "card credentials", doku.Order{
		Channel: channel.CreditCard, InvoiceNumber: "REFUNDCTL-DOCTOR", OriginalRequestID: c.Unknown, RequestID: c.Unknown, Amount: 1,
	})}
	if !c.SNAP {
		return append(found, Finding{LevelWarning, "token", "no RSA key given: cards only", "set DOKU_PRIVATE_KEY_FILE for the other seven channels"})
	}
	if err := c.Gateway.Prepare(ctx, channel.EmoneyOVO); err != nil {
		return append(found, Finding{LevelProblem, "token", err.Error(), "is the RSA key the one whose public half DOKU has for this client id and environment? Is the clock right?"})
	}
	found = append(found, Finding{LevelOK, "token", "DOKU gave a B2B token", ""})
	return append(found, c.inquiry(ctx, "SNAP credentials", doku.Order{
		Channel: channel.EmoneyOVO, InvoiceNumber: "REFUNDCTL-DOCTOR", PartnerRefundNo: c.Unknown, Amount: 1,
	}))
}

func (c Checkup) inquiry(ctx context.Context, name string, about doku.Order) Finding {
	answer := c.Gateway.Inquire(ctx, about)
	switch {
	case answer.Finding == refund.NotFound:
		return Finding{LevelOK, name, "a signed inquiry was answered: it knows no such refund", ""}
	case answer.Cause == doku.Credentials:
		return Finding{LevelProblem, name, "refused: " + answer.Problem, "client id or secret key of this environment is wrong, or was replaced"}
	}
	return Finding{LevelWarning, name, fmt.Sprintf("no clear answer: %s (%s)", answer.Finding, answer.Problem), "try again; where it stays, ask DOKU whether its status service is up"}
}

// probe is a harmless request that needs one permission of an operator's: a
// publish for a stream that is not there, or a question about nothing.
type probe struct{ subject, body string }

func (o Operator) probes() []probe {
	list := []probe{
		{"$JS.API.STREAM.MSG.GET." + stream.Jobs, `{"seq":1}`},
		{"$JS.API.STREAM.MSG.GET." + stream.Waits, `{"seq":1}`},
		{"$JS.API.STREAM.MSG.GET." + stream.Refunds, `{"seq":1}`},
		{"$JS.API.STREAM.MSG.GET." + stream.Dead, `{"seq":1}`},
		{"$JS.API.CONSUMER.MSG.NEXT." + stream.Refunds + ".refundctl_doctor", `{"no_wait":true}`},
		{"$JS.API.CONSUMER.PAUSE." + stream.Jobs + ".refundctl_doctor", `{}`},
		{"$JS.API.CONSUMER.PAUSE." + stream.Waits + ".refundctl_doctor", `{}`},
		{"$JS.API.STREAM.MSG.DELETE." + stream.Dead, `{"seq":9007199254740991}`},
	}
	const ch, id = channel.CreditCard, "refundctl-doctor"
	for _, subject := range []string{
		jobs.JobSubject(ch), jobs.DueSubject(ch), jobs.RetrySubject(ch, id), jobs.DeadSubject(ch),
		jobs.LedgerSubject(ch, refund.Waiting, id), jobs.ResultSubject(ch, refund.Rejected, id),
	} {
		list = append(list, probe{subject: subject})
	}
	return list
}

// probing is how long the probes may take, all together.
const probing = 10 * time.Second

// permissions tries what an operator needs. The server answers a denial before
// the pong that the flush waits for.
func (o Operator) permissions(ctx context.Context) []Finding {
	const name = "permissions"
	nc := o.cfg.JS.Conn()
	ctx, cancel := context.WithTimeout(ctx, probing)
	defer cancel()
	var denied []string
	for _, p := range o.probes() {
		msg := &nats.Msg{Subject: p.subject, Reply: nc.NewInbox(), Data: []byte(p.body)}
		if p.body == "" { // refused by whatever stream listens
			msg.Header = nats.Header{"Nats-Expected-Stream": {"REFUNDCTL_DOCTOR"}}
		}
		err := errors.Join(nc.PublishMsg(msg), nc.FlushWithContext(ctx))
		if last := nc.LastError(); err == nil && last != nil && strings.Contains(last.Error(), `"`+p.subject+`"`) {
			denied = append(denied, p.subject)
		} else if err != nil {
			return []Finding{{LevelProblem, name, err.Error(), "is NATS there?"}}
		}
	}
	if len(denied) == 0 {
		return []Finding{{LevelOK, name, "this user may do everything that an operator does", ""}}
	}
	return []Finding{{
		LevelProblem, name, "denied: " + strings.Join(denied, ", "),
		"log in as the user operator (deploy/nats.conf), and set NATS_INBOX_PREFIX to its own",
	}}
}
