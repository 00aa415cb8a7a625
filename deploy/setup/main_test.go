package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

// TestMain sets the passwords for the whole process: the parser of nats.conf
// reads the environment, and a parallel test must not change it.
func TestMain(m *testing.M) {
	for _, user := range []string{"SETUP", "WORKER", "OPERATOR", "METRICS", "PRODUCER", "SHOP"} {
		if err := os.Setenv("NATS_"+user+"_PASSWORD", strings.ToLower(user)+"-secret"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// broker serves the shipped nats.conf and returns its address.
func broker(t *testing.T) string {
	t.Helper()
	opts, err := server.ProcessConfigFile("../nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	opts.StoreDir, opts.NoSigs, opts.NoLog = t.TempDir(), true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server does not accept connections")
	}
	return strings.TrimPrefix(s.ClientURL(), "nats://")
}

// setUp runs the program as one user, the URL in a file as compose.yaml has it.
func setUp(t *testing.T, address, user string, more ...string) (status int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("nats://"+user+":"+user+"-secret@"+address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	args := append([]string{"--nats-url-file", file, "--nats-inbox-prefix", "_INBOX_" + user}, more...)
	status = run(t.Context(), args, &out, &problems)
	return status, out.String(), problems.String()
}

func TestSetupCreatesEverythingOnceWithItsOwnPermissions(t *testing.T) {
	t.Parallel()
	address := broker(t)
	status, out, problems := setUp(t, address, "setup", "--result-consumers", "shop,audit", "--notice-consumers", "orders")
	if status != 0 || !strings.Contains(out, "23 created") || strings.Count(problems, "warning: a new ledger began") != 1 {
		t.Fatalf("status %d, want 4 streams, 16 consumers and 3 readers:\n%s%s", status, out, problems)
	}
	for _, name := range []string{"REFUND_DEAD/orders\n", "REFUNDS\n", "REFUND_JOBS/worker_credit_card\n", "REFUND_WAITS/due_emoney_dana\n", "REFUNDS/audit\n"} {
		if !strings.Contains(out, "created "+name) {
			t.Errorf("%q is not said to be created:\n%s", name, out)
		}
	}
	if status, out, problems := setUp(t, address, "setup", "--result-consumers", "shop,audit", "--notice-consumers", "orders"); status != 0 || !strings.HasPrefix(out, "0 created") || problems != "" {
		t.Errorf("a second time: status %d\n%s%s", status, out, problems)
	}
}

func TestSetupUnderAnotherUserSaysWhatWasDeniedAndNoPassword(t *testing.T) {
	t.Parallel()
	address := broker(t)
	if status, _, problems := setUp(t, address, "setup"); status != 0 {
		t.Fatal(problems)
	}
	status, _, problems := setUp(t, address, "worker", "--result-consumers", "mine", "--timeout", "1s")
	if status != 1 || !strings.Contains(problems, "Permissions Violation") {
		t.Errorf("status %d: %s", status, problems)
	}
	if strings.Contains(problems, "worker-secret") {
		t.Errorf("the password is printed: %s", problems)
	}
}

func TestSetupWithoutServerOrWithAnUnknownFlagFails(t *testing.T) {
	t.Parallel()
	if status, _, problems := setUp(t, "127.0.0.1:1", "setup"); status != 1 || strings.Contains(problems, "setup-secret") {
		t.Errorf("no server: status %d: %s", status, problems)
	}
	if status, _, _ := setUp(t, "127.0.0.1:1", "setup", "--no-such-flag"); status != 2 {
		t.Errorf("unknown flag: status %d, want 2", status)
	}
}

func TestSetupWritesTheOwnerAndTheSize(t *testing.T) {
	t.Parallel()
	address := broker(t)
	if status, _, problems := setUp(t, address, "setup", "--ledger-must-exist"); status != 1 || !strings.Contains(problems, "LEDGER_MUST_EXIST") {
		t.Fatalf("status %d: %s", status, problems)
	}
	if status, _, problems := setUp(t, address, "setup", "--doku-client-id", "BRN-1", "--doku-env", "sandbox", "--jobs-max-bytes", "5MiB"); status != 0 {
		t.Fatal(problems)
	}
	nc, err := nats.Connect("nats://"+address, nats.UserInfo("setup", "setup-secret"), nats.CustomInboxPrefix("_INBOX_setup"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	for stream, wants := range map[string][]string{
		"REFUNDS": {`"client_id":"BRN-1"`, `"environment":"sandbox"`}, "REFUND_JOBS": {`"max_bytes":5242880`},
	} {
		info, err := nc.RequestWithContext(t.Context(), "$JS.API.STREAM.INFO."+stream, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(info.Data), want) {
				t.Errorf("%s has no %s: %s", stream, want, info.Data)
			}
		}
	}
	for _, bad := range [][]string{{"--jobs-max-bytes", "1k"}, {"--doku-client-id", "BRN-1"}, {"--doku-env", "test"}} {
		if status, _, _ := setUp(t, address, "setup", bad...); status != 2 {
			t.Errorf("%v: status %d, want 2", bad, status)
		}
	}
}
