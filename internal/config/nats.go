package config

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// NATS holds the settings of docs/contract.md, "Programs" that every program has.
type NATS struct {
	NATSURL         string `name:"nats-url" env:"NATS_URL" default:"nats://127.0.0.1:4222" help:"NATS servers, comma-separated." placeholder:"URL"`
	NATSURLFile     string `name:"nats-url-file" env:"NATS_URL_FILE" help:"File that holds NATS_URL, where it names a password." placeholder:"FILE"`
	NATSCreds       string `name:"nats-creds" env:"NATS_CREDS" help:"Credentials file." placeholder:"FILE"`
	NATSCA          string `name:"nats-ca" env:"NATS_CA" help:"File with the authority that signed the servers' certificates." placeholder:"FILE"`
	NATSCert        string `name:"nats-cert" env:"NATS_CERT" help:"Client certificate." placeholder:"FILE"`
	NATSKey         string `name:"nats-key" env:"NATS_KEY" help:"Key of the client certificate." placeholder:"FILE"`
	NATSInboxPrefix string `name:"nats-inbox-prefix" env:"NATS_INBOX_PREFIX" default:"_INBOX" help:"Where replies come, for users who may subscribe there alone." placeholder:"SUBJECT"`
	NATSAPIPrefix   string `name:"nats-js-api-prefix" env:"NATS_JS_API_PREFIX" default:"$JS.API" help:"JetStream's API, where it is imported from another account." placeholder:"SUBJECT"`
}

// Check reads NATS_URL_FILE, and adds what is wrong with the settings.
func (f *NATS) Check(p *Problems) {
	if f.NATSURLFile != "" {
		f.NATSURL = p.Secret("NATS_URL", "", f.NATSURLFile).Reveal()
	}
	if f.NATSURLFile == "" || f.NATSURL != "" { // else the file is the problem, and named
		checkServers(p, f.NATSURL)
	}
	checkFile(p, "NATS_CREDS", f.NATSCreds, "no credentials", func(text []byte) bool {
		_, tokenErr := nkeys.ParseDecoratedJWT(text)
		_, keyErr := nkeys.ParseDecoratedUserNKey(text)
		return tokenErr == nil && keyErr == nil
	})
	checkFile(p, "NATS_CA", f.NATSCA, "no certificate", x509.NewCertPool().AppendCertsFromPEM)
	if (f.NATSCert == "") != (f.NATSKey == "") {
		p.Add("NATS_CERT", "and NATS_KEY go together")
	} else if f.NATSCert != "" {
		if _, err := tls.LoadX509KeyPair(f.NATSCert, f.NATSKey); err != nil {
			p.Add("NATS_CERT", "and NATS_KEY: %s", err)
		}
	}
	for name, subject := range map[string]string{
		"NATS_INBOX_PREFIX": f.NATSInboxPrefix, "NATS_JS_API_PREFIX": f.NATSAPIPrefix,
	} {
		if subject == "" || strings.ContainsAny(subject, "*> \t\r\n") || strings.HasPrefix(subject, ".") || strings.HasSuffix(subject, ".") {
			p.Add(name, "%q is no subject to prefix others with", subject)
		}
	}
}

// checkFile finds a file that is away or holds something else than it should.
func checkFile(p *Problems, name, file, what string, good func([]byte) bool) {
	if file == "" {
		return
	}
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		p.Add(name, "%s", err)
	case EncodingFlaw(text) != "":
		p.Add(name, "%s %s", file, EncodingFlaw(text))
	case !good(text):
		p.Add(name, "%s: %s in it", file, what)
	}
}

// NATSWatch is told what happens on a connection. Its fields may be nil.
type NATSWatch struct {
	Log    *slog.Logger
	Up     func()            // connected, or connected again
	Down   func(error)       // connection lost, or not there yet
	Denied func(what string) // a permissions violation; the only sign that a publish or an ack was refused
	Spare  string            // beginning of subjects that the program can do without: denied, they are logged once and not told
	Now    func() time.Time  // default time.Now

	spared *sync.Once
}

func (w NATSWatch) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

// Dial returns a connection that keeps trying forever; with wait, it returns
// at once though no server is there yet, and takes no refusal for an answer: a
// password or a certificate may be changed. NATS_URL_FILE, NATS_CREDS and the
// certificates are read anew at every attempt. More options come after those of
// the settings: a server within the process, say.
func (f NATS) Dial(name string, wait bool, w NATSWatch, more ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	servers, err := newServers(f)
	if err != nil {
		return nil, nil, unreached(f.NATSURL, err)
	}
	w.spared = &sync.Once{}
	o := &outage{watch: w, servers: servers, used: servers.addresses()}
	nc, err := nats.Connect(strings.Join(o.used, ","), append(f.natsOptions(name, wait, o), more...)...)
	if err != nil {
		return nil, nil, unreached(f.NATSURL, err)
	}
	o.nc.Store(nc)
	js, err := f.jetStream(nc)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("use JetStream: %w", err)
	}
	return nc, js, nil
}

// unreached names the servers that were tried, without users and passwords,
// which an error about a bad address would quote.
func unreached(urls string, err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		err = bad.Err
	}
	var servers []string
	for server := range strings.SplitSeq(urls, ",") {
		server = server[strings.LastIndex(server, "@")+1:]
		if _, host, schemed := strings.Cut(server, "://"); schemed {
			server = host
		}
		host, _, _ := strings.Cut(server, "/")
		servers = append(servers, strings.TrimSpace(host))
	}
	return fmt.Errorf("connect to NATS: %w (%s)", err, strings.Join(servers, ", "))
}

func (f NATS) jetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	if f.NATSAPIPrefix != "" && f.NATSAPIPrefix != "$JS.API" {
		return jetstream.NewWithAPIPrefix(nc, f.NATSAPIPrefix)
	}
	return jetstream.New(nc)
}

func (f NATS) natsOptions(name string, wait bool, o *outage) []nats.Option {
	options := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(wait),
		nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(o.between),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(dialTimeout),
		nats.CustomInboxPrefix(f.NATSInboxPrefix),
		nats.SetCustomDialer(o.servers),
		nats.SkipHostLookup(),
		nats.UserInfoHandler(o.servers.userPassword),
		nats.TokenHandler(o.servers.token),
		nats.ErrorHandler(o.failed),
		nats.ConnectHandler(func(*nats.Conn) { o.up() }),
		nats.ReconnectHandler(func(*nats.Conn) { o.up() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { o.down(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { o.down(err) }),
	}
	if wait {
		// Without it the client gives up for good, and tells nobody, when the
		// servers refuse the same login twice: during a change of passwords.
		options = append(options, nats.IgnoreAuthErrorAbort())
	}
	if f.NATSCreds != "" {
		options = append(options, nats.UserCredentials(f.NATSCreds))
	}
	if f.NATSCA != "" {
		options = append(options, nats.RootCAs(f.NATSCA))
	}
	if f.NATSCert != "" {
		options = append(options, nats.ClientCert(f.NATSCert, f.NATSKey))
	}
	return options
}

// failed is the connection's error handler. Without it the client prints to
// stderr, in lines that are no JSON.
func (o *outage) failed(_ *nats.Conn, sub *nats.Subscription, err error) {
	w := o.watch
	if errors.Is(err, nats.ErrPermissionViolation) {
		if w.Spare != "" && strings.Contains(err.Error(), `"`+w.Spare) {
			w.mayBeDenied(err)
			return
		}
		if w.Log != nil {
			w.Log.Error("denied by NATS", "error", err)
		}
		if w.Denied != nil {
			w.Denied(err.Error())
		}
		return
	}
	if isRefusal(err) {
		o.down(err) // the first word about a reconnect that was refused
		return
	}
	if w.Log != nil {
		attrs := []any{"error", err}
		if sub != nil {
			attrs = append(attrs, "subject", sub.Subject)
		}
		w.Log.Warn("NATS reports an error", attrs...)
	}
}

// mayBeDenied logs once what is denied again at every reconnect.
func (w NATSWatch) mayBeDenied(err error) {
	w.spared.Do(func() {
		if w.Log != nil {
			w.Log.Info("denied by NATS, and not needed: operators do not see this worker", "error", err)
		}
	})
}

// AwaitNATS returns when nc is connected, or with ctx's error.
func AwaitNATS(ctx context.Context, nc *nats.Conn) error {
	changed := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(changed)
	for !nc.IsConnected() {
		if nc.IsClosed() {
			return nats.ErrConnectionClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed: // says it a moment before it is so; the loop asks
		}
	}
	return nil
}
