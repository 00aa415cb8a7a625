package refund

// guard is one named condition of a row; the documentation shows its name.
type guard struct {
	name  string
	holds func(situation) bool
}

func not(g guard) guard {
	return guard{"not " + g.name, func(s situation) bool { return !g.holds(s) }}
}

var (
	isWakeUp = guard{"made from the ledger", func(s situation) bool { return s.event.Job == WakeUp }}
	invalid  = guard{"job breaks a rule", func(s situation) bool { return s.event.Job == InvalidJob }}
	same     = guard{"same content", func(s situation) bool { return s.event.Same }}
	own      = guard{"own", func(s situation) bool { return s.event.Own }}

	tooEarly      = guard{"`not_before` not reached", func(s situation) bool { return s.now < s.event.NotBefore }}
	beforeDue     = guard{"before due", func(s situation) bool { return s.now < s.core.Due }}
	beforeAskFrom = guard{"before `ask_from`", func(s situation) bool { return s.now < s.core.AskFrom }}

	jobExpired = guard{"deadline passed", func(s situation) bool {
		return s.event.Deadline != 0 && s.now >= s.event.Deadline
	}}
	expired = guard{"deadline passed", func(s situation) bool { return s.now >= s.core.Deadline }}

	noCustomer = guard{"a required customer token is missing", func(s situation) bool { return s.event.NoCustomer }}
	notChecked = guard{"readiness not known", func(s situation) bool { return s.event.Ready == NotChecked }}
	notReady   = guard{"no B2B token, or breaker open", func(s situation) bool { return s.event.Ready == NotReady }}
	ready      = guard{"ready", func(s situation) bool { return s.event.Ready == Ready }}

	neverSent            = guard{"never sent", func(s situation) bool { return s.core.Sends == 0 }}
	sentOnce             = guard{"sent once", func(s situation) bool { return s.core.Sends == 1 }}
	sentBefore           = guard{"an earlier send of ours", func(s situation) bool { return s.core.Sends > 1 }}
	neverUnknown         = guard{"nothing unknown before", func(s situation) bool { return s.core.FirstUnknown == 0 }}
	replayed             = guard{"stored answer of an earlier request", func(s situation) bool { return s.event.Replay }}
	answeredSuccess      = answerIs("SUCCESS proven", Success)
	answeredNo           = answerIs("definite no", DefiniteNo)
	answeredNotExecuted  = answerIs("proven not executed", NotExecuted)
	answeredRefusal      = answerIs("409 that replays a refusal of our request", ReplayedRefusal)
	answeredTokenRefused = answerIs("customer token refused", CustomerTokenRefused)
	answeredCollision    = answerIs("409 without a stored answer to our request", Collision)

	foundSuccess  = found("inquiry: yes", FoundSuccess)
	foundFailure  = found("inquiry: no", FoundFailure)
	contradiction = found("inquiry contradicts", Contradiction)

	// An inquiry about an identifier that somebody else may have used shows their
	// refund: only a person can tell the two apart.
	collided = guard{"ended by a collision", func(s situation) bool {
		return s.core.Code == CodeIdentifierCollision || s.core.Code == CodeIdentifierUsed
	}}

	askedAfterAskFrom = guard{"asked after `ask_from`", func(s situation) bool { return s.event.AskedAt >= s.core.AskFrom }}
	lastAsked         = guard{"asked at or after the deadline and `ask_from`", func(s situation) bool {
		return s.event.AskedAt >= s.core.Deadline && s.event.AskedAt >= s.core.AskFrom
	}}
	mayRepeat = guard{"not found, repeat allowed", func(s situation) bool {
		return repeatAllowed(s.core, s.event, s.now, s.policy)
	}}

	verdictSucceeded = guard{"verdict: succeeded", func(s situation) bool { return s.event.Verdict == Succeeded }}
	verdictFailed    = guard{"verdict: failed, after `ask_from` and the quiet period of the last send", func(s situation) bool {
		return s.event.Verdict == Failed && s.now >= s.core.AskFrom.Add(s.core.Quiet)
	}}
)

func answerIs(name string, a Answer) guard {
	return guard{name, func(s situation) bool { return s.event.Answer == a }}
}

func found(name string, f Finding) guard {
	return guard{name, func(s situation) bool { return s.event.Finding == f }}
}
