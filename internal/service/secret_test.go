package service_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// output collects everything that somebody may read.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

// add takes in a stored message, headers and subject included.
func (o *output) add(stream string, msg *jetstream.RawStreamMsg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.WriteString(stream + " " + msg.Subject + "\n")
	for name, values := range msg.Header {
		o.text.WriteString(name + ": " + strings.Join(values, ", ") + "\n")
	}
	o.text.Write(msg.Data)
	o.text.WriteByte('\n')
}

// loggingWorker starts a worker and keeps what it logs, at the lowest level.
func (f fixture) loggingWorker(t *testing.T) *output {
	t.Helper()
	o := &output{}
	f.worker(t, func(cfg *service.Config) {
		cfg.Log = slog.New(slog.NewJSONHandler(o, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	return o
}

// plantedAddress is one customer's address, in a range that nobody else has here.
func plantedAddress(id string) string {
	sum := crc32.ChecksumIEEE([]byte(id))
	return fmt.Sprintf("203.%d.%d.%d", 100+sum%100, 100+sum/100%100, 100+sum/10000%100)
}

// marked is a job whose customer can be told from every other.
func marked(t *testing.T, r scenario, id string) (d trial, body string, secrets []string) {
	t.Helper()
	d = r.trial(id)
	d.token += "planted-access-" + id
	values := []string{"planted-access-" + id, "planted-device-" + id, plantedAddress(id)}
	body = strings.NewReplacer(
		`"device_id":"device"`, `"device_id":"`+values[1]+`"`,
		`"ip_address":"10.20.30.40"`, `"ip_address":"`+values[2]+`"`,
	).Replace(d.body(t, time.Now()))
	for _, v := range values {
		if strings.Contains(body, v) {
			secrets = append(secrets, v)
		}
	}
	return d, body, secrets
}

// echo is DOKU repeating what it was told.
func echo(code string, id string) []dokusim.Fault {
	faults := snapCode(code, 1)
	faults[0].Body = strings.Replace(faults[0].Body, "as scripted",
		fmt.Sprintf("no: planted-access-%[1]s planted-device-%[1]s %[2]s", id, plantedAddress(id)), 1)
	return faults
}

// secretScenarios make the worker talk: about waits, doubts, refusals, echoes.
func secretScenarios() []scenario {
	late := dokusim.Fault{Kind: dokusim.TooMany}
	return []scenario{
		{name: "done", channel: channel.DirectDebitMandiri, want: paidAtOnce("")},
		{name: "put off", channel: channel.DirectDebitBRI, refunds: []dokusim.Fault{late}, want: retried("")},
		{name: "done too", channel: channel.DirectDebitCIMB, want: paidAtOnce("")},
		{name: "lost", channel: channel.DirectDebitAllo, refunds: fault(dokusim.ErrorAfter), want: foundPaid()},
		{name: "page", channel: channel.EmoneyDANA, refunds: fault(dokusim.HTMLAfter), want: foundPaid()},
		{
			name: "refused", channel: channel.DirectDebitMandiri, token: "expired-", deadline: giveUp,
			want: outcome{path: "sending failed", attempts: 1, status: refund.Failed, evidence: refund.ByResponse, source: jobs.SourceWorker, code: refund.CodeCustomerTokenInvalid.String()},
		},
		{
			name: "echoed no", channel: channel.EmoneyShopeePay, deadline: giveUp, refunds: echo("4050700", "s06"),
			want: refused("4050700"),
		},
		{name: "echoed later", channel: channel.DirectDebitAllo, refunds: echo("4030714", "s07"), want: retried("")},
	}
}

// keyTexts are the forms in which the merchant's RSA key could be printed.
func keyTexts(t *testing.T, f fixture) []string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(f.PrivateKey())
	if err != nil {
		t.Fatal(err)
	}
	d := f.PrivateKey().D
	return []string{
		base64.StdEncoding.EncodeToString(der)[400:448], d.String()[:40], d.Text(16)[:40],
		base64.StdEncoding.EncodeToString(d.Bytes())[:40], "PRIVATE KEY",
	}
}

func TestSecretsStandNowhereButInJobsAndTheirWaits(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: twiceInHand})
	p, log := &tap{}, &output{}
	base, addr := p.open(t, f.DOKUURL()), freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		cfg.BaseURL, cfg.HTTPAddr = base, addr
		cfg.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	secrets := append(keyTexts(t, f), f.Secret().Reveal())
	var customers []string
	publish := func(scenarios []scenario, first int) (trials []trial) {
		for i, r := range scenarios {
			d, body, planted := marked(t, r, fmt.Sprintf("s%02d", first+i))
			d.script(t, f, d.refundCalls(), d.refunds)
			f.publish(t, d.channel, body)
			customers, trials = append(customers, planted...), append(trials, d)
		}
		return trials
	}
	trials := publish(secretScenarios(), 0)
	waits, body, planted := marked(t, scenario{channel: channel.DirectDebitAllo, notBefore: time.Hour, want: paidAtOnce("")}, "waits")
	f.publish(t, waits.channel, body)
	customers = append(customers, planted...)
	for _, d := range trials {
		d.check(t, f)
	}
	// By itself: the B2B token that it ends is the one that any other would use.
	publish([]scenario{{name: "token renewed", channel: channel.DirectDebitCIMB, refunds: snapCode("4010701", 1), want: retried("")}}, len(trials))[0].check(t, f)
	// What is wrong with a job must be said without quoting it.
	const bad = "planted-bad"
	for _, text := range []string{
		`{"refund_id":"bad-1","channel":"direct_debit_bri","invoice_number":"I","amount":1,"customer":{"access_token":"` + bad + ` x"}}`,
		`{"refund_id":"bad-2","channel":"direct_debit_bri","customer":{"access_token":["` + bad + `"]},"surprise":"` + bad + `"}`,
		`{"refund_id":"bad-3","customer":{"access_token":"` + bad + `"`,
		`{"refund_id":"s00","channel":"direct_debit_mandiri","invoice_number":"` + bad + `","amount":1,"customer":{"access_token":"` + bad + `"}}`,
	} {
		f.publish(t, channel.DirectDebitBRI, text)
	}
	f.dead(t, 2)
	f.journal.state(t, waits.id, refund.Waiting)
	f.settled(t)

	tokens := regexp.MustCompile(`Authorization: Bearer (\S+)`).FindAllSubmatch(p.bytes(), -1)
	if len(tokens) == 0 {
		t.Fatal("no B2B token was seen")
	}
	for _, token := range tokens {
		secrets = append(secrets, string(token[1]))
	}
	f.searchEverything(t, log, addr, append(append(secrets, customers...), bad))
	found := func(where string, content []byte, values ...string) {
		t.Helper()
		if len(check.Secrets(where, content, values...)) != len(values) {
			t.Errorf("the search does not find what stands in %s", where)
		}
	}
	found("what DOKU was told", p.bytes(), "planted-access-s00", "planted-device-s06", plantedAddress("s07"), secrets[len(secrets)-1])
	found(stream.Waits, f.bodies(t, stream.Waits), "planted-access-waits", plantedAddress("waits"))
	found(stream.Dead, f.bodies(t, stream.Dead), bad)
}

// bodies are those of a stream that may hold secrets, without their headers.
func (f fixture) bodies(t *testing.T, stream string) []byte {
	t.Helper()
	var all []byte
	for _, msg := range f.stored(t, stream) {
		all = append(all, msg.Data...)
	}
	return all
}

// searchEverything looks for secrets wherever somebody can read, but in the
// bodies that may hold them.
func (f fixture) searchEverything(t *testing.T, log *output, addr string, secrets []string) {
	t.Helper()
	readable := map[string][]byte{"log": log.bytes()}
	for _, page := range []string{"/metrics", "/readyz", "/healthz"} {
		_, text := fetch(t, addr, page)
		readable[page] = []byte(text)
	}
	for _, name := range []string{stream.Jobs, stream.Waits, stream.Refunds, stream.Dead} {
		o := &output{}
		for _, msg := range f.stored(t, name) {
			if name != stream.Refunds {
				msg.Data = nil
			}
			o.add(name, msg)
		}
		readable[name] = o.bytes()
	}
	for name, content := range readable {
		if len(content) == 0 && name != stream.Jobs {
			t.Errorf("%s is empty", name)
		}
		for _, v := range check.Secrets(name, content, secrets...) {
			t.Error(v)
		}
	}
}
