package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/proof/dokusim"
)

// run runs the program with o.
func perform(t *testing.T, o options, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	o.parent = t.TempDir()
	var out, problems bytes.Buffer
	status = runWith(t.Context(), o, args, strings.NewReader(""), &out, &problems)
	return status, out.String(), problems.String()
}

func TestTheWholeDemoAgreesToTheRupiah(t *testing.T) {
	t.Parallel()
	o := quick()
	status, out, problems := perform(t, o)
	if status != exitOK || problems != "" {
		t.Fatalf("status %d, %s\n%s", status, problems, out)
	}
	for _, a := range o.scenarios {
		if !strings.Contains(out, a.what) {
			t.Errorf("%s: %q is not told", a.name(), a.what)
		}
	}
	for _, want := range []string{
		"35 refunds: 27 succeeded, 3 failed, 3 rejected, 2 unresolved",
		"Succeeded by the results: Rp 947.076. Moved by the book: Rp 947.076.",
		"They agree, to the rupiah", " s.\n\nNext: ", "make demo KEEP=1",
	} {
		// A day's end forbids the repeat, and then that refund ends unresolved.
		if !strings.Contains(out, want) && !strings.Contains(out, "Note: repeated ") {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Note: ") && !strings.HasPrefix(line, "Note: repeated ") {
			t.Error(line)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("escape sequences though the output is no terminal")
	}
}

func TestTerminalRefusalCostsOneCallAndAThrottledRefundThree(t *testing.T) {
	t.Parallel()
	status, out, problems := perform(t, quick("too-much", "throttled", "too-late", "bad-job"))
	if status != exitOK {
		t.Fatalf("status %d, %s\n%s", status, problems, out)
	}
	for id, calls := range map[string]string{"too-much": "1", "throttled": "3", "too-late": "0", "bad-job": "0"} {
		if !regexp.MustCompile(`(?m)^` + id + ` +\S+ +\S+ +` + calls + ` .* ok$`).MatchString(out) {
			t.Errorf("%s: not %s calls:\n%s", id, calls, out)
		}
	}
}

func TestAnAlteredRowOfTheBookIsExitStatusOne(t *testing.T) {
	t.Parallel()
	few := []string{"seed-1", "INV-REF-0001", "too-late"}
	for name, alter := range map[string]func(*dokusim.Snapshot){
		"one rupiah more":    func(s *dokusim.Snapshot) { s.Movements[0].Amount++ },
		"one rupiah less":    func(s *dokusim.Snapshot) { s.Movements[1].Amount-- },
		"of another refund":  func(s *dokusim.Snapshot) { s.Movements[0].Key = "another" },
		"on another channel": func(s *dokusim.Snapshot) { s.Movements[1].Channel = dokusim.EmoneyOVO },
		"nothing altered":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quick(few...)
			o.alter = alter
			status, out, problems := perform(t, o)
			want, said := exitError, "THEY DO NOT AGREE"
			if alter == nil {
				want, said = exitOK, "They agree"
			}
			if status != want || !strings.Contains(out, said) || problems != "" {
				t.Errorf("status %d, %s\n%s", status, problems, out)
			}
		})
	}
}

func TestTakenPortsAreNamed(t *testing.T) {
	t.Parallel()
	taken := make([]net.Listener, 4)
	for i := range taken {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		taken[i] = l
	}
	o := quick("seed-1")
	o.natsPort = taken[0].Addr().(*net.TCPAddr).Port
	o.dokuAddr, o.httpAddr, o.gatewayAddr = taken[1].Addr().String(), taken[2].Addr().String(), taken[3].Addr().String()
	status, out, problems := perform(t, o, "--keep")
	if status != exitError || out != "" || strings.Count(problems, "\n") != 4 {
		t.Errorf("status %d, %s%s", status, out, problems)
	}
	for _, l := range taken {
		if !strings.Contains(problems, "demo: "+l.Addr().String()+", for ") {
			t.Errorf("%s is not named: %s", l.Addr(), problems)
		}
	}
}

func TestKeepStaysUpForJobsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	o := quick("seed-1")
	o.parent = t.TempDir()
	o.natsPort, o.dokuAddr, o.httpAddr = freePort(t), "127.0.0.1:0", "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, problems, ended := newTranscript(), newTranscript(), make(chan int, 1)
	go func() { ended <- runWith(ctx, o, []string{"--keep"}, nil, out, problems) }()
	out.await(t, "Changes, as they come:")

	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", o.natsPort))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Consumer(t.Context(), "REFUNDS", "shop"); err != nil {
		t.Errorf("the reader shop: %v", err)
	}
	settings := regexp.MustCompile(`(?m)^  \. '(.+)'$`).FindStringSubmatch(out.String())
	if settings == nil {
		t.Fatalf("no settings for refundctl: %s", out.String())
	}
	// As a person does, in a shell of his own.
	check := exec.CommandContext(t.Context(), "sh", "-c", `. "$1" && cat "$DOKU_SECRET_KEY_FILE" "$DOKU_PRIVATE_KEY_FILE" && echo "$NATS_URL $DOKU_ENV $DOKU_CLIENT_ID $DOKU_BASE_URL" && curl -sS -H "Authorization: Bearer $GATEWAY_TOKEN" "$GATEWAY_URL/v1/results"`, "sh", settings[1])
	text, err := check.Output()
	if err != nil || !strings.Contains(string(text), "BEGIN PRIVATE KEY") || strings.Count(string(text), "127.0.0.1") != 2 || !strings.Contains(string(text), `"results":[{"sequence":`) {
		t.Errorf("settings: %v, %s", err, text)
	}
	job := `{"refund_id":"try-1","channel":"emoney_ovo","invoice_number":"INV-TRY","amount":4711}`
	if _, err := js.Publish(t.Context(), "refunds.jobs.emoney_ovo", []byte(job)); err != nil {
		t.Fatal(err)
	}
	out.await(t, "try-1        emoney_ovo           succeeded   try 1, by response")
	stop()
	if status := <-ended; status != exitOK || problems.String() != "" {
		t.Errorf("status %d, %s", status, problems)
	}
	for _, hint := range []string{"go run ./cmd/enqueue --wait", "/_sim/faults", "/metrics", "worker.log", "Ctrl-C"} {
		if !strings.Contains(out.String(), hint) {
			t.Errorf("no word of %s", hint)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAnInterruptedDemoSaysSo(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, problems, ended := newTranscript(), newTranscript(), make(chan int, 1)
	o := quick("repeated")
	o.parent = t.TempDir()
	go func() { ended <- runWith(ctx, o, nil, nil, out, problems) }()
	out.await(t, "unknown")
	stop()
	if status := <-ended; status != exitError || problems.String() != "demo: interrupted\n" {
		t.Errorf("status %d, %s", status, problems)
	}
	if left, err := os.ReadDir(o.parent); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if strings.Contains(out.String(), "agree") {
		t.Errorf("a verdict on half a demo:\n%s", out)
	}
}

func TestADemoThatDoesNotEndIsAnError(t *testing.T) {
	t.Parallel()
	o := quick("seed-1")
	o.scenarios[0].refunds = []dokusim.Fault{{Kind: dokusim.TooMany, Count: -1}}
	o.limit = 5 * time.Second
	status, out, problems := perform(t, o)
	if status != exitError || !strings.Contains(problems, "wait for seed-1: the demo took too long") {
		t.Errorf("status %d, %s", status, problems)
	}
	_, dir, _ := strings.Cut(strings.TrimSpace(out), "are left in ")
	if _, err := os.Stat(logPath(dir)); err != nil {
		t.Errorf("nothing is left to look into: %v\n%s", err, out)
	}
}

func TestAWorkerThatEndsByItselfEndsTheDemo(t *testing.T) {
	t.Parallel()
	o := quick("seed-1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o.httpAddr = l.Addr().String() // taken after it was looked at
	var out bytes.Buffer
	_, err = runDemoIn(t.Context(), o, t.TempDir(), false, &out)
	if !errors.Is(err, errWorkerEnded) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

func TestHelpNamesWhatAUserMaySay(t *testing.T) {
	t.Parallel()
	status, out, problems := perform(t, quick(), "--help")
	if status != exitOK || problems != "" || !strings.Contains(out, "--keep") || strings.Contains(out, "killed-worker") {
		t.Errorf("status %d, %s%s", status, out, problems)
	}
	if status, _, problems := perform(t, quick(), "--kep"); status != exitUsage || !strings.HasPrefix(problems, "demo: unknown flag --kep") {
		t.Errorf("status %d, %s", status, problems)
	}
	if status, out, _ := perform(t, quick(), "--version"); status != exitOK || out != version+"\n" {
		t.Errorf("status %d, %s", status, out)
	}
	if status, _, problems := perform(t, quick(), "--killed-worker={"); status != exitUsage || !strings.HasPrefix(problems, "demo: read --killed-worker: ") {
		t.Errorf("status %d, %s", status, problems)
	}
}
