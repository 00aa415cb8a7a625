package dokusim

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

var cardFaultBody = cardBodyText("INV-1", "o-1", 90000)

// faultCase says what one kind does to a card refund.
type faultCase struct {
	fault     Fault
	status    int // 0: no whole answer
	code      string
	movements int
	signed    bool
}

func TestEveryFaultDoesWhatItsNameSays(t *testing.T) {
	t.Parallel()
	cases := map[Kind]faultCase{
		BadSignature:    {Fault{}, 200, "", 1, false},
		ByteOrderMark:   {Fault{}, 200, "", 1, true},
		Edit:            {Fault{Set: map[string]jsontext.Value{"/error": jsontext.Value(`{"code":"x"}`)}}, 200, "x", 1, true},
		ExtraAnswer:     {Fault{}, 200, "", 1, true},
		ExtraAnswerLate: {Fault{}, 200, "", 1, true},
		Gzip:            {Fault{}, 200, "", 1, false},
		GzipSigned:      {Fault{}, 200, "", 1, true},
		JavaAmounts:     {Fault{}, 200, "", 1, true},
		Latin1:          {Fault{}, 200, "", 1, true},
		NoDigestLine:    {Fault{}, 200, "", 1, false},
		NumbersAsText:   {Fault{}, 200, "", 1, true},
		PaddingRemoved:  {Fault{}, 200, "", 1, false},
		Refuse:          {Fault{Code: "invalid_client_id"}, 400, "invalid_client_id", 0, false},
		RefuseAfter:     {Fault{Code: "payment_timeout", Status: 408}, 408, "payment_timeout", 1, false},
		TextAsNumbers:   {Fault{}, 200, "", 1, true},
		Delay:           {Fault{Delay: time.Millisecond}, 200, "", 1, true},
		DelayAfter:      {Fault{Delay: time.Millisecond}, 200, "", 1, true},
		ErrorAfter:      {Fault{}, 500, "", 1, false},
		ErrorBefore:     {Fault{Status: 503}, 503, "", 0, false},
		HTMLAfter:       {Fault{}, 200, "", 1, false},
		HTMLBefore:      {Fault{}, 200, "", 0, false},
		Hold:            {Fault{}, 200, "", 1, true},
		HoldBefore:      {Fault{}, 200, "", 1, true},
		InProgress:      {Fault{Delay: time.Hour}, 202, "", 0, true},
		NoSignature:     {Fault{}, 200, "", 1, false},
		Redirect:        {Fault{}, 307, "", 0, false},
		ResetAfter:      {Fault{}, 0, "", 1, false},
		ResetBefore:     {Fault{}, 0, "", 0, false},
		Respond:         {Fault{Status: 503, Body: `{"error":{"code":"MAINTENANCE_MODE"}}`}, 503, "MAINTENANCE_MODE", 0, false},
		RespondAfter:    {Fault{Status: 401, Body: `{"error":{"code":"x"}}`}, 401, "x", 1, false},
		TooMany:         {Fault{RetryAfter: 1500 * time.Millisecond}, 429, "TOO_MANY_REQUESTS", 0, false},
		Truncated:       {Fault{}, 0, "", 1, false},
	}
	if len(cases) != len(Kinds()) {
		t.Fatalf("%d kinds, %d cases", len(Kinds()), len(cases))
	}
	for kind, c := range cases {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c.fault.Kind = kind
			c.check(t)
		})
	}
}

func (c faultCase) check(t *testing.T) {
	t.Helper()
	m := setup(t)
	m.script(Match{Invoice: "INV-1"}, c.fault)
	releaser := make(chan struct{})
	go func() { // answers that are held wait for it; others leave it waiting
		defer close(releaser)
		if _, err := m.sim.WaitHeld(t.Context(), Match{}); err == nil {
			m.sim.Release(Match{})
		}
	}()
	r := m.card("r-1", cardFaultBody)
	if (c.status == 0) != (r.err != nil) || (r.err == nil && (r.status != c.status || r.code() != c.code)) {
		t.Fatalf("got %d %s %v", r.status, r.body, r.err)
	}
	m.moved(c.movements, int64(c.movements)*90000)
	if r.err == nil && m.signedByDOKU(r, cardPath) != c.signed {
		t.Errorf("signature %q of %s", r.header.Get("Signature"), r.body)
	}
	if seen := m.sim.Requests(); len(seen) != 1 || seen[0].Fault != c.fault.Kind || len(m.sim.Rules()) != 0 {
		t.Errorf("requests %+v, rules left %+v", seen, m.sim.Rules())
	}
	if c.fault.Kind == TooMany && r.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
	again := m.card("r-1", cardFaultBody)
	switch {
	case c.fault.Kind == ExtraAnswerLate:
		if again.body != r.body || again.status != http.StatusOK {
			t.Errorf("the repeat got its own answer: %d %s", again.status, again.body)
		}
	case c.movements == 1 && again.status != http.StatusConflict,
		c.movements == 0 && c.fault.Kind != InProgress && again.status != http.StatusOK:
		t.Errorf("the repeat got %d %s", again.status, again.body)
	}
}

func TestSNAPFaultsAnswerInSNAPsShape(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: ErrorBefore}, Fault{Kind: TooMany}, Fault{Kind: ErrorAfter, Status: 504}, Fault{Kind: HTMLBefore})
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	m.want(m.snap("1", body), http.StatusInternalServerError, "5000700")
	m.want(m.snap("1", body), http.StatusTooManyRequests, "4290700")
	m.moved(0, 0)
	m.want(m.snap("1", body), http.StatusGatewayTimeout, "5040700")
	m.moved(1, 10000)
	if r := m.snap("2", body); !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(r.body, "<!doctype") {
		t.Errorf("got %s", r.body)
	}
	m.want(m.snap("1", body), http.StatusConflict, "4090700")
}

func TestAHeldAnswerIsCommittedBeforeItIsReleased(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{Key: "r-1"}, Fault{Kind: Hold})
	answered := make(chan reply, 1)
	go func() { answered <- m.card("r-1", cardFaultBody) }()
	held, err := m.sim.WaitHeld(t.Context(), Match{Key: "r-1"})
	if err != nil || len(held) != 1 || !held[0].Committed {
		t.Fatalf("held %+v, %v", held, err)
	}
	m.moved(1, 90000)
	select {
	case r := <-answered:
		t.Fatalf("answered while held: %+v", r)
	default:
	}
	if n := m.sim.Release(Match{Key: "r-2"}); n != 0 {
		t.Errorf("released %d of another key", n)
	}
	if n := m.sim.Release(Match{Key: "r-1"}); n != 1 {
		t.Errorf("released %d", n)
	}
	m.want(<-answered, http.StatusOK, "")
}

func TestAHeldAnswerDiesWithItsClient(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: Hold})
	ctx, hangUp := context.WithCancel(t.Context())
	answered := make(chan reply, 1)
	go func() { answered <- m.cardIn(ctx, "r-1", cardFaultBody) }()
	if _, err := m.sim.WaitHeld(t.Context(), Match{}); err != nil {
		t.Fatal(err)
	}
	hangUp()
	<-answered
	for len(m.held()) > 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("still held")
		}
	}
	m.moved(1, 90000)
}

func (m *merchant) held() []Held {
	held, _ := m.sim.held.find(Match{})
	return held
}

func TestAHeldRequestRunsThoughItsClientIsGone(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: HoldBefore})
	ctx, hangUp := context.WithCancel(t.Context())
	answered := make(chan reply, 1)
	go func() { answered <- m.cardIn(ctx, "r-1", cardFaultBody) }()
	if _, err := m.sim.WaitHeld(t.Context(), Match{}); err != nil {
		t.Fatal(err)
	}
	hangUp()
	<-answered
	m.moved(0, 0)
	if n := m.sim.Release(Match{}); n != 1 {
		t.Fatalf("released %d", n)
	}
	for m.sim.Book().Total.Movements == 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("never ran")
		}
	}
	m.moved(1, 90000)
}

func TestWaitHeldEndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := setup(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := m.sim.WaitHeld(ctx, Match{}); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestARefundInProgressEndsLater(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{Channel: CreditCard}, Fault{Kind: InProgress, Looks: 1, Delay: time.Minute})
	m.script(Match{Channel: DirectDebitMandiri}, Fault{Kind: InProgress, Looks: 1}, Fault{Kind: InProgress, Fails: true, Delay: time.Hour})
	first := m.card("r-1", cardFaultBody)
	if first.status != http.StatusAccepted || !strings.Contains(first.body, `"status":"PENDING"`) {
		t.Fatalf("got %d %s", first.status, first.body)
	}
	m.want(m.card("r-1", cardFaultBody), http.StatusConflict, "idempotent_request")
	if r := m.cardInquiry("r-1"); !strings.Contains(r.body, `"transaction":{"status":"PENDING"`) {
		t.Errorf("got %s", r.body)
	}
	m.moved(0, 0)
	m.clock.advance(time.Minute)
	if r := m.cardInquiry("r-1"); !strings.Contains(r.body, `"transaction":{"status":"REFUNDED"`) {
		t.Errorf("got %s", r.body)
	}
	if r := m.card("r-1", cardFaultBody); r.status != http.StatusConflict || !strings.Contains(r.body, `"status":"SUCCESS"`) {
		t.Errorf("got %d %s", r.status, r.body)
	}
	m.moved(1, 90000)

	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusAccepted, "2020700")
	m.want(m.snap("2", snapBodyText(mandiri, "INV-0001", "REF-0002", 10000)), http.StatusAccepted, "2020700")
	m.want(m.snap("3", snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)), http.StatusConflict, "4090701")
	if r := m.snapInquiry(mandiri, "INV-0001"); strings.Count(r.body, `"refundStatus":"03"`) != 2 {
		t.Errorf("got %s", r.body)
	}
	m.moved(2, 100000)
	m.clock.advance(time.Hour)
	m.token = ""
	r := m.snapInquiry(mandiri, "INV-0001")
	if strings.Count(r.body, `"refundStatus":"00"`) != 1 || strings.Count(r.body, `"refundStatus":"06"`) != 1 {
		t.Errorf("got %s", r.body)
	}
	m.moved(2, 100000)
}

func TestMoneyInProgressIsReserved(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.pay(Payment{Channel: CreditCard, Invoice: "INV-1", Amount: 100})
	m.pay(Payment{Channel: DirectDebitMandiri, Invoice: "INV-0001", Amount: 100})
	m.script(Match{}, Fault{Kind: InProgress, Delay: time.Hour, Fails: true}, Fault{Kind: InProgress, Delay: time.Hour, Fails: true})
	m.want(m.card("r-1", cardBodyText("INV-1", "o-1", 60)), http.StatusAccepted, "")
	m.want(m.snap("1", snapBodyText(mandiri, "INV-0001", "REF-0001", 100)), http.StatusAccepted, "2020700")
	m.want(m.card("r-2", cardBodyText("INV-1", "o-1", 60)), http.StatusOK, "PAYMENT_FAILED")
	if r := m.snapInquiry(mandiri, "INV-0001"); !strings.Contains(r.body, `"latestTransactionStatus":"00"`) {
		t.Errorf("refunded while in progress: %s", r.body)
	}
	m.clock.advance(time.Hour) // both fail: the money is free again
	m.want(m.card("r-3", cardBodyText("INV-1", "o-1", 60)), http.StatusOK, "")
	m.moved(1, 60)
}

func TestAResetIsOneOnTheWire(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: ResetBefore})
	if r := m.card("r-1", cardFaultBody); !errors.Is(r.err, syscall.ECONNRESET) {
		t.Errorf("got %v", r.err)
	}
}

func TestARememberedRefusalUsesUpItsID(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{}, Fault{Kind: TooMany, Remember: true, Count: 2})
	m.want(m.card("r-1", cardFaultBody), http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
	body := snapBodyText(mandiri, "INV-0001", "REF-0001", 10000)
	m.want(m.snap("1", body), http.StatusTooManyRequests, "4290700")
	m.want(m.card("r-1", cardFaultBody), http.StatusConflict, "TOO_MANY_REQUESTS")
	m.want(m.snap("1", body), http.StatusConflict, "4090700")
	m.want(m.snap("2", body), http.StatusOK, "2000700")
}

func TestRulesMeetWhatTheyMatch(t *testing.T) {
	t.Parallel()
	q := Request{Operation: OpInquiry, Channel: EmoneyOVO, Invoice: "i", Key: "k", ID: "1"}
	for name, c := range map[string]struct {
		match Match
		fits  bool
	}{
		"anything":          {Match{}, true},
		"any operation":     {Match{Operation: OpAny, Channel: EmoneyOVO}, true},
		"all":               {Match{OpInquiry, EmoneyOVO, "i", "k", "1"}, true},
		"another operation": {Match{Operation: OpRefund}, false},
		"another channel":   {Match{Channel: CreditCard}, false},
		"another invoice":   {Match{Invoice: "j"}, false},
		"another key":       {Match{Key: "l"}, false},
		"another id":        {Match{ID: "2"}, false},
	} {
		if c.match.fits(q) != c.fits {
			t.Errorf("%s: want %v", name, c.fits)
		}
	}
}

func TestFaultsComeInOrderAndAsOftenAsTheyCount(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.script(Match{Invoice: "INV-1"}, Fault{Kind: ErrorBefore, Status: 500, Count: 2}, Fault{Kind: ErrorBefore, Status: 502})
	m.script(Match{}, Fault{Kind: ErrorBefore, Status: 503, Count: -1})
	m.want(m.card("r-9", cardBodyText("INV-9", "o-1", 1)), 503, "")
	for _, status := range []int{500, 500, 502, 503, 503} {
		m.want(m.card("r-1", cardFaultBody), status, "")
	}
	m.sim.ClearRules()
	m.want(m.card("r-1", cardFaultBody), 200, "")
}

func TestDiceDependOnSeedAndRequestAlone(t *testing.T) {
	t.Parallel()
	rule, err := Rule{Probability: 0.5, Faults: []Fault{{Kind: ErrorBefore}, {Kind: ResetAfter}}}.checked(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	fates := func(seed uint64, backward bool) map[string]Kind {
		s := &script{seed: seed, rules: []Rule{rule}}
		got := map[string]Kind{}
		for i := range 64 {
			if backward {
				i = 63 - i
			}
			key := itoa(int64(i))
			got[key] = s.draw(Request{Operation: OpRefund, Channel: CreditCard, Key: key, Repeat: 1}).Kind
		}
		return got
	}
	if !reflect.DeepEqual(fates(7, false), fates(7, true)) {
		t.Error("the order changes the fate")
	}
	if reflect.DeepEqual(fates(7, false), fates(8, false)) {
		t.Error("the seed changes nothing")
	}
	counts := map[Kind]int{}
	for _, kind := range fates(7, false) {
		counts[kind]++
	}
	if counts[""] < 16 || counts[ErrorBefore] < 4 || counts[ResetAfter] < 4 {
		t.Errorf("fates: %v", counts)
	}
}

func TestSenselessRulesAreRefused(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for name, r := range map[string]Rule{
		"no faults":         {},
		"unknown kind":      {Faults: []Fault{{Kind: "meteor"}}},
		"no kind":           {Faults: []Fault{{}}},
		"unknown operation": {Match: Match{Operation: "pay"}, Faults: []Fault{{Kind: Hold}}},
		"bad status":        {Faults: []Fault{{Kind: Respond, Status: 99}}},
		"no code":           {Faults: []Fault{{Kind: Refuse}}},
		"edit of nothing":   {Faults: []Fault{{Kind: Edit}}},
		"edit elsewhere":    {Faults: []Fault{{Kind: Hold, Drop: []string{"/order"}}}},
		"edit of no place":  {Faults: []Fault{{Kind: Edit, Drop: []string{"order"}}}},
		"edit to no JSON":   {Faults: []Fault{{Kind: Edit, Set: map[string]jsontext.Value{"/a": jsontext.Value("{")}}}},
		"negative time":     {Faults: []Fault{{Kind: Hold}}, For: -1},
		"negative delay":    {Faults: []Fault{{Kind: Delay, Delay: -1}}},
		"probability":       {Probability: 1.1, Faults: []Fault{{Kind: Hold}}},
	} {
		if err := m.sim.AddRule(r); !errors.Is(err, ErrFault) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
