package refund

// step is what the machine decides on one event.
type step struct {
	Row     string
	Next    Core
	At      Time
	Proof   bool
	Effects []Effect
}

func decide(c Core, e Event, now Time, p Policy) step {
	m := Start(c, e).Decide(now, p)
	return step{Row: m.Row(), Next: m.Next(), At: m.At(), Proof: m.Proof(), Effects: table[m.row].then}
}
