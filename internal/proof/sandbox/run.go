package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/secret"
)

// runner sends probes and notes what came.
type runner struct {
	cfg      Config
	tap      *tap
	redactor *redactor
	shared   *doku.Client
	order    doku.Order // of the probe before
	lines    []Line
}

// errNothingSent is returned for a probe that never reached the wire.
var errNothingSent = errors.New("nothing was sent")

// paths are where each operation of a family goes.
var paths = map[string]map[channel.Family]string{
	opRefund:  {channel.Card: "/cancellation/", channel.SNAP: "/direct-debit/"},
	opInquiry: {channel.Card: "/orders/v1/", channel.SNAP: "/orders/v1.0/"},
	opToken:   {channel.SNAP: "/authorization/"},
}

func (r *runner) run(ctx context.Context, p probe) error {
	if !p.again {
		order, err := madeUp(p)
		if err != nil {
			return err
		}
		r.order = order
	}
	l := Line{Probe: p.name, At: r.cfg.Now().UTC().Truncate(time.Second), Environment: r.cfg.Environment}
	if p.op != opToken {
		l.Order = r.redactor.order(r.order)
	}
	client, done, err := r.client(p) //nolint:contextcheck // a token's renewal is bounded by its own timeout
	if err != nil {
		return err
	}
	defer done()
	if l.Classified, err = r.send(ctx, client, p); err != nil {
		return err
	}
	got := r.tap.kept()
	if len(got) == 0 {
		return errNothingSent
	}
	r.note(&l, got[len(got)-1])
	l.judge(p.readings)
	r.lines = append(r.lines, l)
	return nil
}

// client is one for all probes, so that they share a token, but for those that
// ask for a token or need another clock.
func (r *runner) client(p probe) (client *doku.Client, done func(), err error) {
	if p.op != opToken && p.late == 0 {
		return r.shared, func() {}, nil
	}
	client, err = newClient(r.cfg, r.tap.address, p.late)
	if err != nil {
		return nil, nil, err
	}
	return client, client.Close, nil
}

// newClient is the worker's client, with a clock that may be behind.
func newClient(cfg Config, address string, late time.Duration) (*doku.Client, error) {
	return doku.New(doku.Config{
		BaseURL: address, ClientID: cfg.ClientID, Secret: cfg.Secret, PrivateKey: cfg.Private, Timeout: cfg.Timeout, Slots: 1,
		Now: func() time.Time { return cfg.Now().Add(-late) },
	})
}

// send makes the probe's call. Tokens that a call needs are fetched before the
// tap spoils anything.
func (r *runner) send(ctx context.Context, client *doku.Client, p probe) (Classified, error) {
	path := paths[p.op][p.channel.Facts().Family]
	if p.op == opToken {
		r.tap.keep(path, p.spoil)
		return ofToken(client.Prepare(ctx, p.channel)), nil
	}
	r.tap.keep("", nil)
	if err := client.Prepare(ctx, p.channel); err != nil {
		return Classified{}, err
	}
	r.tap.keep(path, p.spoil)
	if p.op == opInquiry {
		return ofInquiry(client.Inquire(ctx, r.order)), nil
	}
	r.order.SendBy = r.cfg.Now().Add(-p.late).Add(10 * time.Second)
	v := client.Refund(ctx, r.order)
	if len(r.tap.kept()) == 0 {
		return Classified{}, errors.New(v.Problem)
	}
	return ofVerdict(v), nil
}

func ofToken(err error) Classified {
	var failed *doku.PrepareError
	switch {
	case err == nil:
		return Classified{opToken, hasToken, noCause, "2007300"}
	case errors.As(err, &failed):
		return Classified{opToken, "no_token", failed.Cause.String(), failed.Code}
	default:
		return Classified{opToken, "no_token", noCause, ""}
	}
}

// note writes down the exchange without what is nobody's business.
func (r *runner) note(l *Line, x exchange) {
	l.Sent = Sent{x.method, r.redactor.text(x.target), r.redactor.headers(x.sent), r.redactor.body(string(x.body))}
	l.Got = Got{Status: x.status, Headers: r.redactor.headers(x.header)}
	l.Signature = x.signature
	body := r.redactor.body(string(x.answer))
	if utf8.ValidString(body) {
		l.Got.Body = body
	} else {
		l.Got.Base64 = []byte(body)
	}
	if l.Classified.Code == "" {
		l.Classified.Code = errorCode(x.answer)
	}
}

// errorCode is the code of an answer that the client does not repeat.
func errorCode(body []byte) string {
	var v struct {
		Error        struct{ Code string }
		ResponseCode string
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	return v.Error.Code + v.ResponseCode
}

func (l *Line) judge(readings []reading) {
	for _, r := range readings {
		l.Expected = append(l.Expected, r.String())
		if !l.Fits && r.fits(*l) {
			l.Fits, l.Means = true, r.means
		}
	}
}

// madeUp is a refund of a payment that nobody made.
func madeUp(p probe) (doku.Order, error) {
	facts := p.channel.Facts()
	id, err := uuid.NewRandom()
	if err != nil {
		return doku.Order{}, err
	}
	number, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))
	if err != nil {
		return doku.Order{}, err
	}
	o := doku.Order{
		Channel: p.channel, InvoiceNumber: name("PRB", facts.Invoice), OriginalRequestID: name("PRO", channel.Length{Min: 12, Max: 20}),
		Amount: 10000, Reason: p.reason, RequestID: id.String(), ExternalID: "1" + number.String(),
	}
	if facts.Family == channel.Card {
		o.ExternalID = ""
		return o, nil
	}
	o.RequestID, o.PartnerRefundNo = "", name("PRR", facts.PartnerRefundNo)
	o.Customer = customer(facts)
	return o, nil
}

// name is a random name of a length that fits.
func name(prefix string, length channel.Length) string {
	text := prefix + strings.ToUpper(rand.Text()) + rand.Text()
	return text[:max(length.Min, min(length.Max, 20))]
}

// customer holds what the channel asks for, all of it made up; the address is
// one for documentation.
func customer(facts channel.Facts) doku.Customer {
	var c doku.Customer
	if facts.CustomerToken == channel.Required {
		c.AccessToken = secret.New("probe-" + rand.Text())
	}
	if facts.IPAddress != channel.Unused {
		c.IPAddress = secret.New("192.0.2.1")
	}
	if facts.DeviceID != channel.Unused {
		c.DeviceID = secret.New("probe-device")
	}
	return c
}
