package refund

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestADayEndsAtBothMidnightsEdgesIncluded(t *testing.T) {
	t.Parallel()
	const ns, hour = time.Nanosecond, time.Hour
	for name, c := range map[string]struct {
		from, to Time
		ends     bool
	}{
		"up to the last moment before Jakarta's": {jakartaEnd.Add(-hour), jakartaEnd.Add(-ns), false},
		"up to Jakarta's":                        {jakartaEnd.Add(-hour), jakartaEnd, true},
		"over Jakarta's":                         {jakartaEnd.Add(-ns), jakartaEnd.Add(ns), true},
		"from Jakarta's on":                      {jakartaEnd, jakartaEnd.Add(hour), true},
		"Jakarta's alone":                        {jakartaEnd, jakartaEnd, true},
		"just after Jakarta's":                   {jakartaEnd.Add(ns), jakartaEnd.Add(hour), false},
		"between the two":                        {jakartaEnd.Add(ns), utcEnd.Add(-ns), false},
		"up to UTC's":                            {utcEnd.Add(-hour), utcEnd, true},
		"over UTC's":                             {utcEnd.Add(-ns), utcEnd.Add(ns), true},
		"from UTC's on":                          {utcEnd, utcEnd.Add(hour), true},
		"just after UTC's":                       {utcEnd.Add(ns), utcEnd.Add(17*hour - ns), false},
		"a whole day":                            {jakartaEnd.Add(ns), jakartaEnd.Add(24*hour + ns), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := dayEndsWithin(c.from, c.to); got != c.ends {
				t.Errorf("from %v to %v: %v", c.from.Time(), c.to.Time(), got)
			}
		})
	}
}

// TestADayEndsExactlyWhereTheCalendarSaysSo compares with the dates of package
// time, which knows nothing of our arithmetic.
func TestADayEndsExactlyWhereTheCalendarSaysSo(t *testing.T) {
	t.Parallel()
	jakarta := time.FixedZone("WIB", 7*60*60)
	first := At(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	rapid.Check(t, func(t *rapid.T) {
		from := first.Add(time.Duration(rapid.Int64Range(1, int64(200*365*24*time.Hour)).Draw(t, "from")))
		to := from.Add(time.Duration(rapid.Int64Range(0, int64(26*time.Hour)).Draw(t, "length")))
		want := false
		for _, zone := range []*time.Location{time.UTC, jakarta} {
			want = want || from.Add(-1).Time().In(zone).Format(time.DateOnly) != to.Time().In(zone).Format(time.DateOnly)
		}
		if got := dayEndsWithin(from, to); got != want {
			t.Fatalf("from %v to %v: %v, want %v", from.Time(), to.Time(), got, want)
		}
	})
}

// A repeat needs 10 s to send, DOKU_TIMEOUT, the quiet period and 20 s: 150 s
// with the usual settings.
func TestRepeatMustBeOverBeforeTheDayEnds(t *testing.T) {
	t.Parallel()
	const whole = 150 * time.Second
	for name, c := range map[string]struct {
		first, now Time
		repeat     bool
	}{
		"in good time":                     {jakartaEnd.Add(-time.Hour), jakartaEnd.Add(-whole - time.Second), true},
		"a moment too long for Jakarta":    {jakartaEnd.Add(-time.Hour), jakartaEnd.Add(-whole), false},
		"the last moment for Jakarta":      {jakartaEnd.Add(-time.Hour), jakartaEnd.Add(-whole - 1), true},
		"over Jakarta's midnight":          {jakartaEnd.Add(-time.Second), jakartaEnd.Add(time.Hour), false},
		"first sent 20 s after midnight":   {jakartaEnd.Add(20 * time.Second), jakartaEnd.Add(time.Hour), false},
		"first sent a moment after these":  {jakartaEnd.Add(20*time.Second + 1), jakartaEnd.Add(time.Hour), true},
		"the last moment for UTC":          {jakartaEnd.Add(time.Hour), utcEnd.Add(-whole - 1), true},
		"a moment too long for UTC":        {jakartaEnd.Add(time.Hour), utcEnd.Add(-whole), false},
		"over UTC's midnight":              {utcEnd.Add(-time.Minute), utcEnd.Add(time.Hour), false},
		"first sent 20 s after UTC's":      {utcEnd.Add(20 * time.Second), utcEnd.Add(time.Hour), false},
		"the same hour of the next day":    {jakartaEnd.Add(time.Hour), jakartaEnd.Add(25 * time.Hour), false},
		"seven hours are a day of its own": {jakartaEnd.Add(21 * time.Second), utcEnd.Add(-whole - 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core := doubted(1)
			core.FirstUnknownAt, core.AskFrom, core.Deadline = c.first, c.first, c.now.Add(time.Hour)
			step := decide(core, readied(asked(NotFound, c.now)), c.now, usual)
			if got := step.Next.State == Sending; got != c.repeat {
				t.Errorf("first unknown send at %v, now %v: row %q", c.first.Time(), c.now.Time(), step.Row)
			}
		})
	}
}

func TestRepeatOfARefundThatWasNeverUnknownKnowsNoDay(t *testing.T) {
	t.Parallel()
	c := waited(3)
	c.Due, c.Deadline = utcEnd, utcEnd.Add(time.Hour)
	wantState(t, c, deliveredReady(Ready), utcEnd, Sending)
}

// TestRepeatIsAllowedOnlyWhenEveryConditionHolds breaks one condition at a time.
func TestRepeatIsAllowedOnlyWhenEveryConditionHolds(t *testing.T) {
	t.Parallel()
	now := later(time.Hour)
	allowed := func() (Core, Event, Policy) { return doubted(1), readied(asked(NotFound, now)), usual }
	for name, spoil := range map[string]func(*Core, *Event, *Policy){
		"never":                      func(_ *Core, _ *Event, p *Policy) { p.Repeat = RepeatNever },
		"asked before ask_from":      func(c *Core, e *Event, _ *Policy) { e.AskedAt = c.AskFrom - 1 },
		"no answer":                  func(_ *Core, e *Event, _ *Policy) { e.Finding = NoAnswer },
		"in progress":                func(_ *Core, e *Event, _ *Policy) { e.Finding = FoundRunning },
		"deadline passed since":      func(c *Core, e *Event, _ *Policy) { c.Deadline, e.AskedAt = now, now-1 },
		"no customer token":          func(_ *Core, e *Event, _ *Policy) { e.NoCustomer = true },
		"no B2B token":               func(_ *Core, e *Event, _ *Policy) { e.Ready = NotReady },
		"record moved on":            func(_ *Core, e *Event, _ *Policy) { e.Own = false },
		"a longer timeout than time": func(_ *Core, _ *Event, p *Policy) { p.Timeout = 7 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, e, p := allowed()
			if step := decide(c, e, now, p); step.Next.State != Sending {
				t.Fatalf("nothing spoilt: row %q", step.Row)
			}
			spoil(&c, &e, &p)
			if step := decide(c, e, now, p); step.Next.State == Sending {
				t.Errorf("row %q", step.Row)
			}
		})
	}
}

func TestRepeatUsesTheStoredAskFromAndNotTodaysSettings(t *testing.T) {
	t.Parallel()
	c := doubted(1)
	c.AskFrom = later(20 * time.Minute) // its sender had long timeouts
	step := decide(c, readied(asked(NotFound, c.AskFrom-1)), c.AskFrom-1, usual)
	if step.Next.State != Unknown {
		t.Errorf("row %q before the stored ask_from", step.Row)
	}
	wantState(t, c, readied(asked(NotFound, c.AskFrom)), c.AskFrom, Sending)
}

// Under trust-inquiry the day's end is not asked for, and every other condition
// still is.
func TestTrustedInquiryAllowsARepeatBeyondTheDaysEnd(t *testing.T) {
	t.Parallel()
	trusting := usual
	trusting.Repeat = RepeatTrustInquiry
	nextDay := later(20 * time.Hour)
	allowed := func() (Core, Event) {
		c := doubted(1)
		c.Deadline = nextDay.Add(time.Hour)
		return c, readied(asked(NotFound, nextDay))
	}
	c, e := allowed()
	if step := decide(c, e, nextDay, usual); step.Next.State != Unknown {
		t.Fatalf("under same-day: row %q; no day has ended", step.Row)
	}
	if step := decide(c, e, nextDay, trusting); step.Next.State != Sending || step.Next.ExternalKey() != c.ExternalKey() {
		t.Errorf("row %q; want a repeat under the same identifiers", step.Row)
	}
	for name, spoil := range map[string]func(*Core, *Event){
		"asked before ask_from":   func(c *Core, e *Event) { e.AskedAt = c.AskFrom - 1 },
		"history absent or empty": func(_ *Core, e *Event) { e.Finding = NotFoundNoHistory },
		"no answer":               func(_ *Core, e *Event) { e.Finding = NoAnswer },
		"in progress":             func(_ *Core, e *Event) { e.Finding = FoundRunning },
		"deadline passed since":   func(c *Core, e *Event) { c.Deadline, e.AskedAt = nextDay, nextDay-1 },
		"no customer token":       func(_ *Core, e *Event) { e.NoCustomer = true },
		"record moved on":         func(_ *Core, e *Event) { e.Own = false },
	} {
		c, e := allowed()
		spoil(&c, &e)
		if step := decide(c, e, nextDay, trusting); step.Next.State == Sending {
			t.Errorf("%s: row %q", name, step.Row)
		}
	}
}

// An absent history is "not found" within the day, whatever the setting allows
// beyond it; never where nothing may be repeated.
func TestAbsentHistoryAllowsARepeatWithinTheDayOnly(t *testing.T) {
	t.Parallel()
	now := later(time.Hour)
	for repeat, want := range map[Repeat]State{RepeatNever: Unknown, RepeatSameDay: Sending, RepeatTrustInquiry: Sending} {
		p := usual
		p.Repeat = repeat
		if step := decide(doubted(1), readied(asked(NotFoundNoHistory, now)), now, p); step.Next.State != want {
			t.Errorf("policy %d: row %q, want %v", repeat, step.Row, want)
		}
	}
}
