package doku

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// tunnel is an HTTP CONNECT proxy that asks for user and password.
func tunnel(t *testing.T, asked *atomic.Int32) *url.URL {
	t.Helper()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:p@ss"))
	address := rawServer(t, func(conn net.Conn, _ int) {
		r := bufio.NewReader(conn)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		asked.Add(1)
		if req.Method != http.MethodConnect || req.Header.Get("Proxy-Authorization") != want {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 Bad user:p@ss\r\nContent-Length: 0\r\n\r\n")
			return
		}
		there, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", req.Host)
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Any 2xx will do\r\n\r\n")
		var copying sync.WaitGroup
		copying.Go(func() { _, _ = io.Copy(there, r); _ = there.Close() })
		_, _ = io.Copy(conn, there)
		_ = conn.Close()
		copying.Wait()
	})
	return &url.URL{Scheme: "http", Host: strings.TrimPrefix(address, "http://"), User: url.UserPassword("user", "p@ss")}
}

func TestCallsGoThroughTheProxyThatWasChosen(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerSigned(w, r, 200, cardSuccessBody)
	}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newTestClient(t, s.URL, func(c *Config) { c.RootCAs, c.Proxy = roots, tunnel(t, &asked) })
	for range 3 {
		wantVerdict(t, c.Refund(t.Context(), cardOrder()), Succeeded, Plain)
	}
	if asked.Load() != 1 {
		t.Errorf("%d tunnels for one connection", asked.Load())
	}
}

func TestProxyThatRefusesSendsNothingAndIsNotQuoted(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	proxy := tunnel(t, &asked)
	proxy.User = url.UserPassword("user", "wrong-one")
	v := newTestClient(t, "http://127.0.0.1:1", func(c *Config) { c.Proxy = proxy }).Refund(t.Context(), cardOrder())
	wantVerdict(t, v, NotExecuted, NotWritten)
	if !strings.Contains(v.Problem, "407") || strings.Contains(v.Problem, "p@ss") || strings.Contains(v.Problem, "wrong-one") {
		t.Errorf("problem: %s", v.Problem)
	}
}

func TestProxyURLThatIsWrongIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"hush", "ftp://hush:1", "https://hush:1", "http://", "http://a:hush@b/path", "http://a:hush@b?x", "http://a:hu#sh@b:1",
		"http://a:hush%zz@b:1", "http://a:hush @b:1",
		"http://a:hush@b:99999", "http://a:hush@b:0",
	} {
		if _, err := ParseProxy(text); err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu#") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if u, err := ParseProxy("http://user:p%40ss@proxy.example:3128/"); err != nil || u.Host != "proxy.example:3128" {
		t.Errorf("%v, %v", u, err)
	}
}

func TestWantOfASocketSaysNothingAboutDOKU(t *testing.T) {
	t.Parallel()
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL} {
		c := newTestClient(t, "http://127.0.0.1", func(c *Config) {
			c.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", lack)}
			}
		})
		wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, NoSocket)
		if i := c.Inquire(t.Context(), cardOrder()); i.Cause != NoSocket {
			t.Errorf("inquiry: %+v", i)
		}
		failed := &PrepareError{}
		if err := c.Prepare(t.Context(), snapOrder().Channel); !errors.As(err, &failed) || failed.Cause != NoSocket {
			t.Errorf("token: %v", fmt.Sprint(err))
		}
	}
}

func TestProxyWhoseAnswerNeverEndsIsLeft(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	read := make(chan int)
	go func() {
		_, _ = http.ReadRequest(bufio.NewReader(theirs))
		n, err := theirs.Write([]byte("HTTP/1.1 200 OK\r\n"))
		line, sent := []byte("X-More: "+strings.Repeat("x", 1000)+"\r\n"), n
		for err == nil && sent < 4*maxAnswer {
			n, err = theirs.Write(line)
			sent += n
		}
		_ = theirs.Close()
		read <- sent
	}()
	if err := connect(ours, "api.doku.com:443", nil); err == nil {
		t.Error("a tunnel was made of half an answer")
	}
	_ = ours.Close()
	if sent := <-read; sent > maxAnswer {
		t.Errorf("%d bytes were read", sent)
	}
}
