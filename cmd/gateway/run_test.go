package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
)

func TestMain(m *testing.M) {
	// The server's mirrors give up some seconds after their server has.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).setupMirrorConsumer.func3"))
}

// log is a buffer that the program writes while the test reads.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestBadSettingsAreNamedAndNothingStarts(t *testing.T) {
	t.Parallel()
	for args, name := range map[string]string{
		"": "GATEWAY_TOKENS_FILE", "--http-addr=0.0.0.0:0": "HTTP_ADDR", "--http-addr=:9467": "HTTP_ADDR", "--http-addr=9467": "HTTP_ADDR",
		"--rate=0.0": "GATEWAY_RATE", "--rate=-1": "GATEWAY_RATE", "--rate=NaN": "GATEWAY_RATE", "--behind-proxy=maybe": "GATEWAY_BEHIND_PROXY",
		"--max-waits=-1": "GATEWAY_MAX_WAITS", "--log-level=loud": "LOG_LEVEL", "--tls-cert=cert.pem": "GATEWAY_TLS_CERT",
		"--nats-inbox-prefix=*": "NATS_INBOX_PREFIX",
	} {
		var out, problems bytes.Buffer
		status := run(t.Context(), strings.Fields(args), nil, &out, &problems)
		if status != exitUsage || !strings.Contains(problems.String(), "gateway: "+name+": ") || out.Len() > 0 {
			t.Errorf("%s: status %d: %s", name, status, problems.String())
		}
	}
	var out, problems bytes.Buffer
	if status := run(t.Context(), []string{"--tokens-file=/nowhere"}, nil, &out, &problems); status != exitWrong || !strings.Contains(problems.String(), "GATEWAY_TOKENS_FILE") {
		t.Errorf("status %d: %s", status, problems.String())
	}
}

func TestATokenAndItsLine(t *testing.T) {
	t.Parallel()
	var out, problems bytes.Buffer
	if status := run(t.Context(), []string{"token", "shop"}, nil, &out, &problems); status != exitDone ||
		!regexp.MustCompile(`^shop [0-9a-f]{64}\n$`).MatchString(out.String()) || !regexp.MustCompile(`^rfgw_\S{43}\n$`).MatchString(problems.String()) {
		t.Errorf("status %d: %q %q", status, out.String(), problems.String())
	}
	out.Reset()
	problems.Reset()
	if status := run(t.Context(), []string{"token", "a b"}, nil, &out, &problems); status != exitUsage || out.Len() > 0 {
		t.Errorf("status %d: %q %q", status, out.String(), problems.String())
	}
}

// The whole program over TLS: it starts before NATS is there, takes a job once it is,
// reads a new certificate, and ends cleanly.
func TestItServesOverTLSFromBeforeNATSToTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stack, err := devstack.Start(context.WithoutCancel(ctx), devstack.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Stop)
	if _, err := (stream.SetupConfig{NoticeStream: true}).Run(ctx, stack.JS); err != nil {
		t.Fatal(err)
	}
	stack.NATS.Stop()
	dir := t.TempDir()
	certify(t, dir, "first")
	var line, token bytes.Buffer
	run(ctx, []string{"token", "shop"}, nil, &line, &token)
	tokens := filepath.Join(dir, "tokens")
	if err := os.WriteFile(tokens, line.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	ended, problems := make(chan int, 1), &log{}
	address := vacant(t)
	go func() {
		ended <- run(stopped, []string{
			"--nats-url", stack.NATS.URL(), "--tokens-file", tokens, "--http-addr", address,
			"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"),
		}, nil, io.Discard, problems)
	}()
	await(t, func() bool { return strings.Contains(problems.String(), `"msg":"gateway started"`) })
	if status, text := get(ctx, t, address, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "not connected to NATS") {
		t.Errorf("readyz: %d %s", status, text)
	}
	if err := stack.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { status, _ := get(ctx, t, address, "/readyz"); return status == http.StatusOK })
	job := `{"refund_id":"rf-1","channel":"credit_card","invoice_number":"INV-1","original_request_id":"pay-1","amount":1}`
	status, text := ask(ctx, t, http.MethodPost, address, "/v1/refunds", strings.TrimSpace(token.String()), job)
	if status != http.StatusAccepted {
		t.Errorf("publish: %d %s", status, text)
	}
	if _, text := get(ctx, t, address, "/metrics"); !strings.Contains(text, `refund_gateway_requests_total{route="/v1/refunds",status="202"} 1`) {
		t.Errorf("metrics: %s", text)
	}
	certify(t, dir, "second")
	if name := served(ctx, t, address); name != "second" {
		t.Errorf("it serves the certificate %s", name)
	}
	stop()
	if status := <-ended; status != exitDone || strings.Contains(problems.String(), strings.TrimSpace(token.String())) {
		t.Errorf("status %d: %s", status, problems.String())
	}
}

func vacant(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await asks until it is so; what it asks takes its time.
func await(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); {
		if time.Now().After(end) {
			t.Fatal("it did not come to be so")
		}
	}
}

func get(ctx context.Context, t *testing.T, address, path string) (int, string) {
	t.Helper()
	return ask(ctx, t, http.MethodGet, address, path, "", "")
}

func ask(ctx context.Context, t *testing.T, method, address, path, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, "https://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// served is the name in the certificate that a new connection is shown.
func served(ctx context.Context, t *testing.T, address string) string {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
}

// certify writes a certificate with its key, each newer than the one before.
func certify(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"key.pem": {Type: "EC PRIVATE KEY", Bytes: encoded}, "cert.pem": {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(time.Duration(len(name)) * time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "cert.pem"), at, at); err != nil {
		t.Fatal(fmt.Errorf("date the certificate: %w", err))
	}
}
