package refund

import "time"

const (
	// SendWindow is the time between the record of a send and the last moment
	// at which its first byte may leave.
	SendWindow = 10 * time.Second
	// clockSkew is how far two clocks may be apart.
	clockSkew = 20 * time.Second
	day       = Time(24 * time.Hour)
	// jakartaMidnight is 00:00 in Jakarta (UTC+7, no summer time) in UTC.
	jakartaMidnight = Time(17 * time.Hour)
)

// dayEndsWithin reports whether a day ends at or between the two instants, in
// UTC or in Jakarta. X-EXTERNAL-ID protects within one day, and nobody says
// whose midnight that is.
func dayEndsWithin(from, to Time) bool {
	return dayNumber(from-1, 0) != dayNumber(to, 0) ||
		dayNumber(from-1, jakartaMidnight) != dayNumber(to, jakartaMidnight)
}

func dayNumber(t, offset Time) Time { return (t - offset) / day }

// repeatAllowed reports whether an unknown refund may be sent again after an
// inquiry that did not find it.
func repeatAllowed(c Core, e Event, now Time, p Policy) bool {
	missing := e.Finding == NotFound || e.Finding == NotFoundNoHistory
	if p.Repeat == RepeatNever || !missing || e.AskedAt < c.AskFrom || now >= c.Deadline || e.NoCustomer {
		return false
	}
	// A history that is absent may only not have been filled: beyond the day's
	// end, where nothing else protects, it is not trusted.
	return p.Repeat == RepeatTrustInquiry && e.Finding == NotFound || withinDay(c, now, p)
}

// withinDay is the day rule: the whole attempt, its late arrival and the
// question about it must end before the day does in which the first unknown
// send was made.
func withinDay(c Core, now Time, p Policy) bool {
	last := now.Add(SendWindow + p.Timeout + p.Quiet + clockSkew)
	return !dayEndsWithin(c.FirstUnknownAt.Add(-clockSkew), last)
}
