package model

// step names a move in a path.
type step uint8

// What may be done. Blocks of states and findings follow their first name.
const (
	nothing step = iota
	timePasses
	dayEnds
	delivers
	deliversAgain

	published
	forgets
	crashed
	gotReady
	notReady
	tooLate
	looks
	sends
	gaveUp
	lostAnswer
	reads
	schedules
	acknowledges
	losesRace
	finds
	mistaken
	takesOver
	storesBoth
	succeeds
	replayed
	conflict
	accepts
	tooMuch
	saysNo
	notNow
	lies
	executes
	declines
	usurped
	cancels
	forwards
	verdictYes
	verdictNo
	jumps
	comesRight
	requeues
	holdsBack
	stores                    // and the state
	storesUnsure = stores + 8 // and the state
	asks         = stores + 16
	operatorAsks = stores + 23
)

var stepNames = [...]string{
	nothing:       "",
	timePasses:    "time passes",
	dayEnds:       "a day ends",
	delivers:      "is given the message",
	deliversAgain: "is given the message that the other is working on",
	published:     "the job is published again",
	forgets:       "the ledger loses its last record",
	crashed:       "crashes",
	gotReady:      "has all that a call needs",
	notReady:      "has no token",
	tooLate:       "finds send_by passed and sends nothing",
	looks:         "looks at the clock for the last time",
	sends:         "sends",
	gaveUp:        "gets no answer",
	lostAnswer:    "loses the answer",
	reads:         "reads the answer",
	schedules:     "stores a wait",
	acknowledges:  "acknowledges the message",
	losesRace:     "finds another record where it meant to append",
	finds:         "finds its record stored",
	mistaken:      "finds a record with its nonce and takes it for its own",
	takesOver:     "takes the other's send for its own and makes it",
	storesBoth:    "stores its record in one batch with the other's",
	succeeds:      "DOKU pays and says so",
	replayed:      "DOKU knows the identifier and repeats its first answer",
	conflict:      "DOKU knows the identifier: a bare 409",
	accepts:       "DOKU accepts, and will execute it later",
	tooMuch:       "DOKU: refunds would exceed the payment",
	saysNo:        "DOKU refuses for good",
	notNow:        "DOKU refuses for now",
	lies:          "DOKU pays and says that it did not",
	executes:      "DOKU pays what it had accepted",
	declines:      "DOKU refuses what it had accepted",
	usurped:       "somebody else uses our identifier",
	cancels:       "operator: cancels",
	forwards:      "operator: brings forward",
	verdictYes:    "operator: says that it was paid",
	verdictNo:     "operator: says that it was not paid",
	jumps:         "has a clock that jumps",
	comesRight:    "has its clock set right",
	requeues:      "is not sure of its clock, and requeues the message",
	holdsBack:     "is not sure of its clock, and sends nothing",
}

var findingNames = [...]string{"in vain", "finds a success", "finds a failure", "finds it in progress", "does not find it", "finds a contradiction", "finds no history"}
