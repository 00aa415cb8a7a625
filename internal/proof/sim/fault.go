package sim

// fault is one thing that goes wrong with an exchange.
type fault uint8

const (
	smooth fault = iota
	slow
	late
	lostRequest
	lostAnswer
	errorBefore
	errorAfter
	tooMany
	truncated
	wrongSignature
	noSignature
	pageBefore
	pageAfter
	redirect
	inProgress
	unreachable
	unauthorized
	notNow
	contradiction
	faults
)

var faultNames = [faults]string{
	"none", "slow", "executed late", "request lost", "answer lost", "5xx before", "5xx after", "429", "answer cut short",
	"signature wrong", "signature missing", "page before", "page after", "redirect", "in progress first", "no connection",
	"401", "not now", "another amount shown",
}

// odds are chances of a thousand.
type odds struct {
	fault  fault
	chance int
}

var refundOdds = []odds{
	{slow, 35},
	{late, 45},
	{lostRequest, 35},
	{lostAnswer, 40},
	{errorBefore, 30},
	{errorAfter, 30},
	{tooMany, 30},
	{truncated, 20},
	{wrongSignature, 20},
	{noSignature, 10},
	{pageBefore, 15},
	{pageAfter, 15},
	{redirect, 10},
	{inProgress, 35},
	{unreachable, 20},
	{unauthorized, 20},
	{notNow, 20},
}

var inquiryOdds = []odds{
	{slow, 50},
	{lostRequest, 40},
	{lostAnswer, 40},
	{errorBefore, 60},
	{tooMany, 40},
	{truncated, 50},
	{wrongSignature, 40},
	{pageBefore, 40},
	{redirect, 20},
	{unreachable, 20},
	{unauthorized, 20},
	{contradiction, 3},
}

var tokenOdds = []odds{
	{slow, 60},
	{lostAnswer, 80},
	{errorBefore, 80},
	{tooMany, 40},
	{truncated, 60},
	{pageBefore, 40},
	{unreachable, 40},
}

// draw throws the dice for one exchange on a channel.
func (w *world) draw(channelNo int, table []odds) fault {
	f := w.throw(channelNo, table)
	w.report.Exchanges++
	w.report.faults[f]++
	return f
}

func (w *world) throw(channelNo int, table []odds) fault {
	if w.calm {
		return smooth
	}
	for _, s := range w.storms[channelNo] {
		if s.from <= w.now && w.now < s.to && w.rng.IntN(100) < 85 {
			return s.fault
		}
	}
	left := w.rng.IntN(1000)
	for _, o := range table {
		if left -= o.chance; left < 0 {
			return o.fault
		}
	}
	return smooth
}
