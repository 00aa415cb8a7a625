package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is a run of dokusim on a free port.
type program struct {
	settings map[string]string
	printed  string
	logs     *bytes.Buffer // to be read after stop
	stop     func() int
}

// start waits for the last line of settings.
func start(t *testing.T, args ...string) program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	p := program{settings: map[string]string{}, logs: &bytes.Buffer{}}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"--addr", "127.0.0.1:0"}, args...), strings.NewReader(""), write, p.logs)
		write.Close()
	}()
	p.stop = func() int { cancel(); return <-ended }
	lines := bufio.NewScanner(read)
	for p.settings["DOKU_PRIVATE_KEY_FILE"] == "" && lines.Scan() {
		p.printed += lines.Text() + "\n"
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		p.settings[name] = value
	}
	if p.settings["DOKU_PRIVATE_KEY_FILE"] == "" {
		t.Fatalf("status %d, logs %s", p.stop(), p.logs)
	}
	return p
}

// refund sends a card refund with the printed settings and returns the status.
func (p program) refund(t *testing.T, id string) int {
	t.Helper()
	secret, err := os.ReadFile(p.settings["DOKU_SECRET_KEY_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	body := `{"order":{"invoice_number":"INV-1"},"payment":{"original_request_id":"o-1"},"refund":{"amount":90000}}`
	const path = "/cancellation/credit-card/refund"
	sum, when := sha256.Sum256([]byte(body)), time.Now().UTC().Format("2006-01-02T15:04:05Z")
	mac := hmac.New(sha256.New, bytes.TrimSpace(secret))
	mac.Write([]byte("Client-Id:" + p.settings["DOKU_CLIENT_ID"] + "\nRequest-Id:" + id + "\nRequest-Timestamp:" + when +
		"\nRequest-Target:" + path + "\nDigest:" + base64.StdEncoding.EncodeToString(sum[:])))
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.settings["DOKU_BASE_URL"]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header = http.Header{
		"Client-Id": {p.settings["DOKU_CLIENT_ID"]}, "Request-Id": {id}, "Request-Timestamp": {when},
		"Signature": {"HMACSHA256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	return status(t, q)
}

func status(t *testing.T, q *http.Request) int {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	got, err := transport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	return got.StatusCode
}

func TestThePrintedSettingsAreAllThatAWorkerNeeds(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "its keys")
	p := start(t, "--keys", dir)
	for name, want := range map[string]string{
		"DOKU_ENV": "simulator", "DOKU_CLIENT_ID": "MCH-SIMULATOR",
		"DOKU_SECRET_KEY_FILE": "'" + dir + "/secret-key.txt'", "DOKU_PRIVATE_KEY_FILE": "'" + dir + "/private-key.pem'",
	} {
		if p.settings[name] != want {
			t.Errorf("%s is %q", name, p.settings[name])
		}
	}
	p.settings["DOKU_SECRET_KEY_FILE"] = dir + "/secret-key.txt"
	if got := p.refund(t, "r-1"); got != http.StatusOK {
		t.Errorf("the refund got %d", got)
	}
	if got := p.stop(); got != exitOK {
		t.Errorf("status %d", got)
	}
	if !strings.Contains(p.logs.String(), "simulator stopped") {
		t.Errorf("logs: %s", p.logs)
	}
}

func TestKeysAreForTheirOwnerAloneAndUsedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var first map[string]string
	for range 2 {
		if got := start(t, "--keys", dir).stop(); got != exitOK {
			t.Fatalf("status %d", got)
		}
		now := map[string]string{}
		for _, name := range []string{sharedName, privateName} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%s: %v, %v", name, info, err)
			}
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			now[name] = string(text)
		}
		if first != nil && (first[sharedName] != now[sharedName] || first[privateName] != now[privateName]) {
			t.Error("the keys were made anew")
		}
		first = now
	}
}

func TestTheBookAndItsRepeatsOutliveTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"--keys", dir, "--book", filepath.Join(dir, "book.ndjson")}
	first := start(t, args...)
	if got := first.refund(t, "r-1"); got != http.StatusOK {
		t.Errorf("the refund got %d", got)
	}
	first.stop()
	second := start(t, args...)
	defer second.stop()
	if got := second.refund(t, "r-1"); got != http.StatusConflict {
		t.Errorf("the repeat got %d", got)
	}
}

func TestFaultRateOfOneSparesNoRefund(t *testing.T) {
	t.Parallel()
	p := start(t, "--keys", t.TempDir(), "--fault-rate", "1", "--fault-kinds", "too_many")
	defer p.stop()
	if got := p.refund(t, "r-1"); got != http.StatusTooManyRequests {
		t.Errorf("the refund got %d", got)
	}
}

func TestEveryFaultOfTheHelpCanHaveARate(t *testing.T) {
	t.Parallel()
	for _, kind := range rateKinds() {
		p := start(t, "--keys", t.TempDir(), "--fault-rate", "0.5", "--fault-kinds", string(kind))
		if got := p.stop(); got != exitOK {
			t.Errorf("%s: status %d, %s", kind, got, p.logs)
		}
	}
}

func TestUnknownInvoicesAreRefusedWhenAsked(t *testing.T) {
	t.Parallel()
	p := start(t, "--keys", t.TempDir(), "--auto-payments", "0")
	defer p.stop()
	if got := p.refund(t, "r-1"); got != http.StatusNotFound {
		t.Errorf("the refund got %d", got)
	}
}

func TestASecretGivenAsTextIsNeverPrinted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "--keys", dir, "--secret-key", "hush-hush", "--log-level", "debug")
	p.stop()
	if strings.Contains(p.printed+p.logs.String(), "hush-hush") || p.settings["DOKU_SECRET_KEY_FILE"] != "" {
		t.Errorf("printed %s, logged %s", p.printed, p.logs)
	}
	if _, err := os.Stat(filepath.Join(dir, sharedName)); err == nil {
		t.Error("a secret was generated")
	}
}

func TestBadSettingsEndWithALineEach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		lines []string
	}{
		"several": {
			[]string{"--addr", "0.0.0.0:1", "--fault-rate", "NaN", "--client-id=", "--quirks", "odd", "--fault-kinds", "meteor", "--delay=-1s"},
			[]string{"--addr", "--client-id", "--delay", "--fault-rate", "--fault-kinds", "--quirks"},
		},
		"a bare refusal":  {[]string{"--fault-kinds", "refuse"}, []string{"--fault-kinds"}},
		"no address":      {[]string{"--addr", "here"}, []string{"--addr"}},
		"two secrets":     {[]string{"--secret-key", "hush-hush", "--secret-key-file", "x"}, []string{"--secret-key"}},
		"unknown flag":    {[]string{"--colour"}, []string{"--colour"}},
		"stray argument":  {[]string{"now"}, []string{"now"}},
		"not a duration":  {[]string{"--delay", "soon"}, []string{"--delay"}},
		"not a log level": {[]string{"--log-level", "loud"}, []string{"--log-level"}},
	} {
		var stdout, stderr bytes.Buffer
		got := run(t.Context(), append([]string{"--keys", "k"}, c.args...), nil, &stdout, &stderr)
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if got != exitUsage || stdout.Len() > 0 || len(lines) != len(c.lines) || strings.Contains(stderr.String(), "hush-hush") {
			t.Errorf("%s: status %d, %s%s", name, got, &stdout, &stderr)
			continue
		}
		for i, want := range c.lines {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: line %d is %s", name, i, lines[i])
			}
		}
	}
}

func TestWhatCannotStartEndsWithStatusOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, broken := filepath.Join(dir, "keys"), filepath.Join(dir, "broken")
	if err := os.Mkdir(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, privateName), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"bad book":            {"--keys", keys, "--book", filepath.Join(dir, "bad")},
		"no secret file":      {"--keys", keys, "--secret-key-file", filepath.Join(dir, "absent")},
		"bad private key":     {"--keys", broken},
		"keys are a file":     {"--keys", filepath.Join(dir, "bad")},
		"address not of ours": {"--keys", keys, "--addr", "192.0.2.1:1", "--expose"},
	} {
		var stdout, stderr bytes.Buffer
		got := run(t.Context(), append([]string{"--addr", "127.0.0.1:0"}, args...), nil, &stdout, &stderr)
		if got != exitError || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: status %d, %s%s", name, got, &stdout, &stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "absent")); err == nil {
		t.Error("a secret file that was named is made")
	}
}

func TestHelpNamesEveryFlagAndVariable(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), []string{"--help"}, nil, &stdout, &stderr); got != exitOK || stderr.Len() > 0 {
		t.Fatalf("status %d, %s", got, &stderr)
	}
	text := strings.Join(strings.Fields(stdout.String()), " ")
	for _, name := range []string{
		"addr", "auto-payments", "book", "client-id", "delay", "expose", "fault-kinds", "fault-rate", "keys",
		"log-level", "quirks", "secret-key", "secret-key-file", "seed",
	} {
		variable := "$DOKUSIM_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if !strings.Contains(text, "--"+name) || !strings.Contains(text, variable) {
			t.Errorf("--%s or %s is not in the help", name, variable)
		}
	}
}

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), []string{"--version"}, nil, &stdout, &stderr); got != exitOK || stdout.String() != version+"\n" {
		t.Errorf("status %d, %s%s", got, &stdout, &stderr)
	}
}

func TestShellWordsAreQuotedWhereTheyMust(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"/a/b-1.pem": "/a/b-1.pem", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'"} {
		if got := shellWord(text); got != want {
			t.Errorf("%q: got %s", text, got)
		}
	}
}
