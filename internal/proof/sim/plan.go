package sim

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

// plan publishes n jobs over the time of arrivals: most of them good, some
// broken, some unreadable, some under an identifier that is taken.
func (w *world) plan(n int) {
	channels := channel.All()
	for i := range n {
		a := w.newAccount(i, w.rng.IntN(len(channels)), channels)
		w.accounts = append(w.accounts, a)
		w.report.Jobs++
		at := w.arrival()
		w.shape(a, w.now.Add(at))
		w.publish(a, a.first, at)
		w.again(a, at)
	}
}

// arrival crowds a third of the jobs round the ends of days.
func (w *world) arrival() time.Duration {
	if w.rng.IntN(3) > 0 {
		return w.between(0, arrivals)
	}
	midnights := []time.Duration{2 * time.Hour, 9 * time.Hour, 26 * time.Hour} // Jakarta, UTC, Jakarta
	return midnights[w.rng.IntN(len(midnights))] - w.between(0, 20*time.Minute)
}

func (w *world) newAccount(n, channelNo int, channels []channel.Channel) *account {
	a := &account{n: n, channelNo: channelNo, channel: channels[channelNo], id: w.newID(n)}
	facts := a.channel.Facts()
	a.job = jobs.Job{
		RefundID: a.id, Channel: a.channel, Currency: jobs.Currency, Amount: 1 + w.rng.Int64N(5_000_000),
		InvoiceNumber: padded("I"+strconv.Itoa(n), facts.Invoice.Min),
	}
	if facts.OriginalRequestID == channel.Required || w.rng.IntN(2) == 0 {
		a.job.OriginalRequestID = "pay-" + strconv.Itoa(n)
	}
	if w.rng.IntN(2) == 0 {
		a.job.Reason = "Request by customer"
	}
	if n%2 == 0 {
		a.job.Metadata = map[string]string{"order": a.job.InvoiceNumber}
	}
	a.payment = a.job.Amount
	if w.rng.IntN(2) == 0 {
		a.payment *= 5 // what is left would pay a second time
	}
	switch chance := w.rng.IntN(100); {
	case chance < 5:
		a.fate = declines
	case chance < 8:
		a.fate = wavers
	}
	a.foreign = w.rng.IntN(200) == 0
	return a
}

// newID makes identifiers of different lengths, with and without characters
// that a partnerRefundNo cannot have.
func (w *world) newID(n int) string {
	forms := []string{"r%d", "rf-%d", "rf_%d", "rf-20261121-0000-0000-0000-%010d"}
	return fmt.Sprintf(forms[w.rng.IntN(len(forms))], n)
}

func padded(text string, length int) string {
	for len(text) < length {
		text += "0"
	}
	return text
}

// shape gives the job its times and makes some jobs bad. now is when it comes.
func (w *world) shape(a *account, now refund.Time) {
	if w.rng.IntN(10) == 0 {
		a.job.NotBefore = now.Add(w.between(time.Minute, 3*time.Hour)).Time()
	}
	a.job.Deadline = w.deadline(max(now, refund.At(a.job.NotBefore)))
	a.job.Customer = w.customer(a.channel, now)
	a.customers = append(a.customers, a.job.Customer)
	a.first = a.job.Encode()
	if spoil := w.rng.IntN(1000); spoil < len(spoilt)*5 {
		a.first, a.spoilt = spoilt[spoil/5](a.first), true
	}
}

// deadline: half of the jobs have one of their own; it may be short, or have
// passed before the job is looked at.
func (w *world) deadline(from refund.Time) time.Time {
	switch w.rng.IntN(20) {
	case 0:
		return from.Add(w.between(time.Second, 5*time.Minute)).Time()
	case 1, 2, 3, 4:
		return from.Add(w.between(10*time.Minute, 2*time.Hour)).Time()
	case 5, 6, 7:
		return from.Add(w.between(2*time.Hour, 24*time.Hour)).Time()
	default:
		return time.Time{}
	}
}

// customer makes a token that lives a quarter of an hour or a day: it says
// itself when it ends.
func (w *world) customer(ch channel.Channel, now refund.Time) jobs.Customer {
	facts := ch.Facts()
	var c jobs.Customer
	life := 24 * time.Hour
	if w.rng.IntN(3) == 0 {
		life = w.between(0, 15*time.Minute)
	}
	if facts.CustomerToken == channel.Required || facts.CustomerToken == channel.Optional && w.rng.IntN(2) == 0 {
		c.AccessToken = secret.New(tokenPrefix + strconv.FormatInt(now.Add(life).Time().Unix(), 10))
	}
	if facts.IPAddress != channel.Unused {
		c.IPAddress = secret.New("10.20.30.40")
	}
	if facts.DeviceID != channel.Unused {
		c.DeviceID = secret.New("device-of-the-customer")
	}
	return c
}

const tokenPrefix = "token-of-the-customer-"

// spoilt makes a good job bad, each in its way.
var spoilt = []func([]byte) []byte{
	func(b []byte) []byte { return bytes.Replace(b, []byte(`"amount":`), []byte(`"amount":-`), 1) },
	func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"currency":"IDR"`), []byte(`"currency":"USD"`), 1)
	},
	func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"refund_id"`), []byte(`"mode":1,"refund_id"`), 1)
	},
	func(b []byte) []byte { return append(b[:len(b)-1], `,"metadata":{"card":"4111 1111 1111 1111"}}`...) },
}

// again publishes the same job up to four times more: as it is, with new
// customer values, or with another amount, which makes it another refund.
func (w *world) again(a *account, at time.Duration) {
	for range max(w.rng.IntN(8)-3, 0) {
		later := at + w.between(0, time.Minute)
		if w.rng.IntN(2) == 0 {
			later = at + w.between(0, 6*time.Hour)
		}
		w.publish(a, a.first, later)
	}
	if w.rng.IntN(4) == 0 && a.channel.Facts().CustomerToken != channel.Unused {
		later := at + w.between(time.Second, 30*time.Minute)
		renewed := a.job
		renewed.Customer = w.customer(a.channel, w.now.Add(later))
		a.customers = append(a.customers, renewed.Customer)
		w.publish(a, renewed.Encode(), later)
	}
	switch w.rng.IntN(200) {
	case 0:
		other := a.job
		other.Amount++
		a.otherAmount = true
		w.publish(a, other.Encode(), at+w.between(0, time.Hour))
	case 1:
		w.publish(nil, a.first[:len(a.first)/2], at)
	case 2:
		w.strayWakeUp(a, at/2)
	}
}
