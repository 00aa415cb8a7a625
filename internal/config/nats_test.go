package config_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/proof/devstack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func natsFlags(url string) config.NATS {
	return config.NATS{NATSURL: url, NATSInboxPrefix: "_INBOX", NATSAPIPrefix: "$JS.API"}
}

func TestServerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	n, err := devstack.StartNATS(devstack.NATSConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	url := n.URL()
	n.Stop()
	up, down := make(chan struct{}, 10), make(chan error, 100)
	nc, _, err := natsFlags(url).Dial("test", true, config.NATSWatch{
		Log:  slog.New(slog.DiscardHandler),
		Up:   func() { up <- struct{}{} },
		Down: func(err error) { down <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	<-down
	if err := nc.Publish("a", nil); err == nil {
		t.Error("a publish was buffered for later")
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := config.AwaitNATS(soon, nc); err == nil {
		t.Error("connected to nothing")
	}
	if err := n.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := config.AwaitNATS(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
	<-up
}

func TestServerThatIsAwayIsAnErrorWhereNobodyWaits(t *testing.T) {
	t.Parallel()
	if _, _, err := natsFlags("nats://127.0.0.1:1").Dial("test", false, config.NATSWatch{}); err == nil {
		t.Error("connected to nothing")
	}
}

// A denied publish looks like a timeout to the publisher: the connection's
// error handler is the only one that learns of it.
func TestDenialIsTold(t *testing.T) {
	t.Parallel()
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		Users: []*server.User{{
			Username: "u", Password: "planted-password",
			Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"allowed"}}},
		}},
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
	denied := make(chan string, 1)
	var log strings.Builder
	url := strings.Replace(s.ClientURL(), "nats://", "nats://u:planted-password@", 1)
	nc, _, err := natsFlags(url).Dial("test", false, config.NATSWatch{
		Log:    slog.New(slog.NewJSONHandler(&log, nil)),
		Denied: func(what string) { denied <- what },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("refunds.results.forbidden", nil); err != nil {
		t.Fatal(err)
	}
	if what := <-denied; !strings.Contains(what, "refunds.results.forbidden") {
		t.Errorf("denied: %s", what)
	}
	nc.Close()
	if strings.Contains(log.String(), "planted-password") {
		t.Errorf("the password is in the log: %s", log.String())
	}
}

// A subject that the program can do without is not a reason to call it broken.
func TestDenialOfASpareSubjectIsLoggedOnceAndNotTold(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		Users: []*server.User{{
			Username: "u", Password: "p",
			Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{">"}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	denied := make(chan string, 10)
	var log strings.Builder
	nc, _, err := natsFlags(strings.Replace(s.ClientURL(), "nats://", "nats://u:p@", 1)).Dial("test", false, config.NATSWatch{
		Log: slog.New(slog.NewJSONHandler(&log, nil)), Denied: func(what string) { denied <- what }, Spare: "refunds.fleet.",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"refunds.fleet.status", "refunds.fleet.reply.x", "refunds.fleeting"} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	if what := <-denied; !strings.Contains(what, "refunds.fleeting") {
		t.Errorf("told: %s", what)
	}
	nc.Close()
	if n := strings.Count(log.String(), "refunds.fleet."); n != 1 || !strings.Contains(log.String(), `"level":"INFO"`) {
		t.Errorf("%d lines: %s", n, log.String())
	}
}

func TestURLMayStandInAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("nats://u:p@host:4222\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := natsFlags("nats://127.0.0.1:4222")
	f.NATSURLFile = file
	var p config.Problems
	f.Check(&p)
	if len(p) > 0 || f.NATSURL != "nats://u:p@host:4222" {
		t.Errorf("%q, %v", f.NATSURL, p)
	}
}

func TestBadAddressIsToldWithoutItsPassword(t *testing.T) {
	t.Parallel()
	const bad = "nats://u:planted-password@host:port:4222"
	_, _, err := natsFlags(bad).Dial("test", false, config.NATSWatch{})
	if err == nil || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "host:port:4222") {
		t.Errorf("err = %v", err)
	}
	for _, text := range []string{bad, "nats://127.0.0.1:4222," + bad, "", " , ", "http://host", "nats://",
		"nats://host:99999", "nats://host:0", "host:0", "nats://host:4222/path", "tls://planted:12/path", "ws://host,nats://host"} {
		f := natsFlags(text)
		var p config.Problems
		f.Check(&p)
		if len(p) != 1 || !strings.HasPrefix(p[0], "NATS_URL: ") || strings.Contains(p[0], "planted") {
			t.Errorf("%s: %q", text, p)
		}
	}
	for _, text := range []string{"127.0.0.1", "nats://u:p@a:4222, tls://b", "wss://c:443"} {
		f := natsFlags(text)
		var p config.Problems
		if f.Check(&p); len(p) > 0 {
			t.Errorf("%s: %q", text, p)
		}
	}
}

// A character that ends a part of a URL makes another address of what a person
// meant: the user's name for a host, say. No piece of it may be printed.
func TestPasswordThatIsNotEscapedIsToldWithoutAnyPieceOfIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"nats://planted:se#cret@host:4222", "nats://planted:se@cret@host:4222", "nats://planted:12#cret@host:4222",
		"nats://planted:12/cret@host:4222", "nats://planted:12?cret@host:4222", "nats://planted:se/cret@host", "nats://planted:se?cret@host",
		"nats://planted:12,cret@host:4222", "nats://planted:se,cret@host:4222", "nats://planted:se%cret@host:4222", "nats://planted:se cret@host",
		"planted:12#cret@host", "nats://planted#cret@host", "tls://a,nats://planted:12#cret@host:4222", "nats://planted:se[cret@host",
		"\"nats://planted:cret@host:4222\"", "'nats://planted:cret@host:4222'", "nats://planted:cret@host:4222\r", "\ufeffnats://planted:cret@host",
		"nats://planted:se\u00a0cret@host", "nats://planted:se\ncret@host:4222", "nats://planted:se\tcret@host:4222",
	} {
		file := filepath.Join(t.TempDir(), "url")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		byFile := natsFlags("")
		byFile.NATSURLFile = file
		for _, f := range []config.NATS{natsFlags(text), byFile} {
			var p config.Problems
			f.Check(&p)
			said := strings.Join(p, "\n")
			if len(p) == 0 || !strings.HasPrefix(said, "NATS_URL") {
				t.Errorf("%q: %q", text, p)
			}
			for _, piece := range []string{"planted", "cret", "12", "se#", "se@"} {
				if strings.Contains(strings.ReplaceAll(said, file, ""), piece) {
					t.Errorf("%q: %q repeats a piece of it", text, said)
				}
			}
		}
	}
	for _, text := range []string{
		"nats://u:se%23%40%2F%3F%2C%25cret@host:4222", "nats://token@a,nats://u:p@b", "u:p@a:4222,v:q@b:4222", "nats://u:p@a, v:q@b, c", "nats://a:4222/", " nats://u:p@a:4222 , tls://b ", "wss://c:443/nats",
	} {
		f := natsFlags(text)
		var p config.Problems
		if f.Check(&p); len(p) > 0 {
			t.Errorf("%s: %q", text, p)
		}
	}
}

// The client gives up for good when the servers refuse one login twice, unless
// it is told otherwise. A worker that holds an answer must not.
func TestPasswordThatIsWrongForAWhileIsOutlived(t *testing.T) {
	t.Parallel()
	options := func(password string, port int) *server.Options {
		return &server.Options{
			Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true,
			Users: []*server.User{{Username: "u", Password: password}},
		}
	}
	start := func(o *server.Options) *server.Server {
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("not ready")
		}
		return s
	}
	first := start(options("right", server.RANDOM_PORT))
	addr, ok := first.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no address")
	}
	down := make(chan error, 1000)
	nc, _, err := natsFlags(strings.Replace(first.ClientURL(), "nats://", "nats://u:right@", 1)).Dial("test", true, config.NATSWatch{
		Down: func(err error) { down <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := config.AwaitNATS(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
	first.Shutdown()
	first.WaitForShutdown()
	second := start(options("wrong", addr.Port))
	for refused := 0; refused < 3; {
		if err := <-down; strings.Contains(strings.ToLower(err.Error()), "authorization") {
			refused++
		}
	}
	second.Shutdown()
	second.WaitForShutdown()
	third := start(options("right", addr.Port))
	t.Cleanup(func() { third.Shutdown(); third.WaitForShutdown() })
	if err := config.AwaitNATS(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatHoldSomethingElseAreBadSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("planted-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*config.NATS){
		"NATS_CREDS": func(f *config.NATS) { f.NATSCreds = file },
		"NATS_CA":    func(f *config.NATS) { f.NATSCA = file },
		"NATS_CERT":  func(f *config.NATS) { f.NATSCert, f.NATSKey = file, file },
	} {
		f := natsFlags("nats://127.0.0.1:4222")
		change(&f)
		var p config.Problems
		f.Check(&p)
		if len(p) != 1 || !strings.HasPrefix(p[0], name+":") || strings.Contains(p[0], "planted") {
			t.Errorf("%s: %q", name, p)
		}
	}
}
