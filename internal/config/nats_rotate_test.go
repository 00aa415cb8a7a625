package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"refundworker.example/refundworker/internal/config"
)

func serve(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoLog, o.NoSigs = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	return s
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// logged is a log that several goroutines write and one reads.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// patient is a connection that waits, and what is told of it.
type patient struct {
	nc   *nats.Conn
	log  logged
	up   chan struct{}
	down chan error

	mu  sync.Mutex
	now time.Time
}

func (p *patient) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *patient) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func dial(t *testing.T, f config.NATS) *patient {
	t.Helper()
	p := &patient{up: make(chan struct{}, 100), down: make(chan error, 10_000), now: time.Unix(1_800_000_000, 0)}
	var err error
	p.nc, _, err = f.Dial("test", true, config.NATSWatch{
		Log: slog.New(slog.NewJSONHandler(&p.log, nil)), Now: p.clock,
		Up: func() { p.up <- struct{}{} }, Down: func(err error) { p.down <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.nc.Close)
	return p
}

// refused waits until it is told why there is no connection.
func (p *patient) refused(t *testing.T, want string) {
	t.Helper()
	for limit := time.After(20 * time.Second); ; {
		select {
		case err := <-p.down:
			if strings.Contains(err.Error(), want) {
				return
			}
		case <-limit:
			t.Fatalf("never told: %s", want)
		}
	}
}

func (p *patient) connected(t *testing.T) {
	t.Helper()
	select {
	case <-p.up:
	case <-time.After(20 * time.Second):
		t.Fatalf("never connected: %s", p.log.String())
	}
}

// lines counts the lines of a level that tell of an outage.
func (p *patient) lines(t *testing.T, level string) (n int) {
	t.Helper()
	for text := range strings.Lines(p.log.String()) {
		var line struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Level == level && strings.HasPrefix(line.Msg, "not connected to NATS") {
			n++
		}
	}
	return n
}

// A password that is wrong from the start: the worker tries on, says so at error
// level, and once a minute again, and is there when the file has the right one.
func TestWrongPasswordAtStartIsToldAndOvercomeByItsFile(t *testing.T) {
	t.Parallel()
	s := serve(t, &server.Options{Users: []*server.User{{Username: "worker", Password: "planted-right"}}})
	host := s.Addr().String()
	f := natsFlags("nats://worker:planted-wrong@" + host)
	f.NATSURLFile = filepath.Join(t.TempDir(), "url")
	write(t, f.NATSURLFile, f.NATSURL+"\n")
	p := dial(t, f)
	for range 3 {
		p.refused(t, "refused")
	}
	if n := p.lines(t, "ERROR"); n != 1 {
		t.Errorf("%d lines at error level: %s", n, p.log.String())
	}
	p.pass(time.Minute)
	for range 3 {
		p.refused(t, "refused")
	}
	if n := p.lines(t, "ERROR"); n != 2 {
		t.Errorf("%d lines at error level after a minute: %s", n, p.log.String())
	}
	write(t, f.NATSURLFile, "")
	p.refused(t, "is empty")
	write(t, f.NATSURLFile, "nats://worker:planted%zz@"+host)
	p.refused(t, "no list of addresses")
	write(t, f.NATSURLFile, "nats://worker:planted-right@"+host+"\n")
	p.connected(t)
	if text := p.log.String(); strings.Contains(text, "planted") {
		t.Errorf("a password is in the log: %s", text)
	}
}

// The password changes at the server, and then in the file, while the worker is
// connected.
func TestPasswordThatChangesIsReadAtTheNextAttempt(t *testing.T) {
	t.Parallel()
	first := serve(t, &server.Options{Users: []*server.User{{Username: "u", Password: "old"}}})
	addr, _ := first.Addr().(*net.TCPAddr)
	host := first.Addr().String()
	f := natsFlags("nats://u:old@" + host)
	f.NATSURLFile = filepath.Join(t.TempDir(), "url")
	write(t, f.NATSURLFile, f.NATSURL)
	p := dial(t, f)
	p.connected(t)
	first.Shutdown()
	first.WaitForShutdown()
	serve(t, &server.Options{Port: addr.Port, Users: []*server.User{{Username: "u", Password: "new"}}})
	for range 3 {
		p.refused(t, "refused")
	}
	write(t, f.NATSURLFile, "nats://u:new@"+host)
	p.connected(t)
}

// The file may name other servers, too, and a token in the place of user and
// password.
func TestServersOfTheFileAreFollowed(t *testing.T) {
	t.Parallel()
	other := serve(t, &server.Options{Authorization: "planted-token"})
	f := natsFlags("nats://127.0.0.1:1,nats://u:p@127.0.0.1:2")
	f.NATSURLFile = filepath.Join(t.TempDir(), "url")
	write(t, f.NATSURLFile, f.NATSURL)
	p := dial(t, f)
	<-p.down
	write(t, f.NATSURLFile, "nats://planted-token@"+other.Addr().String())
	p.connected(t)
	if strings.Contains(p.log.String(), "planted") {
		t.Errorf("the token is in the log: %s", p.log.String())
	}
}

// A dead node of the list must not hide that the others refuse the login.
func TestRefusalIsToldThoughAnotherServerIsDead(t *testing.T) {
	t.Parallel()
	s := serve(t, &server.Options{Users: []*server.User{{Username: "u", Password: "right"}}})
	p := dial(t, natsFlags("nats://u:wrong@"+s.Addr().String()+",nats://u:wrong@127.0.0.1:1"))
	p.refused(t, "refused")
	p.refused(t, "refused")
}

func TestCredentialsAreReadAtEveryAttempt(t *testing.T) {
	t.Parallel()
	operator, operatorKey := keys(t, nkeys.CreateOperator)
	account, accountKey := keys(t, nkeys.CreateAccount)
	stranger, _ := keys(t, nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(accountKey)
	text, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(accountKey, text); err != nil {
		t.Fatal(err)
	}
	s := serve(t, &server.Options{TrustedKeys: []string{operatorKey}, AccountResolver: resolver})
	f := natsFlags(s.ClientURL())
	f.NATSCreds = filepath.Join(t.TempDir(), "creds")
	write(t, f.NATSCreds, credentials(t, stranger))
	p := dial(t, f)
	for range 3 {
		p.refused(t, "refused")
	}
	write(t, f.NATSCreds, credentials(t, account))
	p.connected(t)
}

func keys(t *testing.T, create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return pair, public
}

func credentials(t *testing.T, account nkeys.KeyPair) string {
	t.Helper()
	user, public := keys(t, nkeys.CreateUser)
	token, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCertificatesAreReadAtEveryAttempt(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	cert, key := ours.issue(t)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	s := serve(t, &server.Options{TLS: true, TLSVerify: true, TLSTimeout: 10, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	f := natsFlags("tls://" + s.Addr().String())
	dir := t.TempDir()
	f.NATSCA, f.NATSCert, f.NATSKey = filepath.Join(dir, "ca"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	write(t, f.NATSCA, theirs.text)
	cert, key = theirs.issue(t)
	write(t, f.NATSCert, cert)
	write(t, f.NATSKey, key)
	p := dial(t, f)
	for range 2 {
		p.refused(t, "certificate")
	}
	write(t, f.NATSCA, ours.text)
	cert, key = ours.issue(t)
	write(t, f.NATSKey, key)
	p.refused(t, "certificate") // half of the pair
	write(t, f.NATSCert, cert)
	p.connected(t)
}

// authority signs certificates of servers and clients on loopback.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	text string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.text = block("CERTIFICATE", der)
	return a
}

func (a *authority) issue(t *testing.T) (cert, key string) {
	t.Helper()
	own := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "loopback"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("EC PRIVATE KEY", text)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
